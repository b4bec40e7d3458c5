//! The one error type: every failure that a caller can see, with its code, reason and message.

use std::{borrow::Cow, fmt, path::PathBuf, time::Duration};

mod code;
mod reason;

pub use code::Code;
pub use reason::Reason;

use crate::{
    printable::{printable, printable_path},
    program::{command_line, command_on_file},
    store::file::keys::user_identity,
};

/// Why a call failed.
///
/// A message says what happened and what to do next. No message contains a secret's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no session bus, or it refused the connection. Holds the reason.
    #[error(
        "The credential store cannot be reached, because there is no usable D-Bus session bus: {}. \
         Log in to a desktop session, start the program inside one (dbus-run-session -- <command>), or correct \
         DBUS_SESSION_BUS_ADDRESS",
        printable(_0)
    )]
    NoBus(String),

    /// The session bus belongs to another user, whom we do not trust with secrets.
    #[error(
        "The D-Bus session bus {} belongs to user {owner}, and this process runs as user {own}. Run it as the \
         user whose session it is{}",
        printable(address),
        if *own == 0 { ", without sudo" } else { ", or correct DBUS_SESSION_BUS_ADDRESS" }
    )]
    ForeignBus {
        /// The address of the bus.
        address: String,
        /// The user ID of the bus.
        owner: u32,
        /// The user ID of this process.
        own: u32,
    },

    /// The bus does not let this process call the Secret Service. Holds the bus's answer.
    #[error(
        "The D-Bus session bus does not let this process call the credential store: {}. Allow it in the sandbox or in \
         the policy of the bus: for a snap with snap connect NAME:password-manager-service, for a Flatpak with \
         --talk-name=org.freedesktop.secrets",
        printable(_0)
    )]
    BusDenied(String),

    /// The bus works, but nothing on it provides the Secret Service. Holds the bus's answer.
    #[error(
        "No credential store answers: nothing on the D-Bus session bus provides org.freedesktop.secrets ({}). \
         Install and start one, such as gnome-keyring, KWallet or KeePassXC",
        printable(_0)
    )]
    NoService(String),

    /// The connection ended in the middle of the call, and again when the call was repeated.
    #[error(
        "The connection to the credential store was lost, and the retry failed, too: \
         {}.{effect} Check that the store's service keeps running, then try again",
        printable(reason)
    )]
    Lost {
        /// How it was lost.
        reason: String,
        /// Whether the call changed something.
        effect: Effect,
    },

    /// The store answered with an error of its own.
    #[error(
        "The credential store failed at {operation}: {} ({}). Check the log of its service \
         (journalctl --user), then try again",
        printable(message),
        printable(name)
    )]
    Service {
        /// The method that failed, such as `SearchItems`.
        operation: &'static str,
        /// The D-Bus error's name.
        name: String,
        /// The D-Bus error's text, cut to what fits a message.
        message: String,
    },

    /// The store's answer is malformed. Holds what is wrong with it.
    #[error(
        "The credential store answered {}. Its service may be faulty or of a version that os-secrets does \
         not know",
        printable(_0)
    )]
    Malformed(Cow<'static, str>),

    /// The store refused. Holds what it refused.
    #[error("The credential store denied access: {}", printable(_0))]
    AccessDenied(Cow<'static, str>),

    /// The user dismissed the store's prompt.
    #[error(
        "The prompt of the credential store was dismissed.{effect} If no prompt appeared, the service \
         could not show one: install its prompter (gnome-keyring's is in the package gcr), or unlock the store \
         first"
    )]
    UserCanceled {
        /// Whether the call changed something.
        effect: Effect,
    },

    /// The store could not ask the user.
    #[error(
        "The credential store {need}, because {reason}. Log in on the desktop, which creates and unlocks the \
         store, or unlock it yourself (gnome-keyring: gnome-keyring-daemon --replace --unlock --components=secrets, with its \
         password and no newline on standard input)"
    )]
    InteractionRequired {
        /// What the store needs. Follows "The credential store".
        need: &'static str,
        /// Why it could not ask.
        reason: Cow<'static, str>,
    },

    /// The store must ask the user, and the caller does not allow it.
    #[error(
        "The credential store must ask the user for a password or a confirmation, and this call must not \
         ask (it has interactive: false, or it is list). Unlock the store first, or make a call that may ask"
    )]
    InteractionNotAllowed,

    /// The caller does not allow a prompt. Keychain can only switch prompts off for the whole process, and another call
    /// of the process is showing one.
    #[error(
        "Keychain is showing a prompt for another call of this process, and this call must not wait for it \
         (interactive: false). Try again after the user has answered"
    )]
    Asking,

    /// The deadline of a message or of the whole call passed.
    #[error(
        "The credential store did not answer within {} ms{}.{effect} Check whether its service hangs or \
         waits for the user, then try again",
        after.as_millis(),
        at.map(|method| format!(" ({method})")).unwrap_or_default()
    )]
    Timeout {
        /// How long the deadline was.
        after: Duration,
        /// The method that was not answered, if it was a message's deadline.
        at: Option<&'static str>,
        /// Whether the call changed something.
        effect: Effect,
    },

    /// The deadline of an update passed while another update of the credential was in progress.
    #[error(
        "Another update of this credential did not end within {} ms. Nothing was changed. Try again; if it never \
         ends, end the program that updates it",
        after.as_millis()
    )]
    LockTimeout {
        /// How long the deadline was.
        after: Duration,
    },

    /// An update of a credential was started by an update of the same credential, for which it would wait.
    #[error(
        "This credential is being updated by the function that has called update again, so that the call would wait \
         for itself. Nothing was changed. Return the new value from the function instead"
    )]
    NestedUpdate,

    /// The user's identity had to be created while a function of this process updated its item. The function may wait for
    /// the call that needs it.
    #[error(
        "Cannot create the identity in the operating system's store (service {}, name {}) while this process updates \
         that credential, because the update may wait for this call. Nothing was changed. Store in the file after the \
         update",
        printable(service),
        printable(name)
    )]
    OsIdentityInUpdate {
        /// The service of the identity's item.
        service: String,
        /// The name of the item.
        name: String,
    },

    /// A store was closed by the function of one of its updates, for which closing waits.
    #[error(
        "The function of an update cannot close the store of the update, because closing waits for the function. \
         Close the store after the update"
    )]
    CloseInUpdate,

    /// The caller's signal fired.
    #[error("The call was aborted.{effect}")]
    Aborted {
        /// Whether the call changed something.
        effect: Effect,
    },

    /// A function of a store that the host of this library provides has failed. The host knows why.
    #[error(
        "The provider's function {method} has thrown an error, which is the cause of this one. Correct what it says"
    )]
    Provider {
        /// The name of the function.
        method: String,
        /// What the host finds the error by.
        number: u32,
    },

    /// A function of a store that the host of this library provides has returned something wrong.
    #[error(
        "The provider's function {method} must return {expected}, and has returned something else. Correct the provider"
    )]
    ProviderAnswer {
        /// The name of the function.
        method: String,
        /// What it may return.
        expected: String,
    },

    /// A setting of the environment or an option of the program is wrong. Holds which one and why.
    #[error("{}", printable(_0))]
    InvalidSetting(String),

    /// The store was closed.
    #[error("The store is closed. Open another one with openStore()")]
    Closed,

    /// The store cannot hold the value. Nothing was changed.
    #[error(
        "Too large for the credential store: {what} of {size} {unit}; the maximum is {limit}. Nothing was \
         changed. Keep the data in an encrypted file, and only its key in the store"
    )]
    TooLarge {
        /// What is too large: `a value`, or `service and name`.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The unit of the sizes: `bytes`, or `UTF-16 units`.
        unit: &'static str,
        /// The maximum.
        limit: usize,
    },

    /// The stored bytes are not text.
    #[error(
        "The stored credential is not UTF-8 text, so it cannot be returned as a string. Read its bytes with \
         openStore().get({{ service, name, encoding: \"buffer\" }})"
    )]
    InvalidData,

    /// The keyring is a text file that would not keep the credential. Nothing was changed.
    #[error(
        "This credential cannot be kept in the keyring {}: the keyring has no password and so is plain text, and \
         {loss}. That would be lost, or make the keyring unreadable with every secret in it. Nothing was changed. \
         Give the keyring a password (with Passwords and Keys, in the package seahorse), or use an encrypted file \
         (OS_SECRETS_PROVIDER=file)",
        printable_path(path)
    )]
    TextKeyring {
        /// The keyring's file.
        path: PathBuf,
        /// What the file does not keep.
        loss: &'static str,
    },

    /// A function of Windows' Credential Manager failed.
    #[error("Credential Manager failed at {operation}: {message} (error {number}).{advice}")]
    Windows {
        /// The function that failed, such as `CredWrite`.
        operation: &'static str,
        /// The system's error number.
        number: u32,
        /// The system's message for the number.
        message: String,
        /// The code that the number stands for.
        code: Code,
        /// The reason that the number stands for.
        reason: Reason,
        /// What the number means and what to do. Starts with a space.
        advice: &'static str,
    },

    /// A function of macOS' Keychain failed.
    #[error("Keychain failed at {operation}: {message} (OSStatus {status}).{advice}")]
    Keychain {
        /// The function that failed, such as `SecItemAdd`.
        operation: &'static str,
        /// The system's result code.
        status: i32,
        /// The system's message for the result code.
        message: String,
        /// The code that the result code stands for.
        code: Code,
        /// The reason that the result code stands for.
        reason: Reason,
        /// What the result code means and what to do. Starts with a space.
        advice: &'static str,
    },

    /// The store lists the credentials of one service only.
    #[error(
        "This store holds the credentials of every program, so it lists one service at a time. Name the \
         service: list({{ service }}) or {}",
        command_line("list --service S")
    )]
    NeedsService,

    /// No secret has this name in the scopes that were searched.
    #[error("There is no secret {name} in {place}")]
    NotFound {
        /// The name.
        name: String,
        /// The scopes that were searched.
        place: &'static str,
    },

    /// A string that is not a valid secret name. The message does not show it, because it may be a secret itself.
    #[error(
        "Not a secret's name: names are made of a-z, 0-9, \".\", \"_\" and \"-\", and {}",
        at.map_or("this one is empty".into(), |at| format!("this one has another character at position {at}"))
    )]
    InvalidName {
        /// The position of the first character that names cannot have, counted from 1. `None` if the text is empty.
        at: Option<usize>,
    },

    /// A file cannot be read or written.
    #[error("{action} {}: {}", printable_path(path), printable(reason))]
    File {
        /// What could not be done, such as `Cannot read`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        reason: Cow<'static, str>,
        /// Whether permission was denied.
        denied: bool,
    },

    /// The contents of a file are wrong. The file was not changed.
    #[error("{} {reason}. Correct it by hand; nothing was changed", printable_path(path))]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it. Follows its name, and holds no part of a value.
        reason: String,
    },

    /// The file of a store does not exist, and it must.
    #[error(
        "The store's file {} does not exist. {}, or correct its path (--store, OS_SECRETS_FILE or the option path)",
        printable_path(path),
        match key_is_given {
            // A command would create it with another key.
            true => "Create it by a set with the same options, but without mustExist".to_owned(),
            false => format!("Create it with `{}`", command_on_file(path, "set NAME")),
        }
    )]
    NoFile {
        /// The file.
        path: PathBuf,
        /// Whether the program has given the key of the file, as an option.
        key_is_given: bool,
    },

    /// The encrypted file does not exist, but its backup does: somebody has moved or removed the file. To begin a new
    /// file would lose what the backup holds.
    #[error(
        "The store's file {} does not exist, but its backup {} does. Copy the backup to the file; or move it away to \
         begin a new file",
        printable_path(path),
        printable_path(backup)
    )]
    OnlyBackup {
        /// The file.
        path: PathBuf,
        /// Its backup.
        backup: PathBuf,
    },

    /// The file of a store is damaged. The file was not changed.
    #[error(
        "The store's file {} {reason}. It was left as it is{}",
        printable_path(path),
        backup.as_ref().map(|backup| format!("; {} holds the previous version", printable_path(backup))).unwrap_or_default()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it. Follows its name, and holds no part of a value.
        reason: String,
        /// The file with the version before, if there is one.
        backup: Option<PathBuf>,
    },

    /// The key does not open the file of a store.
    #[error("The store's file {} cannot be opened, because {reason}", printable_path(path))]
    WrongKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: Cow<'static, str>,
    },

    /// The identity is protected by a passphrase, which nothing names.
    #[error(
        "{setting} has an identity that is protected by a passphrase. Set OS_SECRETS_PASSPHRASE beside \
         OS_SECRETS_IDENTITY, or give both options, identity and passphrase"
    )]
    ProtectedIdentity {
        /// The setting or the file that has it.
        setting: String,
    },

    /// The passphrase does not open the identity.
    #[error(
        "{setting} has an identity that its passphrase does not open: the passphrase is wrong. Give the right one"
    )]
    WrongPassphrase {
        /// The setting or the file that has it.
        setting: String,
    },

    /// The value to change is the user's identity in the operating system's store, and it was named as a secret.
    #[error(
        "The secret identity was not changed: its place is that of the identity that opens your encrypted files, and \
         without that nobody can read them. Choose another name, or change it on purpose with --service os-secrets"
    )]
    OpensFiles,

    /// The identity that opens the file of a store is not in the operating system's store any more. A new identity would
    /// not open it.
    #[error(
        "The identity that opens {} is not in the operating system's store (service {}, name {}). Restore it there from \
         a copy{}, or move the file and its backup (….backup) away to begin new ones",
        printable_path(path),
        printable(service),
        printable(name),
        if is_of_user(service, name) {
            format!(
                ", make one for this machine with `{}` and add its recipient where the file can be read",
                command_line("init --os --force")
            )
        } else {
            String::new()
        }
    )]
    LostOsIdentity {
        /// The file.
        path: PathBuf,
        /// The service of the identity's item.
        service: String,
        /// The name of the item.
        name: String,
    },

    /// The item in the operating system's store is not an identity that opens encrypted files.
    #[error(
        "The identity in the operating system's store (service {}, name {}) {reason}. Restore it there from a copy",
        printable(service),
        printable(name)
    )]
    InvalidOsIdentity {
        /// The service of the item.
        service: String,
        /// The name of the item.
        name: String,
        /// What is wrong with it. Holds no part of it.
        reason: String,
    },

    /// The directory has no `datapackage.json`, so that the repository cannot keep a secret.
    #[error(
        "Cannot write {}: the file does not exist, so that the directory is not a workspace",
        printable_path(path)
    )]
    NoWorkspace {
        /// The file that does not exist.
        path: PathBuf,
    },

    /// The recipients of an encrypted file cannot be changed as the caller wants. Holds the reason.
    #[error("The recipients cannot be changed: {0}")]
    InvalidRecipients(String),

    /// A credential helper failed.
    #[error(
        "{} failed at {operation}: {reason}. Run the command by hand to see why",
        printable_path(command)
    )]
    Helper {
        /// The program.
        command: PathBuf,
        /// The command of its protocol, such as `get`.
        operation: &'static str,
        /// Why it failed.
        reason: String,
    },

    /// A credential helper cannot be started.
    #[error(
        "{} cannot be started: {reason}. Check the path, and whether the program may be executed",
        printable_path(command)
    )]
    NoHelper {
        /// The program.
        command: PathBuf,
        /// Why not.
        reason: String,
    },

    /// The program of an age plugin cannot be started.
    #[error(
        "The encrypted file needs the program age-plugin-{name}, which {reason}. Install the plugin, and see that PATH \
         has its directory"
    )]
    NoPlugin {
        /// The name of the plugin.
        name: String,
        /// Why not. Follows the name of the program.
        reason: String,
    },

    /// Only the encrypted file itself names a plugin, and anybody can write a file. Nothing was started or changed.
    #[error(
        "The encrypted file lists a recipient of the plugin age-plugin-{name}, which was not started, because only the \
         file names it; nothing was changed. If you want it to be started, add {name} to OS_SECRETS_PLUGINS"
    )]
    UntrustedPlugin {
        /// The name of the plugin.
        name: String,
    },

    /// An age plugin failed.
    #[error(
        "The plugin age-plugin-{name} failed: {reason}. Check its device and its settings, then try again"
    )]
    Plugin {
        /// The name of the plugin.
        name: String,
        /// Why it failed.
        reason: String,
    },

    /// An age plugin did not answer, and was killed.
    #[error(
        "The plugin age-plugin-{name} did not answer within {} s, and was ended. Check whether it waits for its device, \
         then try again",
        after.as_secs()
    )]
    PluginTimeout {
        /// The name of the plugin.
        name: String,
        /// How long it was waited for.
        after: Duration,
    },

    /// age refuses to encrypt a file for these recipients together, because of their labels.
    #[error(
        "The file cannot be encrypted for these recipients together, because they are not equally secure: some are \
         post-quantum or of a plugin that demands the same of all, and others are not. Use recipients of one kind"
    )]
    MixedRecipients,

    /// Nothing unlocks the encrypted file.
    #[error(
        "There is nothing to unlock the file store with. Create an identity with `{}`, set \
         OS_SECRETS_IDENTITY to an identity (its text or the path of its file), or set OS_SECRETS_PASSPHRASE",
        command_line("init")
    )]
    NoKey,

    /// Nothing unlocks an encrypted file that exists. A new identity would not open it.
    #[error(
        "There is nothing to unlock the store's file {} with. Set OS_SECRETS_IDENTITY to the identity that opens it (its \
         text or the path of its file), or OS_SECRETS_PASSPHRASE to its passphrase",
        printable_path(path)
    )]
    NoKeyFor {
        /// The file.
        path: PathBuf,
    },

    /// An identity exists, and replacing it would lose everything that is encrypted for it. Holds its file.
    #[error(
        "Cannot write {}: it already exists, and what is encrypted for it would be lost",
        printable_path(_0)
    )]
    IdentityExists(PathBuf),

    /// A server of Vault or OpenBao refused a request, or cannot answer it.
    #[error("The server {address} failed at {}: {}", printable(operation), printable(message))]
    Vault {
        /// The scheme, host and port of the server.
        address: String,
        /// What the request does, such as `reading my-app`.
        operation: String,
        /// What the server says, and what to do.
        message: String,
        /// The code of the failure.
        code: Code,
        /// The reason of the failure.
        reason: Reason,
    },

    /// A server of Vault or OpenBao cannot be reached.
    #[error(
        "The server {address} cannot be reached: {}. Check the address, the network, and whether the server runs",
        printable(reason)
    )]
    NoServer {
        /// The scheme, host and port of the server.
        address: String,
        /// Why not.
        reason: String,
    },

    /// The certificate of a server is not one that we trust. Nothing was sent.
    #[error(
        "The server {address} is not trusted: {}. Check the address, or name the certificates of its authority \
         (VAULT_CACERT or the option caCert)",
        printable(reason)
    )]
    UntrustedServer {
        /// The scheme, host and port of the server.
        address: String,
        /// Why not.
        reason: String,
    },

    /// A service that cannot be a path on a server. Holds the path.
    #[error(
        "The service {} cannot be a path on the server: its segments must not be empty or \".\", and must not \
         contain \"..\" or control characters. Choose another service",
        printable(path)
    )]
    InvalidPath {
        /// The service.
        path: String,
    },

    /// The user entered no usable passphrase. Holds why not.
    #[error("{0}; nothing was changed")]
    NoPassphrase(&'static str),

    /// A service or name that cannot be stored.
    #[error("The service and the name must not be empty or contain a NUL. Nothing was changed")]
    InvalidKey,

    /// The store holds only text, and the value is not.
    #[error("This store holds only text, and the value is not UTF-8. Nothing was changed")]
    TextOnly,

    /// Other users have access to a file that must be private.
    #[error("{} {what}, so secrets are not kept there. {fix}", printable_path(path))]
    NotPrivate {
        /// The file or directory.
        path: PathBuf,
        /// Which access others have. The message puts it behind the path.
        what: String,
        /// What to do.
        fix: String,
    },

    /// Another user can have written a file that decides which secrets are used.
    #[error("{} {what}, so it is not used. {advice}: {command}", printable_path(path))]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// How others can have written it. Follows its path.
        what: String,
        /// What to do, up to the command.
        advice: &'static str,
        /// The command that makes the file safe from others.
        command: String,
    },

    /// Another error, with the name of what it concerns, such as an environment variable.
    #[error("{}: {error}", printable(of))]
    Of {
        /// What it concerns.
        of: String,
        /// The error itself.
        error: Box<Self>,
    },

    /// os-secrets itself failed. Holds the reason.
    #[error("os-secrets failed: {0}")]
    Internal(String),

    /// Another error, after which we cannot know whether the change was made.
    #[error("{0}.{effect}", effect = Effect::Unknown)]
    Unsettled(Box<Self>),

    /// Another error, after a part of the call was done. Holds what was done and what was not.
    #[error("{done}: {error}")]
    Incomplete {
        /// What was done, and what was not.
        done: &'static str,
        /// Why not.
        error: Box<Self>,
    },

    /// Another error, with the kind of host that explains it.
    #[error("{error}. {host}")]
    OnHost {
        /// The error itself.
        error: Box<Self>,
        /// The kind of host.
        host: HostKind,
    },
}

