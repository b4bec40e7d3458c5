//! Prompts: the dialogs in which the service asks the user.

use std::{
    future::{Future, pending, ready},
    pin::{Pin, pin},
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
    bus::{CallPermit, next_message},
    daemon::Daemon,
    fault::{Fault, is_absent},
    spec::{PROMPT, is_null},
    wire::Wire,
};
use crate::{
    credential::Key,
    error::{Effect, Error},
    executor,
    progress::Progress,
    sync::SharedByKey,
};

const NO_DISPLAY: &str = "the program runs without a display (neither DISPLAY nor WAYLAND_DISPLAY is set)";

/// Runs the prompts of one link, and makes them wait for each other.
///
/// Prompts to unlock and to create the default collection are shared: one is open at a time, and its outcome counts
/// for all calls that wait. So a hundred calls on a locked store ask the user once.
///
/// A prompt to store or delete one item is not shared. It waits only for other such prompts with the same key:
/// KeePassXC creates an item in several steps after its prompt, and if two calls do that at once, neither finds the
/// other's item and both create one.
pub struct PromptGate {
    wire: Arc<Wire>,
    /// Becomes true when the service or the bus is gone.
    gone: watch::Receiver<bool>,
    has_display: bool,
    /// Held while a shared prompt is open.
    shared: Arc<Mutex<()>>,
    /// How many shared prompts were dismissed.
    dismissals: AtomicU64,
    /// Held while a prompt for an item with this key is open.
    by_key: SharedByKey<Key, Mutex<()>>,
}

/// What a shared prompt asks the user for.
#[derive(Clone, Copy)]
enum PromptFor<'a> {
    /// To unlock these objects.
    Unlock(&'a [OwnedObjectPath]),
    /// The password of a new default collection.
    DefaultCollection,
}

impl PromptFor<'_> {
    /// Requests a prompt from the service. Returns `/` if there is nothing to ask.
    async fn request(self, wire: &Wire) -> Result<OwnedObjectPath, Fault> {
        match self {
            Self::Unlock(objects) => wire.unlock(objects.to_vec()).await,
            Self::DefaultCollection => match wire.read_default_collection().await? {
                Some(_) => Ok(OwnedObjectPath::default()),
                None => wire.create_default_collection().await,
            },
        }
    }
}

/// How a prompt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
enum PromptEnd {
    /// The user answered it, or there was nothing to ask.
    Completed,
    /// The user dismissed it, or the service did so in the user's place.
    Dismissed,
    /// The service could not show it. Holds the reason, to follow "because".
    NotShown(String),
}

/// Waits until it is a prompt's turn. The turn ends when the guard is dropped.
type Turn = Pin<Box<dyn Future<Output = OwnedMutexGuard<()>> + Send>>;

/// Sends the outcome to the call that waits for a prompt. It is closed when that call is given up.
type PromptCaller = oneshot::Sender<Result<PromptEnd, Fault>>;

impl PromptGate {
    /// A gate without prompts. `gone` becomes true when the service or the bus is gone.
    pub fn new(wire: Arc<Wire>, gone: watch::Receiver<bool>, has_display: bool) -> Self {
        Self {
            wire,
            gone,
            has_display,
            shared: Arc::default(),
            dismissals: AtomicU64::new(0),
            by_key: SharedByKey::default(),
        }
    }

    /// Unlocks objects, with the service's prompt if it wants one. Returns `false` if they no longer exist.
    pub async fn unlock(
        self: &Arc<Self>,
        objects: &[OwnedObjectPath],
        progress: &Progress,
    ) -> Result<bool, Fault> {
        match self.ask(PromptFor::Unlock(objects), progress).await {
            Err(fault) if fault.is_absent() => Ok(false),
            end => {
                self.require_completed(end?, "is locked and could not ask for its password")?;
                Ok(true)
            }
        }
    }

    /// Creates the default collection, with the service's prompt for its password. If several calls want one, the
    /// first creates it.
    pub async fn create_default_collection(self: &Arc<Self>, progress: &Progress) -> Result<(), Fault> {
        let end = self.ask(PromptFor::DefaultCollection, progress).await?;
        let need = "has no default collection yet and could not ask for the password of a new one";
        self.require_completed(end, need)
    }

