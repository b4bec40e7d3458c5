//! What Keychain's result codes (`OSStatus`, of `SecBase.h`) mean.

/// There is no such item.
pub const ITEM_NOT_FOUND: i32 = -25300;
/// There is such an item already.
pub const DUPLICATE_ITEM: i32 = -25299;
/// Some memory could not be had, or an answer was not of the kind that was asked for.
pub const INTERNAL_COMPONENT: i32 = -2070;

/// The password was wrong, or an item is not for this program; also where the person would have to be asked
/// whether it is, and the process has asking switched off.
pub const AUTH_FAILED: i32 = -25293;
/// The person would have to be asked, and must not.
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

/// The `code` of the JavaScript error: the one that `Bun.secrets` documents for it, where there is one.
pub fn code(status: i32) -> &'static str {
    match status {
        INTERACTION_NOT_ALLOWED => "ERR_SECRETS_INTERACTION_NOT_ALLOWED",
        INTERACTION_REQUIRED | IN_DARK_WAKE => "ERR_SECRETS_INTERACTION_REQUIRED",
        AUTH_FAILED => "ERR_SECRETS_AUTH_FAILED",
        USER_CANCELED => "ERR_SECRETS_USER_CANCELED",
        NO_ACCESS_FOR_ITEM | INVALID_OWNER_EDIT | READ_ONLY | WRITE_PERMISSION | MISSING_ENTITLEMENT => {
            "ERR_SECRETS_ACCESS_DENIED"
        }
        _ => "ERR_SECRETS_PLATFORM_ERROR",
    }
}

/// What a result means, and what to do, to follow the system's words.
pub fn advice(status: i32) -> &'static str {
    match status {
        INTERACTION_NOT_ALLOWED => {
            " It must ask the person, and this call never asks (as with interactive: false), or the process has no \
             desktop to ask on (SSH, a service of launchd, cron). Unlock the keychain first (security \
             unlock-keychain), or store the credential with allowUnrestrictedAccess"
        }
        INTERACTION_REQUIRED => {
            " It must ask the person, and could not. Log in on the desktop, or unlock the keychain first (security \
             unlock-keychain)"
        }
        IN_DARK_WAKE => " The machine is half asleep and can ask nobody. Wake it up, then try again",
        AUTH_FAILED => {
            " The password was wrong, or this program was not allowed to use the item. Make a call that may ask, and \
             allow it there; or see the item's access control in Keychain Access"
        }
        USER_CANCELED => " Nothing was changed. Try again, and answer what is asked",
        NO_ACCESS_FOR_ITEM | INVALID_OWNER_EDIT => {
            " See the item's access control in Keychain Access, or delete the item there"
        }
        READ_ONLY | WRITE_PERMISSION => {
            " The keychain can only be read. See its file's permissions and which one is the default (security \
             default-keychain)"
        }
        MISSING_ENTITLEMENT => {
            " This program is signed in a way that keeps it from keychains. Run another build of it"
        }
        NO_DEFAULT_KEYCHAIN | NO_SUCH_KEYCHAIN | INVALID_KEYCHAIN => {
            " See which keychain is the default (security default-keychain), and whether its file is there: a user \
             who has never logged in on the desktop has none (security create-keychain, security default-keychain -s)"
        }
        NOT_AVAILABLE => {
            " No keychain can be reached from here, as in a service of launchd outside of the user's session. Run the \
             program as the user whose keychain it is, or use an encrypted file (OS_SECRETS_PROVIDER=file)"
        }
        _ => " See what the number means (security error <number>), then try again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_bun() {
        for (status, expected) in [
            (-25308, "ERR_SECRETS_INTERACTION_NOT_ALLOWED"),
            (-25293, "ERR_SECRETS_AUTH_FAILED"),
            (-25315, "ERR_SECRETS_INTERACTION_REQUIRED"),
            (-25320, "ERR_SECRETS_INTERACTION_REQUIRED"),
            (-128, "ERR_SECRETS_USER_CANCELED"),
            (-25243, "ERR_SECRETS_ACCESS_DENIED"),
            (-25244, "ERR_SECRETS_ACCESS_DENIED"),
            (-25292, "ERR_SECRETS_ACCESS_DENIED"),
            (-61, "ERR_SECRETS_ACCESS_DENIED"),
            (-34018, "ERR_SECRETS_ACCESS_DENIED"),
            (-25291, "ERR_SECRETS_PLATFORM_ERROR"),
            (-25307, "ERR_SECRETS_PLATFORM_ERROR"),
            (-2070, "ERR_SECRETS_PLATFORM_ERROR"),
            (-50, "ERR_SECRETS_PLATFORM_ERROR"),
        ] {
            assert_eq!(code(status), expected, "{status}");
        }
    }

    #[test]
    fn advice_names_the_command_that_mends() {
        for (status, command) in [
            (-25308, "security unlock-keychain"),
            (-25315, "security unlock-keychain"),
            (-25307, "security default-keychain"),
            (-25291, "OS_SECRETS_PROVIDER=file"),
            (-4, "security error <number>"),
        ] {
            assert!(advice(status).contains(command), "{status}");
        }
        // It follows a full stop, and ends without one.
        for status in (-25320..=-25240).chain([-128, -61, -34018]) {
            assert!(advice(status).starts_with(' ') && !advice(status).ends_with(['.', ' ']), "{status}");
        }
    }
}
