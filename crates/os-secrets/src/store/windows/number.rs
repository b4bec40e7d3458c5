//! What the error numbers of Windows (`winerror.h`) mean for credentials.

use crate::error::{Code, Error, Reason};

const ACCESS_DENIED: u32 = 5;
const CANCELLED: u32 = 1223;
const NO_SUCH_LOGON_SESSION: u32 = 1312;
const SERVICE_DISABLED: u32 = 1058;
const RPC_SERVER_UNAVAILABLE: u32 = 1722;

/// The code of an error number.
fn code(number: u32) -> Code {
    match number {
        ACCESS_DENIED => Code::AccessDenied,
        CANCELLED => Code::UserCanceled,
        _ => Code::PlatformError,
    }
}

/// The reason that an error number stands for.
fn reason(number: u32) -> Reason {
    match number {
        ACCESS_DENIED => Reason::Denied,
        CANCELLED => Reason::Dismissed,
        NO_SUCH_LOGON_SESSION => Reason::NoSession,
        SERVICE_DISABLED | RPC_SERVER_UNAVAILABLE => Reason::NoService,
        _ => Reason::Failed,
    }
}

/// What an error number means and what to do. It follows the system's own message.
fn advice(number: u32) -> &'static str {
    match number {
        ACCESS_DENIED => {
            " Windows does not let this process use credentials. Run it as the user who owns them, outside of a \
             sandbox"
        }
        CANCELLED => " Try again, and answer the prompt",
        NO_SUCH_LOGON_SESSION => {
            " This logon session has no credentials: network sessions (SSH with a key, remote PowerShell) and service \
             accounts have none. Log on with a password, run the program as a scheduled task that stores its password, \
             or use an encrypted file (OS_SECRETS_PROVIDER=file)"
        }
        SERVICE_DISABLED | RPC_SERVER_UNAVAILABLE => {
            " The service of Credential Manager is not running. Start it (sc start VaultSvc), then try again"
        }
        _ => " Look up what the number means (net helpmsg <number>), then try again",
    }
}

/// The error of a call that failed with this number, with the system's own message for it.
pub fn error(operation: &'static str, number: u32, message: String) -> Error {
    let (code, reason, advice) = (code(number), reason(number), advice(number));
    Error::Windows { operation, number, message, code, reason, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(number: u32) -> Error {
        error("CredRead", number, "some words".into())
    }

    #[test]
    fn numbers_have_codes() {
        for (number, code) in [
            (5, Code::AccessDenied),
            (1223, Code::UserCanceled),
            (1312, Code::PlatformError),
            (87, Code::PlatformError),
        ] {
            assert_eq!(failed(number).code(), code, "{number}");
        }
    }

    #[test]
    fn numbers_have_reasons() {
        for (number, reason) in [
            (5, Reason::Denied),
            (1223, Reason::Dismissed),
            (1312, Reason::NoSession),
            (1058, Reason::NoService),
            (1722, Reason::NoService),
            (87, Reason::Failed),
        ] {
            assert_eq!(failed(number).reason(), reason, "{number}");
        }
    }

    #[test]
    fn messages_name_the_cause_and_what_to_do() {
        assert_eq!(
            failed(87).to_string(),
            "Credential Manager failed at CredRead: some words (error 87). Look up what the number means (net \
             helpmsg <number>), then try again"
        );
        assert!(failed(1312).to_string().contains("SSH with a key"));
    }
}
