//! What is too large for the system to start a command with.

use std::{
    cmp::Reverse,
    env,
    ffi::{OsStr, OsString},
};

use super::Variable;
use crate::{
    child::{
        SIZE_UNIT, is_same_variable, max_environment, max_variable, size_for_system, withheld_variables,
    },
    output::printable,
};

/// The number of variables to name.
const NAMED: usize = 3;
/// The size of the pointer that the system keeps for each variable and argument.
const POINTER: usize = usize::BITS as usize / 8;

/// Why the system cannot take a variable with this value, if it cannot.
pub fn excess(variable: &Variable, value: &OsStr) -> Option<String> {
    let (size, limit) = (size_in_environment(&variable.name, value), max_variable()?);
    (size > limit).then(|| {
        format!(
            "{} has {size} {SIZE_UNIT} with its name, and the system takes at most {limit}{}",
            variable.label(),
            variable.file_advice()
        )
    })
}

/// Why the system cannot start a command with these words and variables, and all the inherited ones.
pub fn describe_all(words: &[OsString], variables: &[(&Variable, &OsStr)]) -> String {
    let set = variables
        .iter()
        .map(|(variable, value)| (variable.name.clone(), size_in_environment(&variable.name, value)));
    let is_inherited = |name: &OsString| {
        !withheld_variables().any(|other| is_same_variable(name, other.as_ref()))
            && !variables.iter().any(|(variable, _)| is_same_variable(name, &variable.name))
    };
    let inherited = env::vars_os().filter(|(name, _)| is_inherited(name));
    let inherited = inherited.map(|(name, value)| {
        let size = size_in_environment(&name, &value);
        (name, size)
    });
    let mut sizes: Vec<_> = set.chain(inherited).collect();
    sizes.sort_by_key(|(_, size)| Reverse(*size));
    let of_variables: usize = sizes.iter().map(|(_, size)| size + POINTER).sum();
    let of_words: usize = words.iter().map(|word| size_for_system(word) + 1 + POINTER).sum();
    let limit = max_environment().map(|limit| format!(" of about {limit}")).unwrap_or_default();
    let largest: Vec<_> = sizes
        .iter()
        .take(NAMED)
        .map(|(name, size)| format!("{} ({size})", printable(&name.to_string_lossy())))
        .collect();
    format!(
        "The environment is too large to run {}: the variables have {of_variables} {SIZE_UNIT} and the arguments \
         {of_words}, which is more than the system's limit{limit}. The largest variables are {}. Use secret-file:NAME in \
         place of secret:NAME, which gives the command the path of a private file",
        printable(&words[0].to_string_lossy()),
        largest.join(", ")
    )
}

/// The size of a variable with its name, `=` and the NUL at its end.
fn size_in_environment(name: &OsStr, value: &OsStr) -> usize {
    size_for_system(name) + size_for_system(value) + 2
}
