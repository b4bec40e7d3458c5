//! Asking the person: prompts.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        self, Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use zbus::{MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant, message::Type};

use super::{
    fault::Fault,
    link::{Link, next},
    wire::{PROMPT, Provider, Wire},
};
use crate::{credential::Key, error::Error, executor, limits::Progress};

/// Lets one question (to unlock, or to make the default collection) be open at a time, and lets its
/// answer count for all who wait: a hundred calls on a locked store ask the person once.
///
/// Prompts that a service wants for a single item, to store or to delete it, are questions of their
/// own, and only those of one key wait for each other: KeePassXC makes an item in several steps after
/// its prompt, and two that do so at once do not find each other's.
#[derive(Default)]
pub struct Gate {
    open: Arc<Mutex<()>>,
    dismissals: AtomicU64,
    keys: sync::Mutex<HashMap<Key, Weak<Mutex<()>>>>,
}

impl Gate {
    fn dismissals(&self) -> u64 {
        self.dismissals.load(Ordering::Relaxed)
    }

    fn count(&self, answer: &Answer) {
        if *answer == Answer::Dismissed {
            self.dismissals.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What lets prompts of a key take turns.
    fn turns_of(&self, key: &Key) -> Arc<Mutex<()>> {
        // Nothing panics while the lock is held.
        let mut keys = self.keys.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        keys.retain(|_, turns| turns.strong_count() > 0);
        keys.get(key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let turns = Arc::default();
            keys.insert(key.clone(), Arc::downgrade(&turns));
            turns
        })
    }
}

/// How a prompt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The person answered it, or there was nothing to ask.
    Completed,
    /// The person, or the service in the person's place, refused.
    Dismissed,
    /// The service could not show it. Holds why, to follow "because".
    NotShown(String),
}

/// What the person is asked for.
#[derive(Clone, Copy)]
enum Question<'a> {
    /// To unlock these objects.
    Unlock(&'a [OwnedObjectPath]),
    /// The password of a new default collection.
    DefaultCollection,
}

impl Question<'_> {
    /// The prompt that asks it; `/` where there is nothing to ask (any more).
    async fn prompt(self, wire: &Wire) -> Result<OwnedObjectPath, Fault> {
        match self {
            Self::Unlock(objects) => wire.unlock(objects.to_vec()).await,
            Self::DefaultCollection => match wire.default_collection().await? {
                Some(_) => Ok(OwnedObjectPath::default()),
                None => wire.create_default_collection().await,
            },
        }
    }
}

impl Link {
    /// Unlocks objects, with the service's prompt where it wants one.
    pub async fn unlock(&self, objects: &[OwnedObjectPath], progress: &Progress) -> Result<Answer, Fault> {
        self.ask(Question::Unlock(objects), progress).await
    }

    /// Makes the default collection, with the service's prompt for its password. Those who waited
    /// for their turn find it made.
    pub async fn create_default_collection(&self, progress: &Progress) -> Result<Answer, Fault> {
        self.ask(Question::DefaultCollection, progress).await
    }

    /// Asks a question. Waits while another is open; if that one is dismissed, so is this, unseen.
    async fn ask(&self, question: Question<'_>, progress: &Progress) -> Result<Answer, Fault> {
        if !progress.is_interactive() {
            // On a connection of its own: a prompt that is never shown goes with it, if not before.
            let wire = self.wire.reconnect().await?;
            let prompt = question.prompt(&wire).await?;
            if prompt.as_str() == "/" {
                return Ok(Answer::Completed);
            }
            let _ = withdraw(&wire, &prompt).await;
            return Err(Error::InteractionNotAllowed.into());
        }
        let dismissals = self.gate.dismissals();
        let turn = Arc::clone(&self.gate.open).lock_owned().await;
        if self.gate.dismissals() != dismissals {
            return Ok(Answer::Dismissed);
        }
        let prompt = question.prompt(&self.wire).await?;
        if prompt.as_str() == "/" {
            return Ok(Answer::Completed);
        }
        let mut open = self.open_prompt(prompt);
        open.turn = Some(turn);
        let answer = open.run().await?;
        self.gate.count(&answer);
        Ok(answer)
    }

    /// Runs a prompt that the service wants for a single item, before it does what it was told; `/`
    /// is none, and counts as answered. Those of one key take turns.
    pub async fn confirm(
        &self,
        prompt: OwnedObjectPath,
        key: &Key,
        progress: &Progress,
    ) -> Result<Answer, Fault> {
        if prompt.as_str() == "/" {
            return Ok(Answer::Completed);
        }
        if !progress.is_interactive() {
            let _ = withdraw(&self.wire, &prompt).await;
            return Err(Error::InteractionNotAllowed.into());
        }
        let mut open = self.open_prompt(prompt);
        open.turn = Some(self.gate.turns_of(key).lock_owned().await);
        open.run().await
    }

