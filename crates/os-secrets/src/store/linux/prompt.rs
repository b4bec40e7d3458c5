//! Asking the person: prompts.

use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    sync::{Mutex, OwnedMutexGuard, oneshot, watch},
    time::{Instant, sleep_until},
};
use zbus::{MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant, message::Type};

use super::{
    bus::Turn,
    fault::{Fault, is_absent},
    link::{Link, next},
    wire::{Daemon, PROMPT, Wire},
};
use crate::{credential::Key, error::Error, executor, progress::Progress, sync::SharedByKey};

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
    keys: SharedByKey<Key, Mutex<()>>,
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
        self.run_prompt(prompt, turn, Some(Arc::clone(&self.gate))).await
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
        let turn = self.gate.keys.get(key.clone(), Mutex::default).lock_owned().await;
        self.run_prompt(prompt, turn, None).await
    }

    /// Runs a prompt in a task of its own, so that its end is seen even if the caller gives up. The turn ends
    /// with the prompt. A dismissal is counted by `gate`, if there is one.
    async fn run_prompt(
        &self,
        path: OwnedObjectPath,
        turn: OwnedMutexGuard<()>,
        gate: Option<Arc<Gate>>,
    ) -> Result<Answer, Fault> {
        let mut prompt = Prompt { wire: Arc::clone(&self.wire), path, gone: self.gone.clone() };
        let (mut caller, answer) = oneshot::channel();
        executor::spawn(async move {
            let outcome = prompt.run(&mut caller).await;
            if let (Some(gate), Ok(answer)) = (gate, &outcome) {
                gate.count(answer);
            }
            drop(turn);
            let _ = caller.send(outcome);
        });
        answer.await.unwrap_or_else(|_| Err(Error::Internal("its prompt ended early".into()).into()))
    }
}

/// Who waits for a prompt's answer.
type Caller = oneshot::Sender<Result<Answer, Fault>>;

/// A prompt of the service.
struct Prompt {
    wire: Arc<Wire>,
    path: OwnedObjectPath,
    gone: watch::Receiver<bool>,
}

impl Prompt {
    /// Runs the prompt to its end, which has no deadline: the user may be away. If the caller gives up, the
    /// prompt is withdrawn, or waited for if it cannot be withdrawn.
    async fn run(&mut self, caller: &mut Caller) -> Result<Answer, Fault> {
        let outcome = self.show(caller).await;
        // If showing it was refused, there is nothing to withdraw.
        if outcome.as_ref().is_err_and(|fault| !fault.is_refusal()) {
            let _ = withdraw(&self.wire, &self.path).await;
        }
        outcome
    }

    async fn show(&mut self, caller: &mut Caller) -> Result<Answer, Fault> {
        let (place, mut signals) = tokio::select! {
            ready = self.prepare() => ready?,
            () = caller.closed() => return Err(given_up()),
        };
        let (mut place, mut deadline) = (Some(place), None);
        let mut reply = pin!(self.wire.prompt(&self.path));
        let mut end = pin!(end(&mut signals, &mut self.gone));
        loop {
            tokio::select! {
                // Some services reply when the prompt is shown, some when it is answered.
                outcome = &mut reply, if place.is_some() => match outcome {
                    Ok(()) => place = None,
                    Err(Fault::Refused { name, message, .. }) if !is_absent(&name) => {
                        return Ok(Answer::NotShown(format!("its prompt failed: {message} ({name})")));
                    }
                    Err(fault) => return Err(fault),
                },
                outcome = &mut end => return outcome,
                () = caller.closed(), if deadline.is_none() => {
                    if can_withdraw(&self.wire).await {
                        return Err(given_up());
                    }
                    deadline = Some(Instant::now() + self.wire.bus().timeout());
                }
                // The service never said that it shows the prompt. It must not hold up later prompts.
                () = passed(deadline), if place.is_some() => return Err(given_up()),
            }
        }
    }

    /// Does what must be done before the prompt is shown: takes its place among the prompts, and listens for
    /// its end, which may be sent before the reply to `Prompt`.
    async fn prepare(&self) -> Result<(Turn, MessageStream), Fault> {
        // The bus may be unable to answer later.
        self.wire.daemon().await;
        let place = self.wire.bus().prompt_turn().await?;
        let completed = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(self.wire.service())
            .path(&self.path)
            .interface(PROMPT)
            .member("Completed")
            .build();
        Ok((place, self.wire.bus().listen(completed).await?))
    }
}

/// Nobody is left to read it.
fn given_up() -> Fault {
    Fault::Lost("the call was given up".into())
}

/// Waits until a moment; for ever if there is none.
async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
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

/// Dismisses a prompt that nobody waits for any more, if the service can do that.
async fn withdraw(wire: &Wire, prompt: &OwnedObjectPath) -> Result<(), Fault> {
    if can_withdraw(wire).await { wire.dismiss(prompt).await } else { Ok(()) }
}

/// Whether the service's prompts can be dismissed. gnome-keyring's cannot, nor can those of a service that may
/// be gnome-keyring: version 42 ends with a failed assertion (in `perform_next_unlock`) if a prompt is dismissed
/// while one is shown, and everything that was unlocked is lost with it. It also leaves a prompt on the screen
/// if the connection that asked for it ends.
async fn can_withdraw(wire: &Wire) -> bool {
    !matches!(wire.daemon().await, Daemon::GnomeKeyring | Daemon::Unknown)
}
