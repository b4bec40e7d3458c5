//! What Keychain's result codes (`OSStatus` in `SecBase.h`) mean.

use crate::error::{Code, Error, Reason};

/// The item does not exist.
pub const ITEM_NOT_FOUND: i32 = -25300;
/// The item exists already.
pub const DUPLICATE_ITEM: i32 = -25299;
/// Memory could not be allocated, or an answer was not of the kind that was asked for.
pub const INTERNAL_COMPONENT: i32 = -2070;

/// The password was wrong, or this program may not use the item. The system also gives this code if it must ask the
/// user whether the program may, and asking is switched off for the process.
pub const AUTH_FAILED: i32 = -25293;
/// The system must ask the user, but is not allowed to.
pub const INTERACTION_NOT_ALLOWED: i32 = -25308;

const USER_CANCELED: i32 = -128;
const WRITE_PERMISSION: i32 = -61;
const NO_ACCESS_FOR_ITEM: i32 = -25243;
const INVALID_OWNER_EDIT: i32 = -25244;
const NOT_AVAILABLE: i32 = -25291;
const READ_ONLY: i32 = -25292;
const NO_SUCH_KEYCHAIN: i32 = -25294;
const INVALID_KEYCHAIN: i32 = -25295;
const NO_DEFAULT_KEYCHAIN: i32 = -25307;
const INTERACTION_REQUIRED: i32 = -25315;
const IN_DARK_WAKE: i32 = -25320;
const MISSING_ENTITLEMENT: i32 = -34018;
const READ_ONLY_ATTRIBUTE: i32 = -25309;

/// The system gives the error numbers of files as this number plus the error number.
const OF_FILES: i32 = 100_000;
/// `EPERM`, `EACCES` and `EROFS`: the directory of the keychain's file cannot be written.
const NOT_WRITABLE: [i32; 3] = [OF_FILES + 1, OF_FILES + 13, OF_FILES + 30];

/// The code of a result: the one of `Bun.secrets`, unless that is the code for everything else and another one is more
/// precise. docs/macos.md has the table.
pub fn code(status: i32) -> Code {
    match status {
        INTERACTION_NOT_ALLOWED => Code::InteractionNotAllowed,
        INTERACTION_REQUIRED | IN_DARK_WAKE => Code::InteractionRequired,
        AUTH_FAILED => Code::AuthFailed,
        USER_CANCELED => Code::UserCanceled,
        NO_ACCESS_FOR_ITEM | INVALID_OWNER_EDIT | READ_ONLY | READ_ONLY_ATTRIBUTE | WRITE_PERMISSION
        | MISSING_ENTITLEMENT | NOT_AVAILABLE => Code::AccessDenied,
        _ if NOT_WRITABLE.contains(&status) => Code::AccessDenied,
        _ => Code::PlatformError,
    }
}

/// The reason that a result stands for.
fn reason(status: i32) -> Reason {
    match status {
        INTERACTION_NOT_ALLOWED | INTERACTION_REQUIRED | IN_DARK_WAKE => Reason::Locked,
        AUTH_FAILED => Reason::WrongKey,
        USER_CANCELED => Reason::Dismissed,
        NO_ACCESS_FOR_ITEM | INVALID_OWNER_EDIT | READ_ONLY | READ_ONLY_ATTRIBUTE | WRITE_PERMISSION
        | MISSING_ENTITLEMENT => Reason::Denied,
        _ if NOT_WRITABLE.contains(&status) => Reason::Denied,
        NO_DEFAULT_KEYCHAIN | NO_SUCH_KEYCHAIN | INVALID_KEYCHAIN => Reason::NoKeychain,
        NOT_AVAILABLE => Reason::NoSession,
        _ => Reason::Failed,
    }
}

const CANNOT_BE_WRITTEN: &str = " The keychain cannot be written. Check the permissions of its file and of the file's \
     directory, and which keychain is the default (security default-keychain)";

