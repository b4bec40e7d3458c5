//! References that only `run` replaces.

/// What a reference starts with whose secret the command gets as a file.
pub const FILE_REFERENCE: &str = "secret-file:";

/// The name of the secret that the command gets as a file, if the value is such a reference. The name may be invalid.
pub fn file_reference(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(FILE_REFERENCE.as_bytes())
}
