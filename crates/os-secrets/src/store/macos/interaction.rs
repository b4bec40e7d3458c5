//! Keeps calls that may ask the user apart from calls that must not.
//!
//! A query can forbid asking (`kSecUseAuthenticationUI`), but only newer kinds of keychains obey it. The login keychain is
//! a file and obeys only a switch that applies to the whole process (`SecKeychainSetUserInteractionAllowed`). So calls of
//! one kind wait while calls of another kind run: a call that may ask does not fail because another must not, and a call
//! that must not ask never asks. Other code of the process that uses Keychain while the switch is off cannot ask either.
//! No call overtakes an earlier one, because a steady stream of calls of one kind would otherwise keep out the other
//! kinds for ever.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::sync::lock;

/// How long a call that must not ask waits for calls that may. This is much longer than a call takes that asks
/// nobody, and shorter than a user takes to answer.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Sets whether the process may ask the user, and returns whether it could before.
type AllowInteraction = fn(bool) -> bool;

/// The kinds of calls that do not run beside each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// Calls that may ask the user.
    #[default]
    Asking,
    /// Calls that decrypt a value and must not ask. The switch is off while they run.
    SilentRead,
    /// Calls that change an unlocked keychain and must not ask. The system has no reason to ask them. The switch is on
    /// while they run: adding an item with the switch off would keep later calls from asking, for as long as the system
    /// keeps the keychain open.
    SilentChange,
}

/// Lets calls of one kind run at a time.
pub struct InteractionGate {
    state: Mutex<GateState>,
    changed: Condvar,
    allow_interaction: AllowInteraction,
}

#[derive(Default)]
struct GateState {
    /// The number of running calls.
    running: usize,
    /// Their kind.
    kind: Kind,
    /// The tickets of the waiting calls, in the order in which they arrived.
    queue: VecDeque<u64>,
    /// The ticket of the next call that arrives.
    next_ticket: u64,
    /// Whether the process could ask before the switch was turned off.
    could_ask: bool,
}

/// The turn of a call. It ends when this is dropped.
#[must_use]
pub struct Turn<'a>(&'a InteractionGate);

impl InteractionGate {
    /// The gate of a process that has this switch.
    pub const fn new(allow_interaction: AllowInteraction) -> Self {
        let kind = Kind::Asking;
        let state = GateState { running: 0, kind, queue: VecDeque::new(), next_ticket: 0, could_ask: true };
        Self { state: Mutex::new(state), changed: Condvar::new(), allow_interaction }
    }

