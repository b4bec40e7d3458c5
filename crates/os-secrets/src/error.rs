//! The one error type: every failure a caller can see, its code and its message.

use std::{borrow::Cow, fmt, path::PathBuf, time::Duration};

mod code;

pub use code::Code;

/// Why a call failed.
///
/// Messages say what happened, what it means and what to do next. None holds a secret's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no session bus to ask, or it let nobody in. Holds the reason.
    #[error(
        "The credential store cannot be reached, because there is no usable D-Bus session bus: {0}. \
         Log in to a desktop session, start the program inside one (dbus-run-session -- <command>), or correct \
         DBUS_SESSION_BUS_ADDRESS"
    )]
    NoBus(String),

    /// The bus works, but nothing on it provides the Secret Service. Holds the bus's answer.
    #[error(
        "No credential store answers: nothing on the D-Bus session bus provides org.freedesktop.secrets ({0}). \
         Install and start one, such as gnome-keyring, KWallet or KeePassXC"
    )]
    NoService(String),

    /// The connection ended in the middle of the call, and again when the call was repeated.
    #[error(
        "The connection to the credential store was lost, and lost again when the call was repeated: \
         {reason}.{effect} See whether the store's service keeps running, then try again"
    )]
    Lost {
        /// How it was lost.
        reason: String,
        /// Whether the call changed something.
        effect: Effect,
    },

    /// The store answered with an error of its own.
    #[error(
        "The credential store failed at {operation}: {message} ({name}). See what its service has logged \
         (journalctl --user), then try again"
    )]
    Service {
        /// The method that failed, such as `SearchItems`.
        operation: &'static str,
        /// The D-Bus error's name.
        name: String,
        /// The D-Bus error's text, cut to what fits a message.
        message: String,
    },

    /// The store's answer makes no sense. Holds what is wrong with it.
    #[error(
        "The credential store answered {0}. Its service may be faulty or of a version that os-secrets does \
         not know"
    )]
    Malformed(Cow<'static, str>),

    /// The store refused. Holds what it refused.
    #[error("The credential store denied access: {0}")]
    AccessDenied(Cow<'static, str>),

    /// The person dismissed the store's prompt.
    #[error(
        "The prompt of the credential store was dismissed.{effect} If none appeared, its service found no \
         way to show one: install its prompter (gnome-keyring's is in the package gcr), or unlock the store \
         first"
    )]
    UserCanceled {
        /// Whether the call changed something.
        effect: Effect,
    },

    /// The store had no way to ask the person.
    #[error(
        "The credential store {need}, because {reason}. Log in on the desktop, where it is made and unlocked, \
         or unlock it (gnome-keyring: gnome-keyring-daemon --replace --unlock --components=secrets, with its \
         password and no newline on standard input)"
    )]
    InteractionRequired {
        /// What it wanted to ask for, to follow "The credential store".
        need: &'static str,
        /// Why it could not.
        reason: Cow<'static, str>,
    },

    /// The store must ask the person, and the caller forbade it.
    #[error(
        "The credential store must ask the person, for its password or a confirmation, and this call never \
         asks (as with interactive: false, or list). Unlock the store first, or make a call that may ask"
    )]
    InteractionNotAllowed,

    /// The caller forbade asking, and only all calls of the process can be kept from that, one of which asks.
    #[error(
        "Keychain is asking the person for another call of this process, and cannot be kept from asking for this \
         one alone, which never asks (interactive: false). Wait until that is answered, then try again"
    )]
    Asking,

    /// A deadline passed: that of a message, or the call's own.
    #[error(
        "The credential store did not answer within {} ms{}.{effect} See whether its service hangs or waits \
         for a person, then try again",
        after.as_millis(),
        at.map(|method| format!(" ({method})")).unwrap_or_default()
    )]
    Timeout {
        /// How long the deadline was.
        after: Duration,
        /// The method that was not answered, where it was the message's deadline.
        at: Option<&'static str>,
        /// Whether the call changed something.
        effect: Effect,
    },

    /// The caller's signal fired.
    #[error("The call was aborted.{effect}")]
    Aborted {
        /// Whether the call changed something.
        effect: Effect,
    },

    /// A setting of the environment or of the program is wrong. Holds what is wrong with which.
    #[error("{0}")]
    InvalidSetting(String),

    /// The store was closed.
    #[error("The store was closed; open another with openStore()")]
    Closed,

    /// No store of this platform can hold so much. Nothing was changed.
    #[error(
        "Too large for the credential store: {what} of {size} {unit}, where {limit} are possible. Nothing was \
         changed. Keep the data in an encrypted file, and its key here"
    )]
    TooLarge {
        /// What is too large: `a value`, or `service and name`.
        what: &'static str,
        /// Its size.
        size: usize,
        /// What that is counted in: `bytes`, or `UTF-16 units`.
        unit: &'static str,
        /// The most that can be stored.
        limit: usize,
    },

    /// The stored bytes are not text.
    #[error(
        "The stored credential is not UTF-8 text, so it cannot be given as a string. Read its bytes, with \
         openStore().get({{ service, name, encoding: \"buffer\" }})"
    )]
    InvalidData,

    /// Windows refused a call of its Credential Manager, or failed.
    #[error("Credential Manager failed at {operation}: {message} (error {number}).{advice}")]
    Windows {
        /// The call, such as `CredWrite`.
        operation: &'static str,
        /// The system's error number.
        number: u32,
        /// The system's own words for the number.
        message: String,
        /// The code that the number stands for.
        code: Code,
        /// What the number means and what to do. Starts with a space.
        advice: &'static str,
    },

    /// macOS refused a call of its Keychain, or failed.
    #[error("Keychain failed at {operation}: {message} (OSStatus {status}).{advice}")]
    Keychain {
        /// The call, such as `SecItemAdd`.
        operation: &'static str,
        /// The system's result code.
        status: i32,
        /// The system's own words for the result code.
        message: String,
        /// The code that the result code stands for.
        code: Code,
        /// What the result code means and what to do. Starts with a space.
        advice: &'static str,
    },

    /// The store lists the credentials of one service only.
    #[error(
        "This store holds every program's credentials, and lists those of one service: name it, as in \
         list({{ service }}) or secrets list --service S"
    )]
    NeedsService,

    /// No secret of this name is where it was looked for.
    #[error("There is no secret {name} in {place}")]
    NotFound {
        /// The name that was asked for.
        name: String,
        /// The scopes that were searched.
        place: &'static str,
    },

    /// A text that cannot name a secret. It is not shown, because it may be a secret itself.
    #[error(
        "Not a secret's name: names are made of a-z, 0-9, \".\", \"_\" and \"-\", and {}",
        at.map_or("this one is empty".into(), |at| format!("this one has another character at position {at}"))
    )]
    InvalidName {
        /// Where the first character stands that no name has, from 1; `None` where there is none at all.
        at: Option<usize>,
    },

    /// A file cannot be read or written.
    #[error("{action} {}: {reason}", path.display())]
    File {
        /// What could not be done, such as `Cannot read`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        reason: Cow<'static, str>,
        /// Whether we may not.
        denied: bool,
    },

    /// A file holds what it must not hold; it was left as it is.
    #[error("{} {reason}. Correct it by hand; nothing was changed", path.display())]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, to follow its name; no part of a value.
        reason: String,
    },

    /// The file of a store cannot be used as it is; it was left so.
    #[error(
        "The store's file {} {reason}. It was left as it is{}",
        path.display(),
        backup.as_ref().map(|backup| format!("; {} holds the version before", backup.display())).unwrap_or_default()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, to follow its name; no part of a value.
        reason: String,
        /// Where the version before is, if it is there.
        backup: Option<PathBuf>,
    },

    /// The key that was given does not open the file of a store.
    #[error("The store's file {} cannot be opened, because {reason}", path.display())]
    WrongKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },

    /// A program that keeps credentials failed.
    #[error("{} failed at {operation}: {reason}. Run it by hand to see why", command.display())]
    Helper {
        /// The program.
        command: PathBuf,
        /// What it was to do, in the words of its protocol.
        operation: &'static str,
        /// Why it failed.
        reason: String,
    },

    /// The person entered no passphrase. Holds what they did.
    #[error("{0}; nothing was changed")]
    NoPassphrase(&'static str),

    /// What names no credential: only items that others have made can be called so.
    #[error("A service or name is empty or holds a NUL, which names no credential here. Nothing was changed")]
    InvalidKey,

    /// The store holds nothing but text.
    #[error("This store holds text, and the value is not UTF-8. Nothing was changed")]
    TextOnly,

    /// Other users can get at what only its owner should.
    #[error("{} {what}, and secrets are not kept there. {mend}", path.display())]
    NotPrivate {
        /// The file or directory.
        path: PathBuf,
        /// How others can, to follow its name.
        what: String,
        /// What to do.
        mend: String,
    },

    /// Another error, of what stands under a name of somebody's, such as an environment variable.
    #[error("{of}: {error}")]
    Of {
        /// What it was about.
        of: String,
        /// The error itself.
        error: Box<Self>,
    },

    /// A secret holds a NUL, which cannot be handed to a program in its environment.
    #[error("It holds a NUL, which no variable of an environment can")]
    HoldsNul,

    /// os-secrets itself failed. Holds the circumstances.
    #[error("os-secrets failed: {0}")]
    Internal(String),

    /// Another error, after which it is unknown whether the change was made.
    #[error("{0}.{effect}", effect = Effect::Unknown)]
    Unsettled(Box<Self>),

    /// Another error, with what the place where the process runs has to do with it.
    #[error("{error}. {place}")]
    Placed {
        /// The error itself.
        error: Box<Self>,
        /// Where the process runs.
        place: HostKind,
    },
}

