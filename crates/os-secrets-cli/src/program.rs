//! Which of the two programs runs.

/// The program. It decides where the user's secrets are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// The user's secrets are in the operating system's store, or in an encrypted file.
    Secrets,
    /// The user's secrets are in BusDK's preferences. The commands and flags are those of BusDK's program.
    BusSecrets,
}

impl Program {
    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::BusSecrets => "bus-secrets",
        }
    }
}
