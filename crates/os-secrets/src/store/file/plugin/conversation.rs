//! What is said between us and a plugin: it opens the key of a file, or encrypts it.

use std::{
    collections::HashSet,
    io::{self, ErrorKind},
    path::Path,
    time::Instant,
};

use age::secrecy::ExposeSecret;
use age_core::format::{FileKey, Stanza};

use super::{
    Plugins,
    message::{PluginMessage, read_message, write_message},
    process::PluginProcess,
    program_of,
};
use crate::{
    credential::Secret, error::Error, printable::printable, store::file::recipients::is_known_type,
    wiped::WipedBuffer,
};

/// The maximum number of messages of a plugin in one conversation.
const MAX_MESSAGES: usize = 1000;
/// The maximum number of characters of a plugin's text that are shown.
const MAX_SHOWN: usize = 500;
/// The number by which both sides call the only file of a conversation.
const FILE: &str = "0";

/// A plugin that runs, and what was said so far.
pub struct Conversation<'a> {
    plugins: &'a Plugins,
    name: &'a str,
    process: PluginProcess,
    /// The number of messages of the plugin.
    messages: usize,
    /// Whether it has asked something that nobody answered.
    unanswered: bool,
}

impl<'a> Conversation<'a> {
    /// Starts the program of a plugin.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn begin(
        plugins: &'a Plugins,
        name: &'a str,
        program: &Path,
        state_machine: &str,
    ) -> io::Result<Self> {
        let argument = format!("--age-plugin={state_machine}");
        let process = PluginProcess::start(program, &argument, plugins.patience)?;
        Ok(Self { plugins, name, process, messages: 0, unanswered: false })
    }

    /// Asks for the key of the file with these stanzas. `None` if the identity does not open it.
    pub fn unwrap(mut self, identity: &Secret, stanzas: &[Stanza]) -> Result<Option<FileKey>, Error> {
        let mut question = WipedBuffer::default();
        let identity = str::from_utf8(identity.expose()).unwrap_or_default();
        question.extend_from_slice(&write_message("add-identity", &[identity], &[]));
        for stanza in stanzas {
            let args: Vec<_> =
                [FILE, &stanza.tag].into_iter().chain(stanza.args.iter().map(String::as_str)).collect();
            question.extend_from_slice(&write_message("recipient-stanza", &args, &stanza.body));
        }
        question.extend_from_slice(&write_message("done", &[], &[]));
        self.write(&question)?;
        let mut key = None;
        while let Some(message) = self.receive()? {
            if message.command != "file-key" {
                self.answer_other(&message)?;
                continue;
            }
            if message.args != [FILE] || key.is_some() {
                return Err(self.failed("it answered with the keys of several files"));
            }
            let bytes = <&[u8; 16]>::try_from(&message.body[..]);
            let bytes = bytes.map_err(|_| self.failed("it answered with a key that has not 16 bytes"))?;
            key = Some(FileKey::init_with_mut(|key| key.copy_from_slice(bytes)));
            self.write(&write_message("ok", &[], &[]))?;
        }
        Ok(key)
    }

    /// Lets a recipient's plugin encrypt the key of a file. Returns the stanza for the header, and the labels that all
    /// recipients of the file must share.
    pub fn wrap(mut self, recipient: &str, key: &FileKey) -> Result<(Stanza, HashSet<String>), Error> {
        let mut question = WipedBuffer::default();
        question.extend_from_slice(&write_message("add-recipient", &[recipient], &[]));
        question.extend_from_slice(&write_message("wrap-file-key", &[], key.expose_secret()));
        // An extension of age 1.3: the plugin answers with its labels.
        question.extend_from_slice(&write_message("extension-labels", &[], &[]));
        question.extend_from_slice(&write_message("done", &[], &[]));
        self.write(&question)?;
        let (mut wrapped, mut labels) = (None, None);
        while let Some(message) = self.receive()? {
            match &*message.command {
                "recipient-stanza" => {
                    let stanza = self.read_stanza(message)?;
                    if wrapped.replace(stanza).is_some() {
                        // The specification forbids it, and the recipients of the file could not be counted.
                        return Err(self.failed("it answered with several stanzas for one recipient"));
                    }
                }
                "labels" => {
                    if labels.replace(message.args.into_iter().collect()).is_some() {
                        return Err(self.failed("it answered with its labels twice"));
                    }
                }
                _ => {
                    self.answer_other(&message)?;
                    continue;
                }
            }
            self.write(&write_message("ok", &[], &[]))?;
        }
        let wrapped = wrapped.ok_or_else(|| self.failed("it answered with no stanza for the recipient"))?;
        Ok((wrapped, labels.unwrap_or_default()))
    }

    /// The stanza in a message.
    fn read_stanza(&self, message: PluginMessage) -> Result<Stanza, Error> {
        let mut args = message.args.into_iter();
        let tag = args.next().filter(|file| file == FILE).and_then(|_| args.next());
        let tag = tag.ok_or_else(|| self.failed("it answered with a stanza for another file"))?;
        // A stanza of this kind would be taken for that of another recipient, or for none.
        if is_known_type(&tag) || tag == "scrypt" || tag.ends_with("-grease") {
            return Err(self.failed("it answered with a stanza of a kind that is not a plugin's"));
        }
        Ok(Stanza { tag, args: args.collect(), body: message.body.to_vec() })
    }

    /// The next message of the plugin; `None` if it has nothing more to say.
    fn receive(&mut self) -> Result<Option<PluginMessage>, Error> {
        if self.messages == MAX_MESSAGES {
            return Err(self.failed(&format!("it sent more than {MAX_MESSAGES} messages")));
        }
        self.messages += 1;
        let message = read_message(&mut || self.process.read_line());
        let message = message.map_err(|error| self.pipe_error(&error))?;
        Ok((message.command != "done").then_some(message))
    }

    fn write(&mut self, text: &[u8]) -> Result<(), Error> {
        self.process.write(text).map_err(|error| self.pipe_error(&error))
    }

    /// Answers a message that is possible in every conversation.
    fn answer_other(&mut self, message: &PluginMessage) -> Result<(), Error> {
        let user = self.plugins.user.as_deref();
        let program = program_of(self.name);
        match &*message.command {
            "error" => {
                let asked = match self.unanswered {
                    true => {
                        ", after it had asked for something that only `secrets` on a terminal can ask the user"
                    }
                    false => "",
                };
                Err(self.failed(&format!("it answered \"{}\"{asked}", shown_text(message))))
            }
            "msg" => {
                if let Some(user) = user {
                    user.show(&program, &shown_text(message));
                }
                self.write(&write_message("ok", &[], &[]))
            }
            "request-secret" | "request-public" => {
                let asked = Instant::now();
                let user = user.filter(|_| self.plugins.may_ask);
                let answer = user.and_then(|user| user.ask(&program, &shown_text(message)));
                self.process.extend(asked.elapsed());
                match answer {
                    Some(answer) => self.write(&write_message("ok", &[], answer.expose())),
                    None => self.refuse(),
                }
            }
            "confirm" => self.refuse(),
            _ => self.write(&write_message("unsupported", &[], &[])),
        }
    }

    /// Tells the plugin that nobody answers its question.
    fn refuse(&mut self) -> Result<(), Error> {
        self.unanswered = true;
        self.write(&write_message("fail", &[], &[]))
    }

    fn failed(&self, reason: &str) -> Error {
        Error::Plugin { name: self.name.into(), reason: reason.into() }
    }

    fn pipe_error(&self, error: &io::Error) -> Error {
        match error.kind() {
            ErrorKind::TimedOut => {
                Error::PluginTimeout { name: self.name.into(), after: self.plugins.patience }
            }
            ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => {
                self.failed("it ended before it had answered")
            }
            ErrorKind::InvalidData => {
                self.failed("it answered with something that is not of the protocol of age plugins")
            }
            _ => self.failed(&format!("its answer cannot be read: {error}")),
        }
    }
}

/// The text in a message of a plugin, as it may be shown.
fn shown_text(message: &PluginMessage) -> String {
    let text: String = String::from_utf8_lossy(&message.body).trim().chars().take(MAX_SHOWN).collect();
    printable(&text)
}
