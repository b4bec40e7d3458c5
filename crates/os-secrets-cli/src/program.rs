//! Which program runs.

/// The program. It decides where the user's secrets are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// The user's secrets are in the operating system's store, or in an encrypted file.
    Secrets,
    /// The same as `Secrets`, under the name of the npm package, which is the name that `npx` looks for.
    OsSecrets,
    /// The user's secrets are in BusDK's preferences. The commands and flags are those of BusDK's program.
    BusSecrets,
}

impl Program {
    /// All programs.
    pub const ALL: [Self; 3] = [Self::Secrets, Self::OsSecrets, Self::BusSecrets];

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::OsSecrets => "os-secrets",
            Self::BusSecrets => "bus-secrets",
        }
    }
}