/// Where a process runs that has no desktop session around it. Its `Display` says what that means for
/// credential stores, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// Windows Subsystem for Linux.
    Wsl,
    /// A container.
    Container,
    /// A session over SSH.
    Ssh,
}

impl fmt::Display for HostKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wsl => {
                "This is WSL, which starts no credential store by itself: enable systemd in /etc/wsl.conf, \
                 install gnome-keyring, and unlock it once for each session; or run the program on Windows \
                 (secrets.exe), with the credentials of Credential Manager; or use an encrypted file \
                 (OS_SECRETS_PROVIDER=file)"
            }
            Self::Container => {
                "This is a container, which has no session of its own: pass the socket of the host's session \
                 bus into it, start a bus and a store inside, or use an encrypted file (OS_SECRETS_PROVIDER=file)"
            }
            Self::Ssh => {
                "This is a session over SSH, where nobody has unlocked the store with their login: unlock it \
                 with gnome-keyring-daemon --replace --unlock --components=secrets, start a bus and a store for \
                 this session, or use an encrypted file (OS_SECRETS_PROVIDER=file)"
            }
        })
    }
}

/// What a call that did not come to its end may have changed. Its `Display` is a sentence to
/// append, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    #[default]
    None,
    /// Nothing yet.
    NotDone,
    /// The store was told to, and did not confirm it.
    Unknown,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "",
            Self::NotDone => " Nothing was changed.",
            Self::Unknown => " The change may have been made all the same; read the credential to see.",
        })
    }
}