    /// Runs the prompt that the service wants before it changes a single item. If the prompt is `/`, there is
    /// nothing to do. Prompts with the same key take turns.
    pub async fn confirm(
        self: &Arc<Self>,
        prompt: OwnedObjectPath,
        key: &Key,
        progress: &Progress,
    ) -> Result<(), Fault> {
        if is_null(&prompt) {
            return Ok(());
        }
        if !progress.is_interactive() {
            let _ = withdraw(&self.wire, &prompt).await;
            return Err(Error::InteractionNotAllowed.into());
        }
        let turn = self.by_key.get(key.clone(), Mutex::default).lock_owned();
        let end = self.run_prompt(prompt, Box::pin(turn), false).await?;
        self.require_completed(end, "could not ask for the confirmation it wants")
    }

    /// Turns any other end than [`PromptEnd::Completed`] into the error that it means. `need` says what the prompt
    /// was for.
    fn require_completed(&self, end: PromptEnd, need: &'static str) -> Result<(), Fault> {
        let reason = match end {
            PromptEnd::Completed => return Ok(()),
            PromptEnd::Dismissed if self.has_display => {
                return Err(Error::UserCanceled { effect: Effect::None }.into());
            }
            PromptEnd::Dismissed => NO_DISPLAY.into(),
            PromptEnd::NotShown(reason) => reason.into(),
        };
        Err(Error::InteractionRequired { need, reason }.into())
    }

    /// Runs a shared prompt. If another one is open and the user dismisses that, this one counts as dismissed and is
    /// not shown.
    async fn ask(
        self: &Arc<Self>,
        prompt_for: PromptFor<'_>,
        progress: &Progress,
    ) -> Result<PromptEnd, Fault> {
        if !progress.is_interactive() {
            // Requested on a connection of its own. The service discards the prompt when that connection ends, even
            // if it cannot be withdrawn.
            let wire = self.wire.reconnect().await?;
            let prompt = prompt_for.request(&wire).await?;
            if is_null(&prompt) {
                return Ok(PromptEnd::Completed);
            }
            let _ = withdraw(&wire, &prompt).await;
            return Err(Error::InteractionNotAllowed.into());
        }
        let dismissals = self.dismissals.load(Ordering::Relaxed);
        let turn = Arc::clone(&self.shared).lock_owned().await;
        if self.dismissals.load(Ordering::Relaxed) != dismissals {
            return Ok(PromptEnd::Dismissed);
        }
        let prompt = prompt_for.request(&self.wire).await?;
        if is_null(&prompt) {
            return Ok(PromptEnd::Completed);
        }
        self.run_prompt(prompt, Box::pin(ready(turn)), true).await
    }

    /// Runs a prompt in a task of its own, so that its end is seen even if the caller gives up. The task also waits
    /// for the prompt's turn, so that a prompt whose caller gives up by then is withdrawn.
    async fn run_prompt(
        self: &Arc<Self>,
        path: OwnedObjectPath,
        mut turn: Turn,
        is_shared: bool,
    ) -> Result<PromptEnd, Fault> {
        let mut prompt = Prompt { wire: Arc::clone(&self.wire), path, gone: self.gone.clone() };
        let gate = Arc::clone(self);
        let (mut caller, end) = oneshot::channel();
        executor::spawn(async move {
            let guard = tokio::select! {
                biased;
                () = caller.closed() => {
                    let _ = withdraw(&prompt.wire, &prompt.path).await;
                    return;
                }
                guard = &mut turn => guard,
            };
            let outcome = prompt.run(&mut caller).await;
            if is_shared && matches!(outcome, Ok(PromptEnd::Dismissed)) {
                gate.dismissals.fetch_add(1, Ordering::Relaxed);
            }
            drop(guard);
            let _ = caller.send(outcome);
        });
        end.await.unwrap_or_else(|_| Err(Error::Internal("its prompt ended early".into()).into()))
    }
}

/// A prompt of the service.
struct Prompt {
    wire: Arc<Wire>,
    path: OwnedObjectPath,
    gone: watch::Receiver<bool>,
}

impl Prompt {
    /// Runs the prompt to its end, which has no deadline: the user may be away. If the caller gives up, the prompt is
    /// withdrawn. If it cannot be withdrawn, we still wait for its end.
    async fn run(&mut self, caller: &mut PromptCaller) -> Result<PromptEnd, Fault> {
        let outcome = self.show(caller).await;
        // If the service refused to show it, there is nothing to withdraw.
        if outcome.as_ref().is_err_and(|fault| !fault.is_refusal()) {
            let _ = withdraw(&self.wire, &self.path).await;
        }
        outcome
    }

