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
    answers: AtomicU64,
    dismissals: AtomicU64,
}

impl Gate {
    fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    fn dismissals(&self) -> u64 {
        self.dismissals.load(Ordering::Relaxed)
    }

    fn count(&self, answer: Answer) {
        let counter = if answer == Answer::Dismissed { &self.dismissals } else { &self.answers };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// How a prompt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The person answered it, or there was nothing to ask.
    Completed,
    /// The person answered another meanwhile: see whether there is anything left to ask.
    Elsewhere,
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

    /// Asks a question. Waits while another is open, and takes its answer for one's own: if that was
    /// dismissed, so is this, unseen; if it was answered, there may be nothing left to ask.
    ///
    /// It is asked on a connection of its own, which ends with it: prompts belong to the connection
    /// that asked for them, and gnome-keyring forgets those that were never shown only then.
    async fn ask(&self, question: Question<'_>, progress: &Progress) -> Result<Answer, Fault> {
        if !progress.is_interactive() {
            let wire = self.wire.reconnect().await?;
            let prompt = question.prompt(&wire).await?;
            if prompt.as_str() == "/" {
                return Ok(Answer::Completed);
            }
            // Never shown; where it stays, it goes with its connection.
            let _ = withdraw(&wire, &prompt).await;
            return Err(Error::InteractionNotAllowed.into());
        }
        let (answers, dismissals) = (self.gate.answers(), self.gate.dismissals());
        let turn = Arc::clone(&self.gate.open).lock_owned().await;
        if self.gate.dismissals() != dismissals {
            return Ok(Answer::Dismissed);
        }
        if self.gate.answers() != answers {
            return Ok(Answer::Elsewhere);
        }
        let wire = Arc::new(self.wire.reconnect().await?);
        let prompt = question.prompt(&wire).await?;
        let answer = self.run(wire, prompt, Some(turn)).await?;
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
        self.run(Arc::clone(&self.wire), prompt, None).await
    }

    /// Runs a prompt to its end; `/` is none, and counts as answered.
    ///
    /// It has no deadline of its own: the person may be away. It ends when the service does. Where
    /// the caller gives up, it is withdrawn.
    async fn run(
        &self,
        wire: Arc<Wire>,
        prompt: OwnedObjectPath,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Result<Answer, Fault> {
        if prompt.as_str() == "/" {
            return Ok(Answer::Completed);
        }
        let completed = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(wire.service())
            .path(&prompt)
            .interface(PROMPT)
            .member("Completed")
            .build();
        let signals = wire.bus().listen(completed).await?;
        let open = OpenPrompt { wire: Arc::clone(&wire), prompt, signals, gone: self.gone.clone() };
        let mut open = Withdrawn { open: Some(open), gate: Arc::clone(&self.gate), turn };
        let outcome = match &mut open.open {
            Some(open) => open.run(&wire).await,
            None => unreachable!("it is taken when it is dropped"),
        };
        open.open = None;
        outcome
    }
}

/// A prompt that is shown.
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

/// Withdraws a prompt where its caller gives up, which drops this.
struct Withdrawn {
    open: Option<OpenPrompt>,
    gate: Arc<Gate>,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Drop for Withdrawn {
    fn drop(&mut self) {
        let (Some(mut open), gate, turn) = (self.open.take(), Arc::clone(&self.gate), self.turn.take())
        else {
            return;
        };
        tokio::spawn(async move {
            // Nobody is left to hear of a failure.
            if let Ok(true) = withdraw(&open.wire, &open.prompt).await {
                return;
            }
            // It is still on the screen: whoever has a question next waits for its answer.
            if let Ok(answer) = open.end().await {
                gate.count(answer);
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