impl Error {
    /// The `code` of the JavaScript error.
    pub fn code(&self) -> Code {
        match self {
            Self::Placed { error, .. } | Self::Of { error, .. } | Self::Unsettled(error) => error.code(),
            Self::NoBus(_)
            | Self::NoService(_)
            | Self::Lost { .. }
            | Self::Closed
            | Self::Service { .. }
            | Self::Malformed(_)
            | Self::File { denied: false, .. }
            | Self::Helper { .. }
            | Self::Internal(_) => Code::PlatformError,
            Self::AccessDenied(_) | Self::NotPrivate { .. } | Self::File { denied: true, .. } => {
                Code::AccessDenied
            }
            Self::Windows { code, .. } | Self::Keychain { code, .. } => *code,
            Self::WrongKey { .. } => Code::AuthFailed,
            Self::UserCanceled { .. } | Self::NoPassphrase(_) => Code::UserCanceled,
            Self::InteractionRequired { .. } => Code::InteractionRequired,
            Self::InteractionNotAllowed | Self::Asking => Code::InteractionNotAllowed,
            Self::Timeout { .. } => Code::Timeout,
            Self::Aborted { .. } => Code::Aborted,
            Self::InvalidSetting(_) => Code::InvalidSetting,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::NotFound { .. } => Code::NotFound,
            Self::InvalidName { .. } | Self::InvalidKey | Self::NeedsService => Code::InvalidArgument,
            Self::InvalidData
            | Self::InvalidFile { .. }
            | Self::Damaged { .. }
            | Self::HoldsNul
            | Self::TextOnly => Code::InvalidData,
        }
    }