/// A kind of host or sandbox in which there may be no credential store. Its `Display` says what that means, and what
/// to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// Windows Subsystem for Linux.
    Wsl,
    /// A container.
    Container,
    /// A session over SSH.
    Ssh,
    /// A program under `sudo`, which has not the session of the user who called it.
    Sudo,
    /// A snap. Holds its name.
    Snap(String),
    /// A Flatpak. Holds the application's ID.
    Flatpak(String),
}

impl HostKind {
    /// Whether this kind of host explains the error.
    fn explains(&self, error: &Error) -> bool {
        match self {
            Self::Wsl | Self::Container | Self::Ssh => {
                matches!(error, Error::NoBus(_) | Error::NoService(_) | Error::InteractionRequired { .. })
            }
            Self::Sudo => matches!(error, Error::NoBus(_)),
            Self::Snap(_) => matches!(error, Error::BusDenied(_)),
            // Its bus hides what the application may not call.
            Self::Flatpak(_) => matches!(error, Error::BusDenied(_) | Error::NoService(_)),
        }
    }

    /// The command that gives the application of a sandbox access to the credential store.
    pub fn permit(&self) -> Option<String> {
        match self {
            Self::Snap(name) => Some(format!("snap connect {name}:password-manager-service")),
            Self::Flatpak(id) => {
                Some(format!("flatpak override --user --talk-name=org.freedesktop.secrets {id}"))
            }
            Self::Wsl | Self::Container | Self::Ssh | Self::Sudo => None,
        }
    }
}