/// What a result means and what to do. It follows the system's own message.
pub fn advice(status: i32) -> &'static str {
    match status {
        INTERACTION_NOT_ALLOWED => {
            " Keychain must ask the user, but this call never asks (as with interactive: false), or the process has no \
             desktop to ask on (SSH, a launchd service, cron). Unlock the keychain first (security unlock-keychain), \
             or let the user allow access once in a call that may ask"
        }
        INTERACTION_REQUIRED => {
            " Keychain must ask the user, but cannot. Log in on the desktop, or unlock the keychain first (security \
             unlock-keychain)"
        }
        IN_DARK_WAKE => {
            " Keychain cannot ask the user while the machine is asleep (dark wake). Wake it up, then try again"
        }
        AUTH_FAILED => {
            " The password was wrong, or this program may not use the item. Make a call that may ask the user and \
             allow access then, or change the item's access control in Keychain Access"
        }
        USER_CANCELED => " Nothing was changed. Try again, and answer the prompt",
        NO_ACCESS_FOR_ITEM | INVALID_OWNER_EDIT => {
            " This program may not use the item. Change the item's access control in Keychain Access, or delete the \
             item there"
        }
        READ_ONLY | READ_ONLY_ATTRIBUTE | WRITE_PERMISSION => CANNOT_BE_WRITTEN,
        _ if NOT_WRITABLE.contains(&status) => CANNOT_BE_WRITTEN,
        MISSING_ENTITLEMENT => {
            " The code signature of this program does not let it use keychains. Use another build of the program"
        }
        NO_DEFAULT_KEYCHAIN | NO_SUCH_KEYCHAIN | INVALID_KEYCHAIN => {
            " Check which keychain is the default (security default-keychain), and whether its file exists. A user who \
             has never logged in on the desktop has no keychain yet (security create-keychain, security \
             default-keychain -s)"
        }
        NOT_AVAILABLE => {
            " This process can reach no keychain, for example because it is a launchd service outside the user's \
             session. Run the program as the user who owns the keychain, or use an encrypted file \
             (OS_SECRETS_PROVIDER=file)"
        }
        _ => " Look up what the number means (security error <number>), then try again",
    }
}

/// The error of a call that gave this result code, with the system's own message for it.
pub fn error(operation: &'static str, status: i32, message: String) -> Error {
    let (code, reason, advice) = (code(status), reason(status), advice(status));
    Error::Keychain { operation, status, message, code, reason, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keychain_speaks_in_the_systems_own_words() {
        let message = "The specified item could not be found in the keychain".to_owned();
        let error = error("SecItemUpdate", -25300, message);
        assert_eq!(
            error.to_string(),
            "Keychain failed at SecItemUpdate: The specified item could not be found in the keychain (OSStatus \
             -25300). Look up what the number means (security error <number>), then try again"
        );
        assert_eq!(error.code(), Code::PlatformError);
    }

    #[test]
    fn results_have_codes() {
        for (status, expected) in [
            (-25308, Code::InteractionNotAllowed),
            (-25293, Code::AuthFailed),
            (-25315, Code::InteractionRequired),
            (-25320, Code::InteractionRequired),
            (-128, Code::UserCanceled),
            (-25243, Code::AccessDenied),
            (-25244, Code::AccessDenied),
            (-25292, Code::AccessDenied),
            (-61, Code::AccessDenied),
            (-34018, Code::AccessDenied),
            (-25309, Code::AccessDenied),
            (-25291, Code::AccessDenied),
            (100_001, Code::AccessDenied),
            (100_013, Code::AccessDenied),
            (100_030, Code::AccessDenied),
            (100_028, Code::PlatformError),
            (-25307, Code::PlatformError),
            (-2070, Code::PlatformError),
            (-50, Code::PlatformError),
        ] {
            assert_eq!(code(status), expected, "{status}");
        }
    }

    #[test]
    fn results_have_reasons() {
        for (status, expected) in [
            (-25308, Reason::Locked),
            (-25315, Reason::Locked),
            (-25293, Reason::WrongKey),
            (-128, Reason::Dismissed),
            (-25243, Reason::Denied),
            (-25292, Reason::Denied),
            (100_013, Reason::Denied),
            (-25307, Reason::NoKeychain),
            (-25294, Reason::NoKeychain),
            (-25291, Reason::NoSession),
            (-50, Reason::Failed),
        ] {
            assert_eq!(error("SecItemAdd", status, String::new()).reason(), expected, "{status}");
        }
    }

    #[test]
    fn advice_names_the_command_that_helps() {
        for (status, command) in [
            (-25308, "security unlock-keychain"),
            (-25315, "security unlock-keychain"),
            (-25307, "security default-keychain"),
            (-25291, "OS_SECRETS_PROVIDER=file"),
            (-4, "security error <number>"),
        ] {
            assert!(advice(status).contains(command), "{status}");
        }
        // Advice follows a full stop, and ends without one.
        for status in (-25320..=-25240).chain([-128, -61, -34018]) {
            assert!(advice(status).starts_with(' ') && !advice(status).ends_with(['.', ' ']), "{status}");
        }
    }
}