    /// The `name` of the JavaScript error where it is not plain `Error`.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Timeout { .. } => Some("TimeoutError"),
            Self::Aborted { .. } => Some("AbortError"),
            _ => None,
        }
    }

    /// Adds what the place has to do with it, where it has.
    pub fn at(self, place: Option<HostKind>) -> Self {
        match (place, &self) {
            (Some(place), Self::NoBus(_) | Self::NoService(_) | Self::InteractionRequired { .. }) => {
                Self::Placed { error: Box::new(self), place }
            }
            _ => self,
        }
    }

    /// Says what the call has changed: in errors that leave it open, and in all where it is unknown.
    pub fn with_effect(mut self, of_call: Effect) -> Self {
        match &mut self {
            Self::Lost { effect, .. }
            | Self::UserCanceled { effect }
            | Self::Timeout { effect, .. }
            | Self::Aborted { effect } => *effect = of_call,
            _ if of_call == Effect::Unknown => return Self::Unsettled(Box::new(self)),
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(at: Option<&'static str>) -> Error {
        Error::Timeout { after: Duration::from_secs(25), at, effect: Effect::None }
    }

    #[test]
    fn an_open_end_says_what_it_may_have_changed() {
        let message = |error: Error, effect| error.with_effect(effect).to_string();
        assert!(
            message(timeout(Some("CreateItem")), Effect::Unknown).contains("(CreateItem). The change may")
        );
        assert!(message(timeout(None), Effect::NotDone).contains("25000 ms. Nothing was changed. See"));
        let aborted = Error::Aborted { effect: Effect::None };
        assert_eq!(message(aborted.clone(), Effect::NotDone), "The call was aborted. Nothing was changed.");
        assert_eq!(message(aborted, Effect::None), "The call was aborted.");
        assert_eq!(Error::InvalidData.with_effect(Effect::NotDone), Error::InvalidData);
        let unsettled = Error::NoService("x".into()).with_effect(Effect::Unknown);
        assert_eq!(unsettled.code(), Code::PlatformError);
        assert!(unsettled.to_string().contains("nothing on the D-Bus session bus"));
        assert!(
            unsettled
                .to_string()
                .ends_with(". The change may have been made all the same; read the credential to see.")
        );
    }

    #[test]
    fn a_place_is_named_where_it_matters() {
        for (place, word) in
            [(HostKind::Wsl, "WSL"), (HostKind::Container, "container"), (HostKind::Ssh, "SSH")]
        {
            let error = Error::NoBus("x".into()).at(Some(place));
            assert_eq!(error.code(), Code::PlatformError);
            assert!(error.to_string().contains("dbus-run-session") && error.to_string().contains(word));
            assert_eq!(Error::InvalidData.at(Some(place)), Error::InvalidData);
        }
        assert_eq!(Error::NoBus("x".into()).at(None), Error::NoBus("x".into()));
    }

    #[test]
    fn codes_are_the_documented_ones() {
        let service = Error::Service {
            operation: "SearchItems",
            name: "org.example.Failed".into(),
            message: "no".into(),
        };
        let too_large = Error::TooLarge { what: "a value", size: 9, unit: "bytes", limit: 8 };
        for (error, code) in [
            (Error::NoBus("x".into()), Code::PlatformError),
            (Error::NoService("x".into()), Code::PlatformError),
            (Error::Lost { reason: "x".into(), effect: Effect::None }, Code::PlatformError),
            (Error::Closed, Code::PlatformError),
            (service, Code::PlatformError),
            (Error::Malformed("x".into()), Code::PlatformError),
            (Error::Internal("x".into()), Code::PlatformError),
            (Error::AccessDenied("x".into()), Code::AccessDenied),
            (Error::UserCanceled { effect: Effect::None }, Code::UserCanceled),
            (Error::InteractionRequired { need: "x", reason: "y".into() }, Code::InteractionRequired),
            (Error::InteractionNotAllowed, Code::InteractionNotAllowed),
            (Error::Asking, Code::InteractionNotAllowed),
            (timeout(Some("GetSecret")), Code::Timeout),
            (Error::Aborted { effect: Effect::None }, Code::Aborted),
            (Error::InvalidSetting("x".into()), Code::InvalidSetting),
            (too_large, Code::TooLarge),
            (Error::InvalidData, Code::InvalidData),
            (Error::NeedsService, Code::InvalidArgument),
        ] {
            assert_eq!(error.code(), code, "{error:?}");
        }
    }

    #[test]
    fn messages_name_the_cause_and_what_to_do() {
        let error = Error::Service {
            operation: "CreateItem",
            name: "org.freedesktop.DBus.Error.Failed".into(),
            message: "disk full".into(),
        };
        assert_eq!(
            error.to_string(),
            "The credential store failed at CreateItem: disk full (org.freedesktop.DBus.Error.Failed). See what its \
             service has logged (journalctl --user), then try again"
        );
        assert!(Error::NoBus("it is gone".into()).to_string().contains("it is gone"));
        assert!(Error::NoBus(String::new()).to_string().contains("dbus-run-session"));
        assert_eq!(timeout(None).name(), Some("TimeoutError"));
        assert_eq!(Error::Aborted { effect: Effect::None }.name(), Some("AbortError"));
        assert_eq!(Error::InvalidData.name(), None);
    }
}