impl fmt::Display for HostKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Wsl => {
                "This is WSL, which does not start a credential store: enable systemd in /etc/wsl.conf, \
                 install gnome-keyring, and unlock it once for each session; or run the program on Windows \
                 (secrets.exe), with the credentials of Credential Manager; or use an encrypted file \
                 (OS_SECRETS_PROVIDER=file)"
            }
            Self::Container => {
                "This is a container, which has no session of its own: pass the socket of the host's session \
                 bus into it and run as the same user, start a bus and a store inside, or use an encrypted file (OS_SECRETS_PROVIDER=file)"
            }
            Self::Ssh => {
                "This is a session over SSH, so no login has unlocked the store: unlock it \
                 with gnome-keyring-daemon --replace --unlock --components=secrets, start a bus and a store for \
                 this session, or use an encrypted file (OS_SECRETS_PROVIDER=file)"
            }
            Self::Sudo => {
                "This program runs under sudo, which keeps the user's session from it: run it without sudo"
            }
            Self::Snap(_) | Self::Flatpak(_) => {
                let command = self.permit().unwrap_or_default();
                return write!(
                    f,
                    "This is a sandbox, whose applications see the credential store only if they may. Run outside \
                     of it: {command}"
                );
            }
        };
        f.write_str(text)
    }
}

