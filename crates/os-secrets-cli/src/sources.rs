//! The variables of `run`, `env` and `check`, before their secrets are read.
//!
//! They come from the project file, the environment and dotenv files. The environment comes before the project file: who
//! sets a variable has decided about it, and a cloned repository must not change what the user has set. A file that is
//! named with `--env-file` comes before both.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::Path,
};

use crate::{
    args::SourceArgs,
    child::is_same_variable,
    context::Context,
    dotenv,
    exit_codes::SUCCESS,
    failure::Failure,
    output::printable,
    project::{self, Declared, leads_to_store},
    wanted::Wanted,
};
use os_secrets::{
    credential::Secret,
    environment::{Process, Variables, absolute_path},
    error::Error,
    printable::printable_path,
};

/// The variables, and what is known of them before their secrets are read.
pub struct Sources {
    /// What the variables are to hold.
    pub wanted: BTreeMap<OsString, Wanted>,
    /// The variables of the project file that are set in the environment, and so stay as they are.
    pub inherited: Vec<OsString>,
}

/// Collects the variables. Says on standard error which project file is used.
///
/// # Errors
///
/// All that is wrong with the files and references is printed first.
pub fn collect(context: &Context, sources: &SourceArgs) -> Result<Sources, Failure> {
    let mut problems = Problems::new(context);
    let mut collected = Sources { wanted: BTreeMap::new(), inherited: Vec::new() };
    let environment: Vec<_> = env::vars_os().collect();
    if let Some(project) = problems.catch(read_project(context, sources)).flatten() {
        for Declared { name, wanted } in project.variables {
            let name = OsString::from(name);
            if environment.iter().any(|(other, _)| is_same_variable(other, &name)) {
                collected.inherited.push(name);
            } else {
                collected.wanted.insert(name, wanted);
            }
        }
        collected.announce(context, &project.source);
    }
    for (name, value) in environment {
        let value = Secret::new(value.into_encoded_bytes());
        if !matches!(Wanted::of_value(&value), Ok(Wanted { secret: None, .. })) {
            collected.set(name, &value, &mut problems);
        }
    }
    for file in &sources.env_files {
        for variable in problems.catch(context.read_dotenv(Some(file))).unwrap_or_default() {
            if leads_to_store(&variable.name) {
                problems.add(refuse(&context.path(file), &variable));
                continue;
            }
            collected.set(variable.name.into(), &variable.value, &mut problems);
        }
    }
    problems.finish()?;
    Ok(collected)
}

/// A project file's variables of the chosen profile.
struct Project {
    /// The file and the profile, for messages.
    source: String,
    variables: Vec<Declared>,
}

impl Sources {
    /// Says which project file is used, and for which variables: nothing of a stranger's file is used unsaid. No other
    /// variables may be collected yet.
    fn announce(&self, context: &Context, source: &str) {
        let join = |names: Vec<&OsString>| {
            names.into_iter().map(|name| name.to_string_lossy()).collect::<Vec<_>>().join(", ")
        };
        let set = join(self.wanted.keys().collect());
        let set = if set.is_empty() { "no variable".into() } else { set };
        let inherited = match join(self.inherited.iter().collect()) {
            names if names.is_empty() => names,
            names => format!("; your environment sets {names}"),
        };
        context.note(&format!("using {source} for {set}{inherited}"));
    }

    fn set(&mut self, name: OsString, value: &Secret, problems: &mut Problems<'_>) {
        let wanted = Wanted::of_value(value).map_err(|error| {
            let error = Error::Of { of: label(&name), error: Box::new(error) };
            problems.context.with_advice(error, value.expose())
        });
        if let Some(wanted) = problems.catch(wanted) {
            self.wanted.retain(|known, _| !is_same_variable(known, &name));
            self.inherited.retain(|known| !is_same_variable(known, &name));
            self.wanted.insert(name, wanted);
        }
    }
}

/// A variable in messages.
pub fn label(variable: &OsStr) -> String {
    format!("the variable {}", printable(&variable.to_string_lossy()))
}

/// Problems that are printed one by one, so that the user sees all of them.
pub struct Problems<'a> {
    context: &'a Context,
    /// The highest exit code.
    code: i32,
}

impl<'a> Problems<'a> {
    pub fn new(context: &'a Context) -> Self {
        Self { context, code: SUCCESS }
    }

    /// Prints a problem.
    pub fn add(&mut self, problem: Failure) {
        self.code = self.code.max(problem.exit_code(self.context.program));
        if let Some(message) = problem.message() {
            self.context.print_message(&message);
        }
    }

    /// The value of a result. A failure is printed.
    pub fn catch<T>(&mut self, result: Result<T, Failure>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }

    /// Fails if there was a problem.
    pub fn finish(self) -> Result<(), Failure> {
        if self.code == SUCCESS { Ok(()) } else { Err(Failure::Silent(self.code)) }
    }
}

/// Reads the project file. Returns `None` if there is none.
fn read_project(context: &Context, sources: &SourceArgs) -> Result<Option<Project>, Failure> {
    if sources.no_project {
        return Ok(None);
    }
    let profile = match &sources.profile {
        Some(profile) => Some(profile.clone()),
        None => Process.get("OS_SECRETS_PROFILE"),
    };
    let profile = profile.as_deref().map(OsStr::to_string_lossy);
    let Some(file) = project::read_nearest(&context.directory).map_err(Failure::Failed)? else {
        return match sources.profile {
            None => Ok(None),
            Some(_) => Err(Failure::Usage(format!(
                "--profile needs a project file, and there is no {} in {} or above it in its repository",
                project::FILE,
                printable_path(absolute_path(&context.directory))
            ))),
        };
    };
    let path = printable_path(&file.path);
    let document = match project::parse(&file.content) {
        Ok(document) => document,
        Err(found) => {
            let mut problems = Problems::new(context);
            for problem in found {
                problems.add(Failure::Refused(format!("{path}{problem}").into()));
            }
            return problems.finish().map(|()| None);
        }
    };
    let variables = document.into_variables(profile.as_deref()).map_err(|known| {
        let profile = printable(profile.as_deref().unwrap_or_default());
        Failure::Refused(format!("{path} has no profile {profile}; {known}").into())
    })?;
    let profile = profile.map(|profile| format!(" (profile {profile})")).unwrap_or_default();
    Ok(Some(Project { source: path + &profile, variables }))
}

fn refuse(path: &Path, variable: &dotenv::Variable) -> Failure {
    let message = format!(
        "{} sets {} in line {}, and an env file must not choose the store, its key or the place of the settings. Remove \
         the line; if you want the setting, set the variable before you start secrets",
        printable_path(path),
        variable.name,
        variable.lines[0]
    );
    Failure::Refused(message.into())
}
