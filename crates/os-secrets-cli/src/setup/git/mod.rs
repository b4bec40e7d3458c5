//! `setup git`: git asks us for its passwords, and no other helper.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | the change to the user's configuration |
//! | `config.rs` | where the variables of a configuration file stand |
//! | `asked.rs` | which helpers git asks, for the notes |

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    ClientLock, FileChange, Recorded, Replacement, SetupClient,
    edit::{apply, cut, line_break, revert},
    file::ClientFile,
    own_program::find_own_program,
};
use crate::{context::Context, failure::Failure};
use config::{GitConfig, end_of_line, start_of_line};
use os_secrets::{
    environment::{Process, Variables, absolute_path},
    error::Error,
    printable::printable_path,
};

mod asked;
mod config;

/// The program that git starts.
const PROGRAM: &str = "git-credential-os-secrets";
/// What git calls it if it is in `PATH`.
const SHORT_NAME: &str = "os-secrets";
/// The helper that keeps passwords in a plain file.
const PLAIN_HELPER: &str = "store";

/// git.
pub struct Git;

impl SetupClient for Git {
    fn name(&self) -> &'static str {
        "git"
    }

    fn changes(&self, context: &Context, selected: Option<&str>) -> Result<Vec<FileChange>, Failure> {
        if selected.is_some() {
            return Err(Failure::Usage("secrets setup git takes no further word".into()));
        }
        let files = Files::of_user()?;
        let helpers = files.read_helpers()?;
        let active = active(&helpers);
        // A helper that keeps passwords in a plain file would get every password, too.
        if active.iter().any(|helper| is_ours(helper)) && !active.contains(&PLAIN_HELPER) {
            return Ok(Vec::new());
        }
        let file = ClientFile::read(files.changed())?;
        let text = file.text()?;
        let config = parse(files.changed(), text)?;
        let block = insert_block(text, &config, &helper_value(context)?).ok_or_else(|| {
            let path = printable_path(files.changed());
            Failure::Refused(
                format!("{path} cannot be changed so that git reads the rest as before. Add an empty line at its end").into(),
            )
        })?;
        Ok(vec![FileChange::of_text(files.changed().to_owned(), text, vec![block])])
    }

    fn lock(&self) -> ClientLock {
        ClientLock::BesideTarget
    }

    /// A variable that `git config` has added to our section would lose its section, and a section after ours would become
    /// part of a value whose last line ends with a backslash.
    fn can_revert(&self, change: &Recorded, content: &str) -> bool {
        let Some(without) = revert(content, &change.replacements) else { return false };
        match (GitConfig::parse(&without), GitConfig::parse(content)) {
            (Ok(without), Ok(with)) => adds_block(&without, &with),
            _ => false,
        }
    }

    fn without_ours(&self, change: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        let config = parse(&change.path, content)?;
        let cuts = change.replacements.iter().find_map(|replacement| {
            let inserted = GitConfig::parse(&replacement.new).ok()?;
            let (_, value) = inserted.helpers().last()?;
            find_ours(&config, content, value)
        });
        Ok(cuts.map(|cuts| cut(content, &cuts)))
    }

    fn is_set_up(&self, _: &Context) -> Result<bool, Failure> {
        let helpers = Files::of_user()?.read_helpers()?;
        Ok(active(&helpers).iter().any(|helper| is_ours(helper)))
    }

    fn notes(&self, context: &Context) -> Vec<String> {
        asked::describe_former(context)
    }

    fn warnings(&self, context: &Context, _: Option<&str>) -> Vec<String> {
        asked::describe_others(context)
    }
}

/// The user's configuration files, in the order in which git reads them. Not all of them need to exist.
struct Files(Vec<PathBuf>);

