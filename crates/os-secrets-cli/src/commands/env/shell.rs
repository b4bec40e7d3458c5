//! The languages of shells.

use std::path::Path;

use crate::failure::Failure;
use os_secrets::{
    environment::{Process, Variables},
    wiped::WipedBuffer,
};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Variables that shells use themselves.
const USED_BY_SHELLS: &[&str] = &[
    "ARGC",
    "BAUD",
    "CDPATH",
    "COLUMNS",
    "COMP_WORDBREAKS",
    "DIRSTACKSIZE",
    "EGID",
    "ENV",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "ERRNO",
    "EUID",
    "FIGNORE",
    "FPATH",
    "FUNCNEST",
    "GID",
    "GLOBIGNORE",
    "HISTCMD",
    "HISTCONTROL",
    "HISTFILE",
    "HISTFILESIZE",
    "HISTIGNORE",
    "HISTSIZE",
    "HISTTIMEFORMAT",
    "IFS",
    "IGNOREEOF",
    "KEYTIMEOUT",
    "LINENO",
    "LINES",
    "LISTMAX",
    "LOGCHECK",
    "MAILCHECK",
    "MAILPATH",
    "MODULE_PATH",
    "NULLCMD",
    "OPTARG",
    "OPTIND",
    "POSTEDIT",
    "PPID",
    "PS2",
    "PS3",
    "PS4",
    "PSMODULEPATH",
    "PSVAR",
    "RANDOM",
    "READNULLCMD",
    "REPORTMEMORY",
    "REPORTTIME",
    "SAVEHIST",
    "SECONDS",
    "SHLVL",
    "SPROMPT",
    "SRANDOM",
    "TIMEFMT",
    "TMOUT",
    "TTYIDLE",
    "UID",
    "USERNAME",
    "WATCH",
    "WATCHFMT",
];
/// Starts of the names of such variables.
const STARTS_OF_USED: &[&str] =
    &["BASH", "FISH_", "PROMPT", "PS0", "PS1", "RPROMPT", "RPS", "TRY_BLOCK_", "ZSH_"];

/// A shell's language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shell {
    /// Of bash, zsh, dash and ksh.
    Posix,
    Fish,
    Pwsh,
}

impl Shell {
    /// The language of the shell with this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "ash" | "bash" | "dash" | "ksh" | "mksh" | "sh" | "zsh" => Some(Self::Posix),
            "fish" => Some(Self::Fish),
            "powershell" | "pwsh" => Some(Self::Pwsh),
            _ => None,
        }
    }

    /// The language of the user's shell, which `SHELL` names.
    pub fn of_environment() -> Result<Self, Failure> {
        let path = Process.get("SHELL");
        let name = path.as_deref().map(Path::new).and_then(Path::file_stem);
        let shell = match name {
            Some(name) => name.to_str().and_then(Self::parse),
            None => cfg!(windows).then_some(Self::Pwsh),
        };
        shell.ok_or_else(|| {
            Failure::Usage(
                "SHELL names no shell that is known; name it with --shell: bash, zsh, fish, powershell or json".into(),
            )
        })
    }

    /// Whether the shell takes values that are not UTF-8 text.
    pub fn takes_bytes(self) -> bool {
        self != Self::Pwsh
    }

    /// Writes the command that sets a variable, as one that the shell evaluates to exactly these bytes.
    pub fn write(self, name: &str, value: &[u8], script: &mut WipedBuffer) {
        match self {
            Self::Posix => {
                write(script, &[b"export ", name.as_bytes(), b"='"]);
                escape(value, |byte| if byte == b'\'' { Some(b"'\\''") } else { None }, script);
                write(script, &[b"'\n"]);
            }
            Self::Fish => {
                write(script, &[b"set -gx ", name.as_bytes(), b" '"]);
                let escaped = |byte| match byte {
                    b'\'' => Some(b"\\'" as &[u8]),
                    b'\\' => Some(b"\\\\" as &[u8]),
                    _ => None,
                };
                escape(value, escaped, script);
                write(script, &[b"'\n"]);
            }
            Self::Pwsh => {
                write(script, &[b"$env:", name.as_bytes(), b" = "]);
                write_for_powershell(value, script);
                write(script, &[b"\n"]);
            }
        }
    }
}