/// What a call that failed may have changed. Its `Display` is a sentence to append, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// The call only reads.
    #[default]
    None,
    /// The call has changed nothing.
    NotDone,
    /// The change was sent, and the store did not confirm it.
    Unknown,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "",
            Self::NotDone => " Nothing was changed.",
            Self::Unknown => " The change may still have been made; read the credential to check.",
        })
    }
}

/// Whether an item of the operating system's store is the user's identity.
fn is_of_user(service: &str, name: &str) -> bool {
    let own = user_identity();
    own.service == service && own.name == name
}

impl Error {
    /// The `code` of the JavaScript error.
    pub fn code(&self) -> Code {
        match self {
            Self::OnHost { error, .. }
            | Self::Of { error, .. }
            | Self::Incomplete { error, .. }
            | Self::Unsettled(error) => error.code(),
            Self::NoBus(_)
            | Self::ForeignBus { .. }
            | Self::NoService(_)
            | Self::Lost { .. }
            | Self::Closed
            | Self::NestedUpdate
            | Self::OsIdentityInUpdate { .. }
            | Self::CloseInUpdate
            | Self::Service { .. }
            | Self::Malformed(_)
            | Self::File { denied: false, .. }
            | Self::NoFile { .. }
            | Self::Helper { .. }
            | Self::NoHelper { .. }
            | Self::Provider { .. }
            | Self::NoPlugin { .. }
            | Self::Plugin { .. }
            | Self::IdentityExists(_)
            | Self::OpensFiles
            | Self::NoServer { .. }
            | Self::Internal(_) => Code::PlatformError,
            Self::AccessDenied(_)
            | Self::BusDenied(_)
            | Self::NotPrivate { .. }
            | Self::Untrusted { .. }
            | Self::UntrustedPlugin { .. }
            | Self::UntrustedServer { .. }
            | Self::File { denied: true, .. } => Code::AccessDenied,
            Self::Windows { code, .. } | Self::Keychain { code, .. } | Self::Vault { code, .. } => *code,
            Self::WrongKey { .. } | Self::WrongPassphrase { .. } | Self::LostOsIdentity { .. } => {
                Code::AuthFailed
            }
            Self::UserCanceled { .. } | Self::NoPassphrase(_) => Code::UserCanceled,
            Self::InteractionRequired { .. } => Code::InteractionRequired,
            Self::InteractionNotAllowed | Self::Asking => Code::InteractionNotAllowed,
            Self::Timeout { .. } | Self::LockTimeout { .. } | Self::PluginTimeout { .. } => Code::Timeout,
            Self::Aborted { .. } => Code::Aborted,
            Self::InvalidSetting(_)
            | Self::InvalidRecipients(_)
            | Self::MixedRecipients
            | Self::NoKey
            | Self::NoKeyFor { .. }
            | Self::ProtectedIdentity { .. } => Code::InvalidSetting,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::NotFound { .. } | Self::NoWorkspace { .. } => Code::NotFound,
            Self::InvalidName { .. } | Self::InvalidKey | Self::InvalidPath { .. } | Self::NeedsService => {
                Code::InvalidArgument
            }
            Self::InvalidData
            | Self::ProviderAnswer { .. }
            | Self::InvalidFile { .. }
            | Self::Damaged { .. }
            | Self::OnlyBackup { .. }
            | Self::InvalidOsIdentity { .. }
            | Self::TextKeyring { .. }
            | Self::TextOnly => Code::InvalidData,
        }
    }