    async fn show(&mut self, caller: &mut PromptCaller) -> Result<PromptEnd, Fault> {
        let (permit, mut signals) = tokio::select! {
            biased;
            () = caller.closed() => return Err(given_up()),
            ready = self.prepare() => ready?,
        };
        // The caller may have left while the last step of the preparation ran. No dialog may appear then.
        if caller.is_closed() {
            return Err(given_up());
        }
        let (mut permit, mut deadline) = (Some(permit), None);
        let mut reply = pin!(self.wire.show_prompt(&self.path));
        let mut end = pin!(wait_for_end(&mut signals, &mut self.gone));
        loop {
            tokio::select! {
                biased;
                // First, so that a dismissal counts even if the caller leaves at the same moment.
                outcome = &mut end => return outcome,
                // Some services reply when the prompt is shown, others when it is answered.
                outcome = &mut reply, if permit.is_some() => match outcome {
                    Ok(()) => permit = None,
                    Err(Fault::Refused { name, message, .. }) if !is_absent(&name) => {
                        return Ok(PromptEnd::NotShown(format!("its prompt failed: {message} ({name})")));
                    }
                    Err(fault) => return Err(fault),
                },
                () = caller.closed(), if deadline.is_none() => {
                    if can_withdraw(&self.wire).await {
                        return Err(given_up());
                    }
                    deadline = Some(Instant::now() + self.wire.bus().timeout());
                }
                // The service never replied that it shows the prompt. It must not delay later prompts.
                () = wait_until(deadline), if permit.is_some() => return Err(given_up()),
            }
        }
    }

    /// Does what must precede the prompt: acquires a permit, and subscribes to its end, which the service may send
    /// before the reply to `Prompt`.
    async fn prepare(&self) -> Result<(CallPermit, MessageStream), Fault> {
        // Asked now, because the bus may be unable to answer later.
        self.wire.daemon().await;
        let permit = self.wire.bus().acquire_prompt_permit().await?;
        let completed = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(self.wire.service())
            .path(&self.path)
            .interface(PROMPT)
            .member("Completed")
            .build();
        Ok((permit, self.wire.bus().subscribe(completed).await?))
    }
}

/// The outcome of a prompt whose caller has gone. No call reads it.
fn given_up() -> Fault {
    Fault::Lost("the call was given up".into())
}

/// Waits until a moment, or for ever if there is none.
async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

/// Waits for the end of a prompt.
async fn wait_for_end(
    signals: &mut MessageStream,
    gone: &mut watch::Receiver<bool>,
) -> Result<PromptEnd, Fault> {
    tokio::select! {
        biased;
        signal = next_message(signals) => read_completed(signal),
        _ = gone.wait_for(|gone| *gone) => {
            Err(Fault::Lost("the service went away while its prompt was open".into()))
        }
    }
}

/// Reads the signal `Completed`.
fn read_completed(signal: Option<zbus::Result<Message>>) -> Result<PromptEnd, Fault> {
    let Some(Ok(signal)) = signal else {
        return Err(Fault::Lost("the bus went away while a prompt was open".into()));
    };
    match signal.body().deserialize::<(bool, OwnedVariant)>() {
        Ok((true, _)) => Ok(PromptEnd::Dismissed),
        Ok((false, _)) => Ok(PromptEnd::Completed),
        Err(_) => Err(Fault::malformed("a prompt with a signal of the wrong form")),
    }
}

/// Dismisses a prompt whose caller has gone, if the service allows that.
async fn withdraw(wire: &Wire, prompt: &OwnedObjectPath) -> Result<(), Fault> {
    if can_withdraw(wire).await { wire.dismiss_prompt(prompt).await } else { Ok(()) }
}

/// Whether the service's prompts can be dismissed. gnome-keyring's cannot, nor can those of a service that may
/// be gnome-keyring: version 42 ends with a failed assertion (in `perform_next_unlock`) if a prompt is dismissed
/// while one is shown, and everything that was unlocked is lost with it. It also leaves a prompt on the screen
/// if the connection that asked for it ends.
async fn can_withdraw(wire: &Wire) -> bool {
    !matches!(wire.daemon().await, Daemon::GnomeKeyring | Daemon::Unknown)
}
