//! Keeps calls that may ask the user apart from calls that must not.
//!
//! A query can forbid asking (`kSecUseAuthenticationUI`), but only newer kinds of keychains obey it. The login keychain is
//! a file and obeys only a switch that applies to the whole process (`SecKeychainSetUserInteractionAllowed`). So calls of
//! one kind wait while calls of another kind run: a call that may ask does not fail because another must not, and a call
//! that must not ask never asks. Other code of the process that uses Keychain while the switch is off cannot ask either.
//! No call overtakes an earlier one, because a steady stream of calls of one kind would otherwise keep out the other
//! kinds for ever.
//!
//! The system opens a keychain at the first search, and the open keychain keeps what the switch said then
//! (`DbImpl::open`, `Globals::keychainCredentials`). So lookups do not run while the switch is off either: they would open
//! keychains from which later calls could not ask for the password.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::timeout_at;

use crate::{error::Error, sync::lock};

/// How long a call that must not ask waits for calls that may. This is much longer than a call takes that asks
/// nobody, and shorter than a user takes to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Until when a call waits for calls that may be asking the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// The deadline of a call that may wait for the user.
    pub const NEVER: Self = Self(None);

    /// The deadline of a call that starts now.
    pub fn of_call(is_interactive: bool) -> Self {
        Self((!is_interactive).then(|| Instant::now() + PATIENCE))
    }

    /// Waits for something that other calls hold.
    ///
    /// # Errors
    ///
    /// [`Error::Asking`] if the deadline passes before.
    pub async fn wait_for<T>(self, turn: impl Future<Output = T>) -> Result<T, Error> {
        match self.0 {
            None => Ok(turn.await),
            Some(end) => timeout_at(end.into(), turn).await.map_err(|_| Error::Asking),
        }
    }

    /// The time until the deadline. `None` means that there is none.
    fn left(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }
}

/// Sets whether the process may ask the user, and returns whether it could before.
type AllowInteraction = fn(bool) -> bool;

/// The kinds of calls. Except for lookups, only calls of one kind run at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CallKind {
    /// Calls that may ask the user.
    #[default]
    Asking,
    /// Calls that must not ask, and do nothing for which the system would ask: searches, and changes of an unlocked
    /// keychain. They run while no other call asks, so that they do not wait for the user. The switch is on.
    Silent,
    /// Calls that decrypt a value and must not ask. The switch is off while they run.
    SilentRead,
    /// Calls that never ask, but may have to wait while the system asks the user for another call. They run beside all
    /// calls for which the switch is on.
    Lookup,
}

/// Decides which calls run beside each other.
pub struct InteractionGate {
    state: Mutex<GateState>,
    changed: Condvar,
    allow_interaction: AllowInteraction,
}

#[derive(Default)]
struct GateState {
    /// The number of running calls other than lookups.
    running: usize,
    /// Their kind.
    kind: CallKind,
    /// The number of running lookups.
    lookups: usize,
    /// The waiting calls, in the order in which they arrived.
    queue: VecDeque<WaitingCall>,
    /// The ticket of the next call that arrives.
    next_ticket: u64,
    /// Whether the process could ask before the switch was turned off.
    could_ask: bool,
}

#[derive(Clone, Copy)]
struct WaitingCall {
    ticket: u64,
    kind: CallKind,
}

impl GateState {
    fn is_running(&self, kind: CallKind) -> bool {
        self.running > 0 && self.kind == kind
    }

    /// Whether a call of a kind waits that arrived before this one.
    fn has_earlier(&self, call: WaitingCall, is_wanted: impl Fn(CallKind) -> bool) -> bool {
        self.queue.iter().any(|other| other.ticket < call.ticket && is_wanted(other.kind))
    }

