//! What Windows' error numbers (`winerror.h`) mean for credentials.

use crate::error::{Code, Error};

const ACCESS_DENIED: u32 = 5;
const CANCELLED: u32 = 1223;
const NO_SUCH_LOGON_SESSION: u32 = 1312;
const SERVICE_DISABLED: u32 = 1058;
const RPC_SERVER_UNAVAILABLE: u32 = 1722;

/// The code that an error number stands for.
fn code(number: u32) -> Code {
    match number {
        ACCESS_DENIED => Code::AccessDenied,
        CANCELLED => Code::UserCanceled,
        _ => Code::PlatformError,
    }
}

/// What an error number of Windows means, and what to do, to follow the system's words.
fn advice(number: u32) -> &'static str {
    match number {
        ACCESS_DENIED => {
            " The system lets this process have no credentials. Run it as the user whose they are, outside of a \
             sandbox"
        }
        CANCELLED => " Try again, and answer what is asked",
        NO_SUCH_LOGON_SESSION => {
            " This logon session has no credentials: sessions over the network have none (SSH with a key, remote \
             PowerShell), nor have service accounts. Log on with a password, run the program as a task that is \
             allowed to store it, or use an encrypted file (OS_SECRETS_PROVIDER=file)"
        }
        SERVICE_DISABLED | RPC_SERVER_UNAVAILABLE => {
            " Its service does not run. Start it (sc start VaultSvc), then try again"
        }
        _ => " See what the number means (net helpmsg <number>), then try again",
    }
}

/// The error of a call that failed with a number, for which the system has these words.
pub fn error(operation: &'static str, number: u32, message: String) -> Error {
    Error::Windows { operation, number, message, code: code(number), advice: advice(number) }
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
    fn messages_name_the_cause_and_what_to_do() {
        assert_eq!(
            failed(87).to_string(),
            "Credential Manager failed at CredRead: some words (error 87). See what the number means (net \
             helpmsg <number>), then try again"
        );
        assert!(failed(1312).to_string().contains("SSH with a key"));
    }
}