/// Whether a shell uses a variable of this name itself. Assigning to some of these evaluates the value as arithmetic, which
/// can run commands (`RANDOM` in bash, `COLUMNS` in zsh), and others are evaluated later (`PS1`).
pub fn is_used_by_shells(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    USED_BY_SHELLS.contains(&&*name) || STARTS_OF_USED.iter().any(|start| name.starts_with(start))
}

fn write(script: &mut WipedBuffer, parts: &[&[u8]]) {
    for part in parts {
        script.extend_from_slice(part);
    }
}

/// Writes a value with some of its bytes replaced.
fn escape(value: &[u8], escaped: impl Fn(u8) -> Option<&'static [u8]>, script: &mut WipedBuffer) {
    let mut rest = value;
    while let Some(at) = rest.iter().position(|byte| escaped(*byte).is_some()) {
        write(script, &[&rest[..at], escaped(rest[at]).unwrap_or_default()]);
        rest = &rest[at + 1..];
    }
    write(script, &[rest]);
}

/// Writes a text in ASCII and on one line: PowerShell reads what programs print in the code page of the console, and
/// line by line. It also takes other characters than `'` for quotes.
fn write_for_powershell(value: &[u8], script: &mut WipedBuffer) {
    let text = str::from_utf8(value).unwrap_or_default();
    let is_plain = |character: char| matches!(character, ' '..='~');
    if text.chars().all(is_plain) {
        return write_literal(text, script);
    }
    let mut rest = text;
    let mut separator = &b"-join("[..];
    while let Some(first) = rest.chars().next() {
        write(script, &[separator]);
        separator = b",";
        let end = rest.find(|character| !is_plain(character)).unwrap_or(rest.len());
        if end > 0 {
            write_literal(&rest[..end], script);
            rest = &rest[end..];
        } else {
            let mut units = [0; 2];
            for (index, unit) in first.encode_utf16(&mut units).iter().enumerate() {
                let comma: &[u8] = if index > 0 { b"," } else { b"" };
                let digit = |shift: u16| HEX[usize::from(unit >> shift & 0xf)];
                write(script, &[comma, b"[char]0x", &[digit(12), digit(8), digit(4), digit(0)]]);
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    write(script, &[b")"]);
}

fn write_literal(text: &str, script: &mut WipedBuffer) {
    write(script, &[b"'"]);
    escape(text.as_bytes(), |byte| if byte == b'\'' { Some(b"''") } else { None }, script);
    write(script, &[b"'"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(shell: Shell, value: &str) -> String {
        let mut script = WipedBuffer::default();
        shell.write("A", value.as_bytes(), &mut script);
        String::from_utf8(script.into_bytes().to_vec()).unwrap()
    }

    #[test]
    fn quotes_are_escaped_as_each_shell_wants() {
        let value = "it's a \\ $x\n";
        assert_eq!(written(Shell::Posix, value), "export A='it'\\''s a \\ $x\n'\n");
        assert_eq!(written(Shell::Fish, value), "set -gx A 'it\\'s a \\\\ $x\n'\n");
        assert_eq!(written(Shell::Pwsh, value), "$env:A = -join('it''s a \\ $x',[char]0x000a)\n");
        assert_eq!(written(Shell::Posix, ""), "export A=''\n");
        assert_eq!(written(Shell::Pwsh, ""), "$env:A = ''\n");
    }

    #[test]
    fn powershell_gets_ascii_on_one_line() {
        assert_eq!(written(Shell::Pwsh, "it's $x `y"), "$env:A = 'it''s $x `y'\n");
        // PowerShell takes U+2019 for a quote.
        assert_eq!(written(Shell::Pwsh, "a\u{2019}b"), "$env:A = -join('a',[char]0x2019,'b')\n");
        assert_eq!(
            written(Shell::Pwsh, "🔑\r\n"),
            "$env:A = -join([char]0xd83d,[char]0xdd11,[char]0x000d,[char]0x000a)\n"
        );
    }
}
