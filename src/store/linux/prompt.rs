//! Asking the person: prompts.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use zbus::{MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant, message::Type};

use super::{
    fault::Fault,
    link::{Link, next},
    wire::{PROMPT, Wire},
};
use crate::{error::Error, limits::Progress};

/// Lets one question (to unlock, or to make the default collection) be open at a time, and lets its
/// answer count for all who wait: a hundred calls on a locked store ask the person once.
///
/// Prompts that a service wants for a single item, to store or to delete it, do not pass here: each
/// is a question of its own.
#[derive(Default)]
pub struct Gate {
    open: Arc<Mutex<()>>,
    dismissals: AtomicU64,
}

impl Gate {
    fn dismissals(&self) -> u64 {
        self.dismissals.load(Ordering::Relaxed)
    }

    fn count(&self, answer: Answer) {
        if answer == Answer::Dismissed {
            self.dismissals.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How a prompt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The person answered it, or there was nothing to ask.
    Completed,
    /// The person, or the service in the person's place, refused.
    Dismissed,
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
        let answer = self.run(prompt, Some(turn)).await?;
        self.gate.count(answer);
        Ok(answer)
    }

    /// Runs a prompt that the service wants for a single item, before it does what it was told; `/`
    /// is none, and counts as answered.
    pub async fn confirm(&self, prompt: OwnedObjectPath, progress: &Progress) -> Result<Answer, Fault> {
        if prompt.as_str() != "/" && !progress.is_interactive() {
            let _ = withdraw(&self.wire, &prompt).await;
            return Err(Error::InteractionNotAllowed.into());
        }
        self.run(prompt, None).await
    }

    /// Runs a prompt to its end; `/` is none, and counts as answered.
    ///
    /// It has no deadline of its own: the person may be away. It ends when the service does. Where
    /// the caller gives up, it is withdrawn.
    async fn run(&self, prompt: OwnedObjectPath, turn: Option<OwnedMutexGuard<()>>) -> Result<Answer, Fault> {
        if prompt.as_str() == "/" {
            return Ok(Answer::Completed);
        }
        let completed = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(self.wire.service())
            .path(&prompt)
            .interface(PROMPT)
            .member("Completed")
            .build();
        let signals = self.wire.bus().listen(completed).await?;
        let open = OpenPrompt { wire: Arc::clone(&self.wire), prompt, signals, gone: self.gone.clone() };
        let mut shown = Shown { open: Some(open), gate: Arc::clone(&self.gate), turn };
        let outcome = match &mut shown.open {
            Some(open) => open.run(&self.wire).await,
            None => unreachable!("it is taken when it is dropped"),
        };
        shown.open = None;
        outcome
    }
}

/// A prompt of the service's, and how its end is noticed.
struct OpenPrompt {
    wire: Arc<Wire>,
    prompt: OwnedObjectPath,
    signals: MessageStream,
    gone: watch::Receiver<bool>,
}

impl OpenPrompt {
    async fn run(&mut self, wire: &Wire) -> Result<Answer, Fault> {
        let prompt = self.prompt.clone();
        let mut asking = pin!(wire.prompt(&prompt));
        let mut ending = pin!(self.end());
        // Some services reply when the prompt is shown, some when it is answered.
        tokio::select! {
            reply = &mut asking => reply?,
            outcome = &mut ending => return outcome,
        }
        ending.await
    }

    async fn end(&mut self) -> Result<Answer, Fault> {
        tokio::select! {
            signal = next(&mut self.signals) => completion(signal),
            _ = self.gone.wait_for(|gone| *gone) => {
                Err(Fault::Lost("the service went away while its prompt was open".into()))
            }
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

/// A prompt while it is shown. Where its caller gives up, which drops this, it is withdrawn.
struct Shown {
    open: Option<OpenPrompt>,
    gate: Arc<Gate>,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let (gate, turn) = (Arc::clone(&self.gate), self.turn.take());
        tokio::spawn(async move {
            // Nobody is left to hear of a failure.
            if let Ok(false) = withdraw(&open.wire, &open.prompt).await {
                // It stays on the screen: whoever has a question next waits for its answer.
                if let Ok(answer) = open.end().await {
                    gate.count(answer);
                }
            }
            drop(turn);
        });
    }
}

/// Has the service dismiss a prompt that nobody waits for any more; whether it was told.
///
/// gnome-keyring is not told. Version 42 ends with a failed assertion (in `perform_next_unlock`) when
/// a prompt is dismissed while one is shown, and with it everything that was unlocked. It also leaves
/// the prompt on the screen when the connection that asked for it ends.
async fn withdraw(wire: &Wire, prompt: &OwnedObjectPath) -> Result<bool, Fault> {
    if wire.is_gnome_keyring().await? {
        return Ok(false);
    }
    wire.dismiss(prompt).await.map(|()| true)
}