    fn open_prompt(&self, prompt: OwnedObjectPath) -> OpenPrompt {
        OpenPrompt {
            wire: Arc::clone(&self.wire),
            prompt,
            signals: None,
            gone: self.gone.clone(),
            gate: Arc::clone(&self.gate),
            turn: None,
            ended: false,
        }
    }
}

/// A prompt of the service's, until it has ended. Where its caller gives up, which drops this, it is
/// withdrawn.
struct OpenPrompt {
    wire: Arc<Wire>,
    prompt: OwnedObjectPath,
    /// What tells its end, from before it is shown.
    signals: Option<MessageStream>,
    gone: watch::Receiver<bool>,
    gate: Arc<Gate>,
    turn: Option<OwnedMutexGuard<()>>,
    ended: bool,
}

impl OpenPrompt {
    /// Runs it to its end. It has no deadline of its own: the person may be away. It ends when the
    /// service does.
    async fn run(mut self) -> Result<Answer, Fault> {
        let outcome = self.show().await;
        // One that is not there has ended before.
        self.ended |= outcome.as_ref().err().is_none_or(Fault::is_absent);
        outcome
    }

    async fn show(&mut self) -> Result<Answer, Fault> {
        // To be known when it is given up, because the bus may not answer then.
        self.wire.provider().await;
        let completed = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(self.wire.service())
            .path(&self.prompt)
            .interface(PROMPT)
            .member("Completed")
            .build();
        let signals = self.signals.insert(self.wire.bus().listen(completed).await?);
        let mut asking = pin!(self.wire.prompt(&self.prompt));
        let mut ending = pin!(end(signals, &mut self.gone));
        // Some services reply when the prompt is shown, some when it is answered.
        tokio::select! {
            reply = &mut asking => match reply {
                Err(fault) if fault.is_absent() => return Err(fault),
                Err(Fault::Refused { name, message, .. }) => {
                    return Ok(Answer::NotShown(format!("its prompt failed: {message} ({name})")));
                }
                reply => reply?,
            },
            outcome = &mut ending => {
                self.ended = true;
                return outcome;
            }
        }
        let outcome = ending.await;
        self.ended = true;
        outcome
    }
}

impl Drop for OpenPrompt {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (wire, prompt, gate) = (Arc::clone(&self.wire), self.prompt.clone(), Arc::clone(&self.gate));
        let (signals, mut gone, turn) = (self.signals.take(), self.gone.clone(), self.turn.take());
        executor::spawn(async move {
            // Nobody is left to hear of a failure.
            if let (Ok(false), Some(mut signals)) = (withdraw(&wire, &prompt).await, signals)
                // It stays on the screen: whoever has a question next waits for its answer.
                && let Ok(answer) = end(&mut signals, &mut gone).await
            {
                gate.count(&answer);
            }
            drop(turn);
        });
    }
}

/// Waits for the end of a prompt.
async fn end(signals: &mut MessageStream, gone: &mut watch::Receiver<bool>) -> Result<Answer, Fault> {
    tokio::select! {
        signal = next(signals) => completion(signal),
        _ = gone.wait_for(|gone| *gone) => {
            Err(Fault::Lost("the service went away while its prompt was open".into()))
        }
    }
}

fn completion(signal: Option<zbus::Result<Message>>) -> Result<Answer, Fault> {
    let Some(Ok(signal)) = signal else {
        return Err(Fault::Lost("the bus went away while a prompt was open".into()));
    };
    match signal.body().deserialize::<(bool, OwnedVariant)>() {
        Ok((true, _)) => Ok(Answer::Dismissed),
        Ok((false, _)) => Ok(Answer::Completed),
        Err(_) => Err(Fault::malformed("a prompt with a signal of the wrong form")),
    }
}

/// Has the service dismiss a prompt that nobody waits for any more; whether it was told.
///
/// gnome-keyring is not told. Version 42 ends with a failed assertion (in `perform_next_unlock`) when
/// a prompt is dismissed while one is shown, and with it everything that was unlocked. It also leaves
/// the prompt on the screen when the connection that asked for it ends. Nor is a service that may be it.
async fn withdraw(wire: &Wire, prompt: &OwnedObjectPath) -> Result<bool, Fault> {
    match wire.provider().await {
        Provider::GnomeKeyring | Provider::Unknown => Ok(false),
        _ => wire.dismiss(prompt).await.map(|()| true),
    }
}
