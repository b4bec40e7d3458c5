//! The results that the model gives (`OSStatus`, SecBase.h).

/// A result other than success.
pub type Status = i32;

/// `errSecSuccess`.
pub const SUCCESS: Status = 0;
/// `errSecParam`.
pub const PARAMETER: Status = -50;
/// `errSecUserCanceled`.
pub const USER_CANCELED: Status = -128;
/// `errSecInvalidOwnerEdit`.
pub const INVALID_OWNER_EDIT: Status = -25244;
/// `errSecAuthFailed`.
pub const AUTH_FAILED: Status = -25293;
/// `errSecNoSuchKeychain`.
pub const NO_SUCH_KEYCHAIN: Status = -25294;
/// `errSecDuplicateItem`.
pub const DUPLICATE_ITEM: Status = -25299;
/// `errSecItemNotFound`.
pub const ITEM_NOT_FOUND: Status = -25300;
/// `errSecInvalidItemRef`.
pub const INVALID_ITEM_REF: Status = -25304;
/// `errSecNoDefaultKeychain`.
pub const NO_DEFAULT_KEYCHAIN: Status = -25307;
/// `errSecInteractionNotAllowed`.
pub const INTERACTION_NOT_ALLOWED: Status = -25308;
/// `errSecInvalidKeychain`.
pub const INVALID_KEYCHAIN: Status = -25295;
/// A file that cannot be written: 100000 and `EACCES`.
pub const NOT_WRITABLE: Status = 100_013;