impl Files {
    /// The files of this user: `$GIT_CONFIG_GLOBAL` alone, or `git/config` in the directory for configuration files and
    /// `~/.gitconfig`.
    fn of_user() -> Result<Self, Failure> {
        if let Some(path) = Process.get("GIT_CONFIG_GLOBAL") {
            return Ok(Self(vec![absolute_path(Path::new(&path))]));
        }
        let home = crate::plain::home_of_git().ok_or_else(|| {
            Error::InvalidSetting(
                "Your git configuration cannot be found. Set HOME to your home directory".into(),
            )
        })?;
        let directory = Process.directory("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        Ok(Self(vec![directory.join("git").join("config"), home.join(".gitconfig")]))
    }

    /// The file that `git config --global` changes: the second one, unless only the first exists.
    fn changed(&self) -> &Path {
        match &*self.0 {
            [first, second] if first.exists() && !second.exists() => first,
            [.., last] => last,
            [] => Path::new(""),
        }
    }

    /// The helpers that are not for one URL only, in their order. An empty one resets those before.
    fn read_helpers(&self) -> Result<Vec<Zeroizing<String>>, Failure> {
        let mut helpers = Vec::new();
        for path in &self.0 {
            let file = ClientFile::read(path)?;
            let config = parse(path, file.text()?)?;
            let general = config.helpers().filter(|(url, _)| url.is_none());
            helpers.extend(general.map(|(_, helper)| Zeroizing::new(helper.to_owned())));
        }
        Ok(helpers)
    }
}

fn parse(path: &Path, text: &str) -> Result<GitConfig, Failure> {
    GitConfig::parse(text).map_err(|line| {
        let reason = format!("is not a git configuration: git does not take line {line}. Correct the line");
        Failure::Failed(Error::InvalidFile { path: path.into(), reason })
    })
}

/// The helpers that git asks, of all that are configured.
fn active<H: AsRef<str>>(helpers: &[H]) -> Vec<&str> {
    let helpers = helpers.iter().map(AsRef::as_ref);
    helpers.fold(Vec::new(), |mut active, helper| {
        if helper.is_empty() {
            active.clear();
        } else {
            active.push(helper);
        }
        active
    })
}

/// Whether a helper is this program, under any of its names.
fn is_ours(helper: &str) -> bool {
    let command = helper.strip_prefix('!').unwrap_or(helper).replace(['\'', '"'], "");
    let words: Vec<_> = command.split_whitespace().collect();
    // A space in a path is escaped.
    let (mut program, mut rest) = (String::new(), &*words);
    while let [word, others @ ..] = rest {
        rest = others;
        program.push_str(word);
        if !word.ends_with('\\') {
            break;
        }
    }
    let file = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = [".exe", ".cmd", ".js"].iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file);
    match name {
        PROGRAM => true,
        SHORT_NAME if !helper.starts_with('!') && program == SHORT_NAME => true,
        "secrets" | "os-secrets" => helper.starts_with('!') && rest.starts_with(&["helper", "git"]),
        _ => false,
    }
}

/// How git is told to start us.
fn helper_value(context: &Context) -> Result<String, Failure> {
    let program = find_own_program(context, PROGRAM).ok_or_else(|| {
        Failure::Refused(
            format!(
                "The program {PROGRAM} is neither in your PATH nor beside this one. Install it with npm install \
                 --global os-secrets, or with cargo install os-secrets-cli"
            )
            .into(),
        )
    })?;
    if program.is_in_path {
        return Ok(SHORT_NAME.into());
    }
    as_command(&program.path).ok_or_else(|| {
        let shown = printable_path(&program.path);
        Failure::Refused(format!("git cannot start {shown}. Move it to a path of ordinary characters").into())
    })
}

/// A path as git gives it to a shell. It must begin as an absolute path does, so that it is not quoted as a whole.
fn as_command(path: &Path) -> Option<String> {
    let path = path.to_str()?;
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    let mut command = String::new();
    for c in path.chars() {
        if c.is_control() {
            return None;
        }
        if !c.is_alphanumeric() && !"/:._-+@%,=".contains(c) {
            command.push('\\');
        }
        command.push(c);
    }
    Some(command)
}

/// A value as a configuration file has it.
fn quote(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    match value.chars().all(|c| c.is_alphanumeric() || "/:._-".contains(c)) {
        true => escaped,
        false => format!("\"{escaped}\""),
    }
}

