//! Bazel: `--credential_helper` in the user's `.bazelrc`, for one host.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::{
    FileChange, Recorded, SetupClient,
    edit::{append_line, cut},
    file::ClientFile,
    own_program::client_program,
};
use crate::{context::Context, failure::Failure};
use os_secrets::environment::{Process, home_directory};

/// The name of the program.
const PROGRAM: &str = "bazel-credential-os-secrets";
/// The start of a line of ours. Bazel ignores what stands behind `common` in commands that do not know it.
const FLAG: &str = "common --credential_helper=";

/// Bazel.
pub struct Bazel;

impl SetupClient for Bazel {
    fn name(&self) -> &'static str {
        "bazel"
    }

    fn argument(&self) -> &'static str {
        " HOST"
    }

    fn changes(&self, context: &Context, selected: Option<&str>) -> Result<Vec<FileChange>, Failure> {
        // For all hosts, Bazel would not read .netrc any more.
        let host = selected.ok_or_else(|| {
            Failure::Usage("name the host, such as secrets setup bazel cache.example.com".into())
        })?;
        let is_valid = |c: char| c.is_ascii_alphanumeric() || "-._*".contains(c);
        if host.is_empty() || !host.chars().all(is_valid) {
            return Err(Failure::Usage(
                "the host must be a name such as cache.example.com or *.example.com".into(),
            ));
        }
        let path = path()
            .ok_or_else(|| Failure::Refused("the home directory is not known. Set HOME to it".into()))?;
        let file = ClientFile::read(&path)?;
        let text = file.text()?;
        let program = client_program(context, PROGRAM)?;
        // Bazel splits the line at spaces, and a backslash escapes.
        let escape = |c: char| if " \\\"'#".contains(c) { format!("\\{c}") } else { c.to_string() };
        let line = format!("{FLAG}{host}={}", program.chars().map(escape).collect::<String>());
        if text.lines().any(|other| other == line) {
            return Ok(Vec::new());
        }
        Ok(vec![FileChange::of_text(path, text, vec![append_line(text, &line)])])
    }

    fn without_ours(&self, change: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        let is_ours = |line: &str| {
            let line = line.trim_end();
            line.starts_with(FLAG)
                && change.replacements.iter().any(|replacement| replacement.new.trim() == line)
        };
        let (mut parts, mut end) = (Vec::new(), 0);
        for line in content.split_inclusive('\n') {
            let part = end..end + line.len();
            end = part.end;
            if is_ours(line) {
                parts.push(part);
            }
        }
        Ok((!parts.is_empty()).then(|| cut(content, &parts)))
    }

    fn is_set_up(&self, _: &Context) -> Result<bool, Failure> {
        let Some(path) = path() else { return Ok(false) };
        let file = ClientFile::read(&path)?;
        Ok(file.text()?.lines().any(|line| line.starts_with(FLAG) && line.contains(PROGRAM)))
    }
}

/// The user's `.bazelrc`.
fn path() -> Option<PathBuf> {
    Some(home_directory(&Process)?.join(".bazelrc"))
}
