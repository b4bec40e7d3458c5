//! The stores that a setting can name.

/// A store that a setting can choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreKind {
    /// The operating system's.
    Os,
    /// The encrypted file.
    File,
    /// The memory of the process, for tests.
    Memory,
    /// A server of Vault or OpenBao.
    Vault,
}