/// What makes git ask only us. It stands after all helpers that are for every URL, and if there are none, before those that
/// are for one: a helper that the user has chosen for a URL stays. `None` if git would read something else differently then.
fn insert_block(text: &str, config: &GitConfig, helper: &str) -> Option<Replacement> {
    let newline = line_break(text);
    let at = find_place(text, config);
    let is_line = text[..at].is_empty() || text[..at].ends_with(['\n', '\u{feff}']);
    let value = quote(helper);
    let block = format!("[credential]{newline}\thelper ={newline}\thelper = {value}{newline}");
    // A backslash at the end of a file continues the value in our first line, which must then be an empty one.
    let breaks = usize::from(!is_line)..=usize::from(!is_line) + 1;
    breaks.map(|count| Replacement::insert(at, newline.repeat(count) + &block)).find(|change| {
        let changed = apply(text, std::slice::from_ref(change));
        GitConfig::parse(&changed).is_ok_and(|changed| adds_block(config, &changed))
    })
}

/// Whether a configuration has the variables of another one and two helpers more, of which the first resets those before.
fn adds_block(without: &GitConfig, with: &GitConfig) -> bool {
    let (without, with): (Vec<_>, Vec<_>) = (without.variables().collect(), with.variables().collect());
    let is_block = |at: usize| match with[at..] {
        [("credential", None, "helper", Some("")), ("credential", None, "helper", Some(_)), ..] => {
            with[..at] == without[..at] && with[at + 2..] == without[at..]
        }
        _ => false,
    };
    with.len() == without.len() + 2 && (0..=without.len()).any(is_block)
}

fn find_place(text: &str, config: &GitConfig) -> usize {
    let sections = &config.sections;
    if let Some(last) = sections.iter().rfind(|section| section.is_general() && section.has_helpers()) {
        return last.end(text);
    }
    let Some(first) = sections.iter().position(|section| section.has_helpers()) else { return text.len() };
    let header = sections[first].header.start;
    let at = match first.checked_sub(1) {
        Some(before) => sections[before].end(text),
        None => start_of_line(text, header).max(text.len() - text.trim_start_matches('\u{feff}').len()),
    };
    // Another header may stand in the same line.
    if at <= header { at } else { text.len() }
}

/// What to cut out of a file so that it has no helper of ours any more, with the reset in front of it. `None` if it is not
/// there.
fn find_ours(config: &GitConfig, text: &str, value: &str) -> Option<Vec<Range<usize>>> {
    let is_helper = |variable: &config::GitVariable, value: &str| {
        variable.name == "helper" && variable.value() == Some(value)
    };
    config.sections.iter().enumerate().filter(|(_, section)| section.is_general()).find_map(
        |(index, section)| {
            let variables = &section.variables;
            let ours = variables.iter().position(|variable| is_helper(variable, value))?;
            let has_reset = ours > 0 && is_helper(&variables[ours - 1], "");
            let first = if has_reset { ours - 1 } else { ours };
            let mut cuts: Vec<_> =
                variables[first..=ours].iter().map(|variable| whole_lines(text, &variable.at)).collect();
            // What is left of the section.
            let next = config.sections.get(index + 1).map_or(text.len(), |next| next.header.start);
            let left = &text[section.header.end..cuts[0].start];
            let right = &text[cuts[cuts.len() - 1].end..next];
            if left.trim().is_empty() && right.trim().is_empty() && ours - first + 1 == variables.len() {
                let header = section.header.start..end_of_line(text, section.header.end).min(cuts[0].start);
                cuts.insert(0, whole_lines(text, &header));
            }
            Some(cuts)
        },
    )
}

/// A part of a text with the white space in front of it, if nothing else is in front of it on its line. Otherwise the part
/// without its line break.
fn whole_lines(text: &str, part: &Range<usize>) -> Range<usize> {
    let start = start_of_line(text, part.start);
    if text[start..part.start].trim_matches([' ', '\t']).is_empty() {
        return start..part.end;
    }
    part.start..part.start + text[part.clone()].trim_end_matches(['\r', '\n']).len()
}

#[cfg(test)]
mod tests;
