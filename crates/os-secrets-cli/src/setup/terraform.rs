//! Terraform and OpenTofu: `credentials_helper` in their CLI configuration, and a program among their plugins.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    FileChange, Recorded, SetupClient,
    edit::{append_line, replace_parts},
    file::ClientFile,
    own_program::find_own_program,
};
use crate::{context::Context, failure::Failure, json_members::JsonObject};
use os_secrets::{
    environment::{Process, Variables},
    file::shell_word,
    printable::{printable, printable_path},
};

/// The name of the program.
const PROGRAM: &str = "terraform-credentials-os-secrets";
/// What names it in the configuration.
const HELPER: &str = "os-secrets";
/// The block of the configuration.
const BLOCK: &str = "credentials_helper";
/// How a program of ours among the plugins starts.
const SCRIPT: &str = "#!/bin/sh\nexec ";

/// Terraform and OpenTofu.
pub struct Terraform;

impl SetupClient for Terraform {
    fn name(&self) -> &'static str {
        "terraform"
    }

    fn changes(&self, context: &Context, selected: Option<&str>) -> Result<Vec<FileChange>, Failure> {
        if selected.is_some() {
            return Err(Failure::Usage(
                "secrets setup terraform takes no further word: it is for all hosts".into(),
            ));
        }
        let mut changes: Vec<_> = program_change(context)?.into_iter().collect();
        let paths = configuration_paths();
        if paths.is_empty() {
            return Err(Failure::Refused("the home directory is not known. Set HOME to it".into()));
        }
        for path in paths {
            let file = ClientFile::read(&path)?;
            let text = file.text()?;
            if text.trim_start().starts_with('{') {
                let message = format!(
                    "{} is JSON, and os-secrets changes only HCL. Add there: \"{BLOCK}\": {{\"{HELPER}\": {{}}}}",
                    printable_path(&path)
                );
                return Err(Failure::Refused(message.into()));
            }
            match find_helper(text) {
                Some((name, _)) if name == HELPER => continue,
                Some((name, _)) => {
                    let message = format!(
                        "{} names the credentials helper {} already, and Terraform takes only one. Remove it there first",
                        printable_path(&path),
                        printable(&name)
                    );
                    return Err(Failure::Refused(message.into()));
                }
                None => {}
            }
            let replacements = vec![append_line(text, &format!("{BLOCK} \"{HELPER}\" {{}}"))];
            changes.push(FileChange::of_text(path, text, replacements));
        }
        Ok(changes)
    }

    fn without_ours(&self, _: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        if content.starts_with(SCRIPT) {
            return Ok(Some(Zeroizing::default()));
        }
        let ours = find_helper(content).filter(|(name, _)| name == HELPER);
        Ok(ours.map(|(_, block)| {
            let end = content[block.end..].find('\n').map_or(content.len(), |at| block.end + at + 1);
            let is_last = content[block.end..end].trim().is_empty();
            replace_parts(content, &[(block.start..if is_last { end } else { block.end }, "")])
        }))
    }

    fn is_set_up(&self, _: &Context) -> Result<bool, Failure> {
        for path in configuration_paths() {
            if find_helper(ClientFile::read(&path)?.text()?).is_some_and(|(name, _)| name == HELPER) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn notes(&self, context: &Context) -> Vec<String> {
        let Some(directory) = plugins_directory() else { return Vec::new() };
        let mut notes = Vec::new();
        if cfg!(windows)
            && let Some(program) = find_own_program(context, PROGRAM)
        {
            notes.push(format!(
                "copy {} into {}, where Terraform looks for it",
                printable_path(program.path),
                printable_path(&directory)
            ));
        }
        notes
    }

    fn warnings(&self, _: &Context, _: Option<&str>) -> Vec<String> {
        let mut warnings = Vec::new();
        let tokens = plugins_directory().map(|directory| directory.with_file_name("credentials.tfrc.json"));
        if let Some(tokens) = tokens.filter(|tokens| has_tokens(tokens)) {
            warnings.push(format!(
                "Terraform prefers the tokens in {}. Run terraform logout HOST and terraform login HOST for each of its hosts",
                printable_path(tokens)
            ));
        }
        for path in configuration_paths() {
            let Ok(file) = ClientFile::read(&path) else { continue };
            if let Some((host, _)) = file.text().ok().and_then(|text| find_block(text, "credentials")) {
                warnings.push(format!(
                    "Terraform prefers the token of {} in {}. Remove its credentials block there, and run terraform login {0}",
                    printable(&host),
                    printable_path(path)
                ));
            }
        }
        warnings
    }
}

/// The script among the plugins that starts our program. `None` if a program is there, or on Windows.
fn program_change(context: &Context) -> Result<Option<FileChange>, Failure> {
    let Some(directory) = plugins_directory().filter(|_| cfg!(unix)) else { return Ok(None) };
    let (program, words) = match find_own_program(context, PROGRAM) {
        Some(program) => (Some(program), PROGRAM),
        None => (find_own_program(context, "secrets"), "secrets"),
    };
    let program = program.ok_or_else(|| super::own_program::not_found(PROGRAM))?;
    let word = if program.is_in_path { words.to_owned() } else { shell_word(&program.path) };
    let own_words = if words == PROGRAM { "" } else { " helper terraform" };
    let new = format!("{SCRIPT}{word}{own_words} \"$@\"\n");
    let path = directory.join(PROGRAM);
    let file = ClientFile::read(&path)?;
    let old = match &file.content {
        None => "",
        // Only scripts of ours are replaced.
        Some(content) if content.starts_with(SCRIPT.as_bytes()) => file.text()?,
        Some(_) => return Ok(None),
    };
    Ok(FileChange::of_script(path, old, new))
}

/// The configurations that are read: Terraform's, and OpenTofu's own if there is one.
fn configuration_paths() -> Vec<PathBuf> {
    for variable in ["TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG"] {
        if let Some(path) = Process.get(variable).map(PathBuf::from) {
            return vec![std::path::absolute(&path).unwrap_or(path)];
        }
    }
    if cfg!(windows) {
        let Some(directory) = Process.directory("APPDATA") else { return Vec::new() };
        let tofu = Some(directory.join("tofu.rc")).filter(|path| path.exists());
        return [directory.join("terraform.rc")].into_iter().chain(tofu).collect();
    }
    let Some(home) = Process.directory("HOME") else { return Vec::new() };
    let (terraform, tofu) = (home.join(".terraformrc"), home.join(".tofurc"));
    let elsewhere = tofu_directory("XDG_CONFIG_HOME").map(|directory| directory.join("tofurc"));
    match (terraform.exists(), tofu.exists(), elsewhere.filter(|path| path.exists())) {
        // If one of the others were made, OpenTofu would not read this one any more.
        (false, false, Some(elsewhere)) => vec![elsewhere],
        (_, true, _) => vec![terraform, tofu],
        _ => vec![terraform],
    }
}

/// The directory with the plugins of all projects.
fn plugins_directory() -> Option<PathBuf> {
    if cfg!(windows) {
        return Some(Process.directory("APPDATA")?.join("terraform.d").join("plugins"));
    }
    let directory = Process.directory("HOME")?.join(".terraform.d");
    // If it were made, OpenTofu would not look here any more.
    let is_elsewhere =
        !directory.exists() && tofu_directory("XDG_CONFIG_HOME").is_some_and(|directory| directory.exists());
    let elsewhere = tofu_directory("XDG_DATA_HOME").filter(|_| is_elsewhere);
    Some(elsewhere.unwrap_or(directory).join("plugins"))
}

fn tofu_directory(variable: &str) -> Option<PathBuf> {
    Some(Process.directory(variable)?.join("opentofu"))
}

/// Whether Terraform's file of tokens has one. A file that cannot be read counts as one that has.
fn has_tokens(path: &Path) -> bool {
    let Ok(file) = ClientFile::read(path) else { return true };
    if file.content.is_none() {
        return false;
    }
    let Ok(object) = file.text().and_then(|text| JsonObject::parse(path, text)) else { return true };
    let hosts = object.member("credentials").and_then(|member| object.object_of(member));
    hosts.is_some_and(|hosts| !hosts.members.is_empty())
}

/// The name in the first block for a credentials helper, and where the block stands.
fn find_helper(text: &str) -> Option<(String, Range<usize>)> {
    find_block(text, BLOCK)
}

/// The name in the first block of a kind, and where the block stands.
fn find_block(text: &str, kind: &str) -> Option<(String, Range<usize>)> {
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        let rest = &text[at..];
        at += if rest.starts_with('#') || rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or(rest.len(), |end| end + 4)
        } else if rest.starts_with('"') {
            quoted_length(rest)
        } else if rest.starts_with(is_of_word) {
            let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            if depth == 0 && &rest[..length] == kind {
                let name = rest[length..].trim_start();
                let start = at + rest.len() - name.len();
                let length = match name.starts_with('"') {
                    true => quoted_length(name),
                    false => name.find(|c| !is_of_word(c)).unwrap_or(name.len()),
                };
                let end = text[start + length..].find('}').map_or(text.len(), |end| start + length + end + 1);
                return Some((name[..length].trim_matches('"').to_owned(), at..end));
            }
            length
        } else {
            match rest.as_bytes()[0] {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            rest.chars().next().map_or(1, char::len_utf8)
        };
    }
    None
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// The length of a text in quotes, with them.
fn quoted_length(rest: &str) -> usize {
    let (mut at, bytes) = (1, rest.as_bytes());
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_of_the_helper_is_found() {
        for (text, found) in [
            ("", None),
            ("credentials_helper \"a\" {}\n", Some(("a", "credentials_helper \"a\" {}"))),
            (
                "x = 1\ncredentials_helper a {\n  args = []\n}\ny = 2",
                Some(("a", "credentials_helper a {\n  args = []\n}")),
            ),
            (
                "# credentials_helper \"a\" {}\n// credentials_helper \"a\" {}\n/* credentials_helper \"a\" {} */",
                None,
            ),
            (
                "x = \"credentials_helper \\\" {\"\ncredentials_helper \"b\" {}",
                Some(("b", "credentials_helper \"b\" {}")),
            ),
            ("/*/ credentials_helper \"a\" {} */x", None),
            ("host \"é\" {\n  credentials_helper \"a\" {}\n}\n", None),
            ("my_credentials_helper \"a\" {}\n", None),
        ] {
            let shown = find_helper(text).map(|(name, block)| (name, &text[block]));
            assert_eq!(shown.as_ref().map(|(name, block)| (&**name, *block)), found, "{text}");
        }
        find_helper("credentials_helper");
        find_helper("\"\\");
        find_helper("credentials_helper \"é");
    }
}
