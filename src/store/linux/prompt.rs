//! Asking the person: prompts, one at a time.

use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::sync::Mutex;
use zbus::{MatchRule, OwnedObjectPath, OwnedVariant, message::Type};

use super::{
    fault::Fault,
    link::{Link, listen, next},
    wire::PROMPT,
};

/// Lets one prompt be open at a time, and lets the answer to it count for all who wait: a hundred
/// calls on a locked store ask the person once.
#[derive(Default)]
pub struct Gate {
    open: Mutex<()>,
    dismissals: AtomicU64,
}

/// How a prompt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The person answered it.
    Completed,
    /// The person, or the service in the person's place, refused.
    Dismissed,
}

impl Link {
    /// Unlocks objects, with the service's prompt where it wants one.
    pub async fn unlock(&self, objects: &[OwnedObjectPath]) -> Result<Answer, Fault> {
        self.ask(async { Ok(self.wire.unlock(objects.to_vec()).await?.1) }).await
    }

    /// Makes the default collection, with the service's prompt for its password. Those who waited
    /// for their turn find it made.
    pub async fn create_default_collection(&self) -> Result<Answer, Fault> {
        self.ask(async {
            match self.wire.default_collection().await? {
                Some(_) => Ok(OwnedObjectPath::default()),
                None => Ok(self.wire.create_default_collection().await?.1),
            }
        })
        .await
    }

    /// Fetches a prompt and runs it. Waits while another is open; if that one is dismissed, so is
    /// this one, unseen.
    async fn ask(
        &self,
        prompt: impl Future<Output = Result<OwnedObjectPath, Fault>>,
    ) -> Result<Answer, Fault> {
        let seen = self.gate.dismissals.load(Ordering::Relaxed);
        let _turn = self.gate.open.lock().await;
        if self.gate.dismissals.load(Ordering::Relaxed) != seen {
            return Ok(Answer::Dismissed);
        }
        let answer = self.run_prompt(&prompt.await?).await?;
        if answer == Answer::Dismissed {
            self.gate.dismissals.fetch_add(1, Ordering::Relaxed);
        }
        Ok(answer)
    }

    /// Runs a prompt to its end; `/` is none, and counts as answered.
    ///
    /// It has no deadline: the person may be away. It ends when the service does.
    pub async fn run_prompt(&self, prompt: &OwnedObjectPath) -> Result<Answer, Fault> {
        if prompt.as_str() == "/" {
            return Ok(Answer::Completed);
        }
        let completed = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(self.wire.service())
            .path(prompt)
            .interface(PROMPT)
            .member("Completed")
            .build();
        let mut signals = listen(self.wire.connection(), completed).await?;
        self.wire.prompt(prompt).await?;
        tokio::select! {
            signal = next(&mut signals) => match signal {
                Some(Ok(signal)) => match signal.body().deserialize::<(bool, OwnedVariant)>() {
                    Ok((true, _)) => Ok(Answer::Dismissed),
                    Ok((false, _)) => Ok(Answer::Completed),
                    Err(_) => Err(Fault::malformed("a prompt with a signal of the wrong form")),
                },
                _ => Err(Fault::Lost("the bus went away while a prompt was open".into())),
            },
            () = self.ended() => {
                Err(Fault::Lost("the service went away while its prompt was open".into()))
            }
        }
    }
}
