//! pnpm: `tokenHelper` in its `auth.ini`. See [Authentication settings](https://pnpm.io/npmrc#urltokenhelper).
//!
//! pnpm starts a program without arguments. So each registry gets a small program of its own.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{
    FileChange, Recorded, Replacement, SetupClient,
    edit::{line_break, replace_parts},
    file::ClientFile,
    own_program::find_own_program,
};
use crate::{
    context::Context,
    failure::Failure,
    helpers::npm::registry_key,
    plain::npmrc::{pnpm_file, settings},
};
use os_secrets::{
    environment::{Process, data_directory},
    file::shell_word,
    printable::printable_path,
};

/// The registry if none is named.
const DEFAULT_REGISTRY: &str = "//registry.npmjs.org/";
/// What pnpm does not allow in a command, besides spaces.
const RESERVED: [char; 5] = ['$', '%', '`', '"', '\''];

/// pnpm.
pub struct Pnpm;

fn place() -> Result<(PathBuf, PathBuf), Failure> {
    let programs = data_directory(&Process).map(|folder| folder.join("os-secrets").join("pnpm"));
    pnpm_file()
        .zip(programs)
        .ok_or_else(|| Failure::Refused("your home directory is not known. Set HOME to its path".into()))
}

/// The name of the program for a registry. Two registries have different names.
fn program_name(registry: &str) -> String {
    let mut name = String::new();
    for byte in registry.trim_matches('/').bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => name.push(char::from(byte)),
            _ => name.push_str(&format!("_{byte:02X}")),
        }
    }
    name + if cfg!(windows) { ".cmd" } else { "" }
}

/// The program for a registry.
fn program(secrets: &Path, registry: &str) -> String {
    if cfg!(windows) {
        return format!("@\"{}\" helper npm {registry}\r\n", secrets.display());
    }
    format!("#!/bin/sh\nexec {} helper npm '{registry}'\n", shell_word(secrets))
}

impl SetupClient for Pnpm {
    fn name(&self) -> &'static str {
        "pnpm"
    }

    fn changes(&self, context: &Context, selected: Option<&str>) -> Result<Vec<FileChange>, Failure> {
        let registry = registry_key(selected.unwrap_or(DEFAULT_REGISTRY)).ok_or_else(|| {
            Failure::Usage("name the registry by its URL, such as https://registry.npmjs.org/".into())
        })?;
        let (path, programs) = place()?;
        let helper = programs.join(program_name(&registry));
        let value = helper
            .to_str()
            .filter(|path| !path.contains(char::is_whitespace) && !path.contains(RESERVED))
            .ok_or_else(|| {
                let path = printable_path(&helper);
                Failure::Refused(
                    format!("pnpm cannot start {path}: the path has spaces or quotes. Set XDG_DATA_HOME to another directory")
                        .into(),
                )
            })?;
        let secrets = find_own_program(context, "secrets").ok_or_else(|| {
            Failure::Refused(
                "secrets is neither in PATH nor beside this program. Install os-secrets again".into(),
            )
        })?;
        let is_plain = |path: &str| !path.contains('%') && !path.contains(char::is_control);
        if cfg!(windows) && !secrets.path.to_str().is_some_and(is_plain) {
            let path = printable_path(&secrets.path);
            return Err(Failure::Refused(
                format!("a script cannot start {path}: the path has % or is not text. Install os-secrets in another directory")
                    .into(),
            ));
        }
        let mut changes = Vec::new();
        let file = ClientFile::read(&helper).map_err(Failure::Failed)?;
        let (old, new) = (file.text().map_err(Failure::Failed)?, program(&secrets.path, &registry));
        changes.extend(FileChange::of_script(helper.clone(), old, new));
        let file = ClientFile::read(&path).map_err(Failure::Failed)?;
        let text = file.text().map_err(Failure::Failed)?;
        let key = format!("{registry}:tokenHelper");
        let found = settings(text).filter(|setting| setting.key == key).last();
        if found.as_ref().is_none_or(|setting| setting.value != value) {
            let newline = line_break(text);
            let new = format!("{key}={value}{newline}");
            let replacement = match found {
                Some(setting) => Replacement::of_part(text, setting.line, new),
                // Before all sections.
                None => Replacement::insert(if text.starts_with('\u{feff}') { 3 } else { 0 }, new),
            };
            changes.push(FileChange::of_text(path, text, vec![replacement]));
        }
        Ok(changes)
    }

    fn without_ours(&self, change: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        let (path, programs) = place()?;
        if change.path != path {
            return Ok(None);
        }
        // Each setting that we have written, with the line that was there before.
        let made: Vec<_> = change
            .replacements
            .iter()
            .flat_map(|replacement| settings(&replacement.new).map(|ours| (ours.key, &**replacement.old)))
            .collect();
        let ours: Vec<_> = settings(content)
            .filter(|setting| is_ours(setting.key, setting.value, &programs))
            .filter_map(|setting| {
                let (_, former) = made.iter().find(|(key, _)| *key == setting.key)?;
                Some((setting.line, *former))
            })
            .collect();
        Ok((!ours.is_empty()).then(|| replace_parts(content, &ours)))
    }

    fn is_set_up(&self, _: &Context) -> Result<bool, Failure> {
        let (path, programs) = place()?;
        let file = ClientFile::read(&path).map_err(Failure::Failed)?;
        let text = file.text().map_err(Failure::Failed)?;
        Ok(settings(text).any(|setting| is_ours(setting.key, setting.value, &programs)))
    }
}

fn is_ours(key: &str, value: &str, programs: &Path) -> bool {
    key.ends_with(":tokenHelper") && Path::new(value).parent() == Some(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_registry_has_its_own_program() {
        assert!(program_name("//a.b/c/").starts_with("a.b_2Fc"));
        let names: Vec<_> = ["//a/b/", "//a_2Fb/", "//a-b/", "//a:b/"].map(program_name).into();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[at + 1..].contains(name), "{name}");
            assert!(!name.contains(RESERVED) && !name.contains('/'));
        }
    }
}