    /// The `name` of the JavaScript error, if it is not `Error`.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Timeout { .. } | Self::LockTimeout { .. } | Self::PluginTimeout { .. } => {
                Some("TimeoutError")
            }
            Self::Aborted { .. } => Some("AbortError"),
            Self::Of { error, .. } | Self::OnHost { error, .. } | Self::Unsettled(error) => error.name(),
            _ => None,
        }
    }

    /// What the host finds the error of its provider's function by, if such an error is what happened.
    pub fn provider_question(&self) -> Option<u32> {
        match self {
            Self::Provider { number, .. } => Some(*number),
            Self::Of { error, .. }
            | Self::OnHost { error, .. }
            | Self::Incomplete { error, .. }
            | Self::Unsettled(error) => error.provider_question(),
            _ => None,
        }
    }

    /// Adds the first of these kinds of host that explains the error.
    pub fn at(self, hosts: &[HostKind]) -> Self {
        match hosts.iter().find(|host| host.explains(&self)) {
            Some(host) => Self::OnHost { error: Box::new(self), host: host.clone() },
            None => self,
        }
    }

    /// Adds what the call has changed: to errors that tell it, and to every error if it is unknown.
    pub fn with_effect(mut self, of_call: Effect) -> Self {
        match &mut self {
            Self::Lost { effect, .. }
            | Self::UserCanceled { effect }
            | Self::Timeout { effect, .. }
            | Self::Aborted { effect } => *effect = of_call,
            // It has told it.
            Self::Incomplete { .. } => {}
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
        assert!(message(timeout(None), Effect::NotDone).contains("25000 ms. Nothing was changed. Check"));
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
                .ends_with(". The change may still have been made; read the credential to check.")
        );
    }

    #[test]
    fn a_place_is_named_where_it_matters() {
        for (place, word) in
            [(HostKind::Wsl, "WSL"), (HostKind::Container, "container"), (HostKind::Ssh, "SSH")]
        {
            let error = Error::NoBus("x".into()).at(std::slice::from_ref(&place));
            assert_eq!(error.code(), Code::PlatformError);
            assert!(error.to_string().contains("dbus-run-session") && error.to_string().contains(word));
            assert_eq!(Error::InvalidData.at(&[place]), Error::InvalidData);
        }
        let told = |error: Error, host| error.at(&[HostKind::Ssh, host]).to_string();
        let under_sudo = Error::NoBus("x".into()).at(&[HostKind::Sudo]);
        assert!(under_sudo.to_string().ends_with("run it without sudo"));
        let denied = Error::BusDenied("x".into());
        assert_eq!(denied.code(), Code::AccessDenied);
        let snap = HostKind::Snap("tool".into());
        assert!(told(denied.clone(), snap).ends_with(": snap connect tool:password-manager-service"));
        let flatpak = HostKind::Flatpak("org.example.Tool".into());
        for error in [denied, Error::NoService("x".into())] {
            let told = error.at(&[flatpak.clone(), HostKind::Container]).to_string();
            assert!(told.ends_with("--talk-name=org.freedesktop.secrets org.example.Tool"), "{told}");
        }
        assert_eq!(Error::NoBus("x".into()).at(&[]), Error::NoBus("x".into()));
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
            (Error::NestedUpdate, Code::PlatformError),
            (Error::CloseInUpdate, Code::PlatformError),
            (Error::LockTimeout { after: Duration::ZERO }, Code::Timeout),
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
            "The credential store failed at CreateItem: disk full (org.freedesktop.DBus.Error.Failed). Check the log of \
             its service (journalctl --user), then try again"
        );
        assert!(Error::NoBus("it is gone".into()).to_string().contains("it is gone"));
        assert!(Error::NoBus(String::new()).to_string().contains("dbus-run-session"));
        assert_eq!(timeout(None).name(), Some("TimeoutError"));
        assert_eq!(Error::Aborted { effect: Effect::None }.name(), Some("AbortError"));
        assert_eq!(Error::InvalidData.name(), None);
    }
}
