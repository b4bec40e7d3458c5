//! How a test makes the service deviate from what is correct.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::sync::watch;
use zbus::{DynamicType, Message};

use super::{
    answers::{error, reply},
    model::{Model, SecretStruct},
};

/// Changes a secret before it is sent.
pub type Tamper = fn(&mut SecretStruct);

/// Makes the messages that answer a call.
pub type Improvise = Arc<dyn Fn(&mut Model, &Message) -> Vec<Message> + Send + Sync>;

/// What the service does with one call instead of answering it correctly.
#[derive(Clone)]
pub enum Deviation {
    /// Answers with the D-Bus error of this name.
    Refuse(&'static str),
    /// Answers with the reply that the function makes.
    Answer(Arc<dyn Fn(&Message) -> Message + Send + Sync>),
    /// Sends the messages that the function makes.
    Improvise(Improvise),
    /// Answers correctly, except that the function changes the secret.
    Tamper(Tamper),
    /// Never answers.
    Ignore,
    /// Answers correctly when the gate is open. Other calls are answered in the meantime.
    Wait(Gate),
    /// Changes what the service holds, and continues with the next deviation.
    Change(Arc<dyn Fn(&mut Model) + Send + Sync>),
    /// Leaves the bus without doing anything.
    Leave,
    /// Does what was asked, and leaves the bus without a reply.
    ObeyAndLeave,
    /// Answers correctly and leaves the bus.
    AnswerAndLeave,
}

impl Deviation {
    /// Answers with this body.
    pub fn answer<B>(body: B) -> Self
    where
        B: serde::Serialize + DynamicType + Send + Sync + 'static,
    {
        Self::Answer(Arc::new(move |call| reply(call, &body)))
    }

    /// Answers with the D-Bus error of this name and this text.
    pub fn refuse_saying(name: &'static str, text: &'static str) -> Self {
        Self::Answer(Arc::new(move |call| error(call, name, text)))
    }

    /// Changes what the service holds.
    pub fn change(change: impl Fn(&mut Model) + Send + Sync + 'static) -> Self {
        Self::Change(Arc::new(change))
    }
}

/// An event to wait for. The gate is closed until it is opened.
#[derive(Clone, Default)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// Opens the gate for ever.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until the gate is open.
    pub async fn opened(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

/// The next deviations of each method.
#[derive(Default)]
pub struct Script {
    next: HashMap<&'static str, VecDeque<Deviation>>,
    always: HashMap<&'static str, Deviation>,
}

impl Script {
    /// Adds a deviation for one call, after those that the method already has.
    pub fn once(&mut self, method: &'static str, deviation: Deviation) {
        self.next.entry(method).or_default().push_back(deviation);
    }

    /// Sets the deviation for all calls for which [`once`](Self::once) has added none.
    pub fn always(&mut self, method: &'static str, deviation: Deviation) {
        self.always.insert(method, deviation);
    }

    /// Takes the next deviation of a method. Makes the changes that precede it.
    pub fn take(&mut self, method: &str, model: &mut Model) -> Option<Deviation> {
        while let Some(deviation) = self.next.get_mut(method).and_then(VecDeque::pop_front) {
            match deviation {
                Deviation::Change(change) => change(model),
                deviation => return Some(deviation),
            }
        }
        match self.always.get(method)?.clone() {
            Deviation::Change(change) => {
                change(model);
                None
            }
            deviation => Some(deviation),
        }
    }
}