    /// Whether a waiting call can run now.
    fn may_enter(&self, call: WaitingCall) -> bool {
        let is_free = self.running == 0 || self.kind == call.kind;
        match call.kind {
            // A silent read that waits for lookups alone goes before further ones.
            CallKind::Lookup => {
                let is_switch_wanted = self.has_earlier(call, |kind| kind == CallKind::SilentRead);
                !self.is_running(CallKind::SilentRead)
                    && (self.is_running(CallKind::Asking) || !is_switch_wanted)
            }
            CallKind::SilentRead => is_free && self.lookups == 0 && !self.has_earlier(call, |_| true),
            _ => is_free && !self.has_earlier(call, |kind| kind != CallKind::Lookup),
        }
    }

    /// Whether a waiting call may have to wait for the user. If not, the calls that it waits for are short.
    fn may_wait_for_user(&self, call: WaitingCall) -> bool {
        self.is_running(CallKind::Asking)
            || self.has_earlier(call, |kind| kind == CallKind::Asking)
            || (call.kind == CallKind::SilentRead && self.lookups > 0)
    }
}

/// Lets a call run. The call has ended when this is dropped.
#[must_use]
pub struct Admission<'a> {
    gate: &'a InteractionGate,
    kind: CallKind,
}

impl InteractionGate {
    /// The gate of a process that has this switch.
    pub const fn new(allow_interaction: AllowInteraction) -> Self {
        let state = GateState {
            running: 0,
            kind: CallKind::Asking,
            lookups: 0,
            queue: VecDeque::new(),
            next_ticket: 0,
            could_ask: true,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), allow_interaction }
    }

    /// Waits until a call can run.
    ///
    /// # Errors
    ///
    /// [`Error::Asking`] if the deadline has passed, and the call might still have to wait for the user.
    pub fn enter(&self, kind: CallKind, deadline: Deadline) -> Result<Admission<'_>, Error> {
        let mut state = self.wait(kind, deadline)?;
        if kind == CallKind::Lookup {
            state.lookups += 1;
        } else {
            state.kind = kind;
            state.running += 1;
            if state.running == 1 && kind == CallKind::SilentRead {
                state.could_ask = (self.allow_interaction)(false);
            }
        }
        Ok(Admission { gate: self, kind })
    }

    fn wait(&self, kind: CallKind, deadline: Deadline) -> Result<MutexGuard<'_, GateState>, Error> {
        let mut state = self.lock_state();
        let call = WaitingCall { ticket: state.next_ticket, kind };
        state.next_ticket += 1;
        state.queue.push_back(call);
        loop {
            let (may_enter, left) = (state.may_enter(call), deadline.left());
            let gives_up = left == Some(Duration::ZERO) && state.may_wait_for_user(call);
            if may_enter || gives_up {
                state.queue.retain(|other| other.ticket != call.ticket);
                // The next call in the queue may be able to run as well.
                self.changed.notify_all();
                return if may_enter { Ok(state) } else { Err(Error::Asking) };
            }
            state = match left {
                Some(left) if !left.is_zero() => {
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                _ => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, GateState> {
        lock(&self.state)
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock_state();
        if self.kind == CallKind::Lookup {
            state.lookups -= 1;
        } else {
            state.running -= 1;
            if state.running == 0 && self.kind == CallKind::SilentRead && state.could_ask {
                (self.gate.allow_interaction)(true);
            }
        }
        self.gate.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use CallKind::*;

    use super::*;

    /// A gate with a switch that only this test uses.
    macro_rules! new_gate {
        ($initial:expr) => {{
            static MAY_ASK: AtomicBool = AtomicBool::new($initial);
            (&MAY_ASK, InteractionGate::new(|may| MAY_ASK.swap(may, Ordering::SeqCst)))
        }};
    }

    fn passed() -> Deadline {
        Deadline(Some(Instant::now()))
    }

    fn enter(gate: &InteractionGate, kind: CallKind) -> Admission<'_> {
        gate.enter(kind, Deadline::NEVER).unwrap()
    }

    /// Whether a call of this kind that arrived now would have to wait.
    fn would_wait(gate: &InteractionGate, kind: CallKind) -> bool {
        let state = gate.lock_state();
        !state.may_enter(WaitingCall { ticket: state.next_ticket, kind })
    }

    #[test]
    fn the_switch_is_off_for_as_long_as_a_call_decrypts_that_must_not_ask() {
        let (may_ask, gate) = new_gate!(true);
        let (one, other) = (enter(&gate, SilentRead), enter(&gate, SilentRead));
        assert!(!may_ask.load(Ordering::SeqCst));
        drop(one);
        assert!(!may_ask.load(Ordering::SeqCst));
        drop(other);
        for kind in [Asking, Silent, Lookup] {
            let _call = enter(&gate, kind);
            assert!(may_ask.load(Ordering::SeqCst), "{kind:?}");
        }
    }

    #[test]
    fn a_process_that_never_asks_does_not_begin_to() {
        let (may_ask, gate) = new_gate!(false);
        drop(enter(&gate, SilentRead));
        assert!(!may_ask.load(Ordering::SeqCst));
    }

    #[test]
    fn calls_of_these_kinds_run_beside_each_other() {
        let (_, gate) = new_gate!(true);
        for (running, beside) in [
            (Asking, [true, false, false, true]),
            (Silent, [false, true, false, true]),
            (SilentRead, [false, false, true, false]),
            (Lookup, [true, true, false, true]),
        ] {
            let _call = enter(&gate, running);
            let allowed = [Asking, Silent, SilentRead, Lookup].map(|kind| !would_wait(&gate, kind));
            assert_eq!(allowed, beside, "beside {running:?}");
        }
    }

    #[test]
    fn a_call_that_must_not_ask_gives_up_at_its_deadline_while_another_asks() {
        let (_, gate) = new_gate!(true);
        let asking = [enter(&gate, Asking), enter(&gate, Asking)];
        for kind in [Silent, SilentRead] {
            assert_eq!(gate.enter(kind, passed()).err(), Some(Error::Asking));
        }
        drop(asking);
        // They have left the queue. A deadline that has passed matters only if there is something to wait for.
        for kind in [Silent, SilentRead] {
            assert!(gate.enter(kind, passed()).is_ok());
        }
        let lookup = enter(&gate, Lookup);
        assert_eq!(gate.enter(SilentRead, passed()).err(), Some(Error::Asking));
        drop(lookup);
        drop(enter(&gate, Asking));
    }

    fn wait_for_queue(gate: &InteractionGate, length: usize) {
        while gate.lock_state().queue.len() < length {
            thread::yield_now();
        }
    }

    #[test]
    fn a_call_waits_beyond_its_deadline_for_calls_that_never_ask() {
        let (_, gate) = new_gate!(true);
        let running = enter(&gate, Silent);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.enter(SilentRead, passed()).is_ok());
            wait_for_queue(&gate, 1);
            drop(running);
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn calls_of_different_kinds_run_in_the_order_in_which_they_arrive() {
        for [first, second, third] in [
            [SilentRead, Asking, SilentRead],
            [SilentRead, Lookup, SilentRead],
            [Lookup, SilentRead, Lookup],
            [Silent, SilentRead, Silent],
        ] {
            let (_, gate) = new_gate!(true);
            let order = Mutex::new(Vec::new());
            let running = enter(&gate, first);
            thread::scope(|scope| {
                for (place, kind) in [second, third].into_iter().enumerate() {
                    let (gate, order) = (&gate, &order);
                    scope.spawn(move || {
                        let _call = enter(gate, kind);
                        order.lock().unwrap().push(kind);
                    });
                    wait_for_queue(gate, place + 1);
                }
                drop(running);
            });
            assert_eq!(order.into_inner().unwrap(), [second, third]);
        }
    }

    #[test]
    fn a_lookup_overtakes_silent_calls_that_wait_for_the_user() {
        let (_, gate) = new_gate!(true);
        let asking = enter(&gate, Asking);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(enter(&gate, SilentRead)));
            wait_for_queue(&gate, 1);
            drop(enter(&gate, Lookup));
            drop(asking);
            waiting.join().unwrap();
        });
    }
}