    /// Waits for the turn of a call that may ask. The wait is short, because the other kinds of calls are short.
    pub fn enter_asking(&self) -> Turn<'_> {
        self.enter(Kind::Asking, Duration::MAX).expect("no call waits for so long")
    }

    /// Waits for the turn of a call. Returns `None` if calls of another kind run for longer than `patience`, as those do
    /// that may ask while the user is being asked.
    pub fn enter(&self, kind: Kind, patience: Duration) -> Option<Turn<'_>> {
        let mut state = self.wait_for_turn(patience, |state| state.running == 0 || state.kind == kind)?;
        state.kind = kind;
        state.running += 1;
        if state.running == 1 && kind == Kind::SilentRead {
            state.could_ask = (self.allow_interaction)(false);
        }
        Some(Turn(self))
    }

    /// Waits until no call that may ask is running. Returns `false` if that takes longer than `patience`.
    pub fn wait_until_quiet(&self, patience: Duration) -> bool {
        let is_quiet = |state: &GateState| state.running == 0 || state.kind != Kind::Asking;
        self.wait_for_turn(patience, is_quiet).is_some()
    }

    /// Waits until all earlier calls have had their turn and the gate `is_free`. Returns `None` if that takes longer
    /// than `patience`.
    fn wait_for_turn(
        &self,
        patience: Duration,
        is_free: impl Fn(&GateState) -> bool,
    ) -> Option<MutexGuard<'_, GateState>> {
        let start = Instant::now();
        let mut state = self.lock_state();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.queue.push_back(ticket);
        loop {
            let is_first = state.queue.front() == Some(&ticket);
            let has_turn = is_first && is_free(&state);
            let left = patience.saturating_sub(start.elapsed());
            if has_turn || left.is_zero() {
                state.queue.retain(|other| *other != ticket);
                // The next call in the queue may be able to run as well.
                self.changed.notify_all();
                return has_turn.then_some(state);
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, GateState> {
        lock(&self.state)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock_state();
        state.running -= 1;
        if state.running == 0 && state.kind == Kind::SilentRead && state.could_ask {
            (self.0.allow_interaction)(true);
        }
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;
    const LONG: Duration = Duration::from_secs(60);

    /// A gate with a switch that only this test uses.
    macro_rules! new_gate {
        ($initial:expr) => {{
            static MAY_ASK: AtomicBool = AtomicBool::new($initial);
            (&MAY_ASK, InteractionGate::new(|may| MAY_ASK.swap(may, Ordering::SeqCst)))
        }};
    }

    #[test]
    fn the_switch_is_off_for_as_long_as_a_call_must_not_ask() {
        let (may_ask, gate) = new_gate!(true);
        let one = gate.enter(Kind::SilentRead, AT_ONCE).unwrap();
        let other = gate.enter(Kind::SilentRead, AT_ONCE).unwrap();
        assert!(!may_ask.load(Ordering::SeqCst));
        drop(one);
        assert!(!may_ask.load(Ordering::SeqCst));
        drop(other);
        assert!(may_ask.load(Ordering::SeqCst));
    }

    #[test]
    fn a_process_that_never_asks_does_not_begin_to() {
        let (may_ask, gate) = new_gate!(false);
        drop(gate.enter(Kind::SilentRead, AT_ONCE));
        assert!(!may_ask.load(Ordering::SeqCst));
    }

    #[test]
    fn who_must_not_ask_gives_up_while_another_asks() {
        let (may_ask, gate) = new_gate!(true);
        let asking = [gate.enter_asking(), gate.enter_asking()];
        assert!(gate.enter(Kind::SilentRead, Duration::from_millis(1)).is_none());
        assert!(!gate.wait_until_quiet(Duration::from_millis(1)));
        assert!(may_ask.load(Ordering::SeqCst));
        drop(asking);
        assert!(gate.wait_until_quiet(AT_ONCE));
        assert!(gate.enter(Kind::SilentRead, AT_ONCE).is_some());
        // A call that gave up has left the queue.
        drop(gate.enter_asking());
    }

    #[test]
    fn a_silent_change_runs_alone_and_leaves_the_switch_on() {
        let (may_ask, gate) = new_gate!(true);
        let changing = gate.enter(Kind::SilentChange, AT_ONCE).unwrap();
        assert!(gate.enter(Kind::SilentChange, AT_ONCE).is_some());
        assert!(gate.enter(Kind::SilentRead, AT_ONCE).is_none());
        assert!(gate.enter(Kind::Asking, AT_ONCE).is_none());
        assert!(gate.wait_until_quiet(AT_ONCE));
        assert!(may_ask.load(Ordering::SeqCst));
        drop(changing);
        let asking = gate.enter_asking();
        assert!(gate.enter(Kind::SilentChange, AT_ONCE).is_none());
        drop(asking);
    }

    fn wait_for_queue(gate: &InteractionGate, length: usize) {
        while gate.lock_state().queue.len() < length {
            thread::yield_now();
        }
    }

    #[test]
    fn nobody_overtakes() {
        let (_, gate) = new_gate!(true);
        let order = Mutex::new(Vec::new());
        let note = |kind| order.lock().unwrap().push(kind);
        let silent = gate.enter(Kind::SilentRead, AT_ONCE).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _turn = gate.enter_asking();
                note("asking");
            });
            wait_for_queue(&gate, 1);
            // It could run at once if no earlier call were waiting.
            scope.spawn(|| {
                let _turn = gate.enter(Kind::SilentRead, LONG);
                note("silent");
            });
            wait_for_queue(&gate, 2);
            drop(silent);
        });
        assert_eq!(order.into_inner().unwrap(), ["asking", "silent"]);
    }

    #[test]
    fn each_waits_for_the_others_end() {
        let (may_ask, gate) = new_gate!(true);
        let asking = gate.enter_asking();
        thread::scope(|scope| {
            let waiting =
                scope.spawn(|| gate.enter(Kind::SilentRead, LONG).map(|_| may_ask.load(Ordering::SeqCst)));
            wait_for_queue(&gate, 1);
            drop(asking);
            assert_eq!(waiting.join().unwrap(), Some(false));

            let silent = gate.enter(Kind::SilentRead, AT_ONCE).unwrap();
            let waiting = scope.spawn(|| {
                let _turn = gate.enter_asking();
                may_ask.load(Ordering::SeqCst)
            });
            drop(silent);
            assert!(waiting.join().unwrap());
        });
    }
}
