//! How a test makes the service deviate from what is correct.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::sync::watch;
use zbus::{DynamicType, Message};

use super::{
    answers::{error, reply},
    model::{Model, WireSecret},
};

/// Changes a secret that is on its way.
pub type Tamper = fn(&mut WireSecret);

/// Makes messages of a call.
pub type Improvise = Arc<dyn Fn(&mut Model, &Message) -> Vec<Message> + Send + Sync>;

/// What the service does with one call instead of answering it correctly.
#[derive(Clone)]
pub enum Deviation {
    /// Answers with the D-Bus error of this name.
    Refuse(&'static str),
    /// Answers with what the function makes of the call.
    Answer(Arc<dyn Fn(&Message) -> Message + Send + Sync>),
    /// Sends what the function makes of the call and of what the service holds.
    Improvise(Improvise),
    /// Answers correctly, but for a secret that is changed on its way.
    Tamper(Tamper),
    /// Never answers.
    Ignore,
    /// Answers correctly once the gate is open; other calls are served in the meantime.
    Wait(Gate),
    /// Changes what the service holds, then goes on as if this had not been there.
    Change(Arc<dyn Fn(&mut Model) + Send + Sync>),
    /// Leaves the bus without doing anything.
    Leave,
    /// Does what was asked and leaves the bus without saying so.
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

    /// Refuses in words of the service's own.
    pub fn refuse_saying(name: &'static str, text: &'static str) -> Self {
        Self::Answer(Arc::new(move |call| error(call, name, text)))
    }

    /// Changes what the service holds.
    pub fn change(change: impl Fn(&mut Model) + Send + Sync + 'static) -> Self {
        Self::Change(Arc::new(change))
    }
}

/// Something to wait for, closed until it is opened.
#[derive(Clone, Default)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// Lets everyone through, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until the gate is open.
    pub async fn opened(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

/// The deviations to come, by method.
#[derive(Default)]
pub struct Script {
    next: HashMap<&'static str, VecDeque<Deviation>>,
    always: HashMap<&'static str, Deviation>,
}

impl Script {
    /// Adds a deviation for one call, after those already there for the method.
    pub fn once(&mut self, method: &'static str, deviation: Deviation) {
        self.next.entry(method).or_default().push_back(deviation);
    }

    /// Sets the deviation for all calls that have none of their own.
    pub fn always(&mut self, method: &'static str, deviation: Deviation) {
        self.always.insert(method, deviation);
    }

    /// Takes the next deviation for a method. Changes that come before it are made at once.
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
