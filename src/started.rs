//! Linux: the environment with which the process was started. Programs that change their environment do not change what
//! the kernel shows of it.

use std::{ffi::OsString, fs::File, os::unix::ffi::OsStringExt};

use os_secrets::{
    environment::{Process, Variables, is_privileged},
    wiped::WipedBuffer,
};

/// The environment of the process, in which some variables have the values with which it was started.
pub struct Started {
    names: &'static [&'static str],
    /// The variables as the kernel shows them. If it does not, those of the process count.
    block: Option<WipedBuffer>,
}

impl Started {
    /// Reads the start values of the variables with these names. All others have those of the process.
    pub fn read(names: &'static [&'static str]) -> Self {
        Self { names, block: read_block().filter(|block| is_list(block)) }
    }
}

impl Variables for Started {
    fn get(&self, name: &str) -> Option<OsString> {
        match &self.block {
            Some(block) if self.names.contains(&name) => find(block, name)
                .filter(|value| !value.is_empty())
                .map(|value| OsString::from_vec(value.to_vec())),
            _ => Process.get(name),
        }
    }
}

/// Reads the variables from the kernel. Returns `None` if `/proc` is not mounted or the process may not read it.
fn read_block() -> Option<WipedBuffer> {
    if is_privileged() {
        return None;
    }
    let mut block = WipedBuffer::default();
    block.read_to_end(File::open("/proc/self/environ").ok()?).ok()?;
    Some(block)
}

/// Whether bytes are a list of variables. A program that shows a title in `ps` may have overwritten the list with it.
fn is_list(block: &[u8]) -> bool {
    let is_variable = |entry: &[u8]| entry.iter().skip(1).any(|&byte| byte == b'=');
    block.is_empty()
        || block.strip_suffix(b"\0").is_some_and(|list| list.split(|&byte| byte == 0).all(is_variable))
}

/// The value of a variable in a list. If it is there twice, the first counts, as for `getenv`.
fn find<'a>(block: &'a [u8], name: &str) -> Option<&'a [u8]> {
    block.split(|&byte| byte == 0).find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        let block = b"AB=no\0A=first\0A=second\0EMPTY=\0";
        assert!(is_list(block));
        assert_eq!(find(block, "A"), Some(&b"first"[..]));
        assert_eq!(find(block, "EMPTY"), Some(&b""[..]));
        assert_eq!(find(block, "B"), None);
    }

    #[test]
    fn what_a_title_has_overwritten_is_no_list() {
        assert!(is_list(b""));
        for block in [&b"A=1"[..], b"\0", b"A=1\0\0", b"server: idle\0A=1\0", b"a=b idle\0\0\0\0", b"=1\0"] {
            assert!(!is_list(block), "{block:?}");
        }
    }

    #[test]
    fn only_the_named_variables_are_those_of_the_start() {
        let mut block = WipedBuffer::default();
        block.extend_from_slice(b"PATH=/started\0");
        let started = Started { names: &["PATH", "HOME"], block: Some(block) };
        assert_eq!(started.get("PATH"), Some("/started".into()));
        assert_eq!(started.get("HOME"), None);
        let others = Started { names: &["HOME"], block: Some(WipedBuffer::default()) };
        assert_eq!(others.get("PATH"), Process.get("PATH"));
        let unknown = Started { names: &["PATH"], block: None };
        assert_eq!(unknown.get("PATH"), Process.get("PATH"));
    }
}
