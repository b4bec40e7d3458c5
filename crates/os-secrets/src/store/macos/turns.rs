//! Whose turn it is: calls that may ask the person, or calls that must not.
//!
//! What a query says of asking (`kSecUseAuthenticationUI`) counts for keychains of the newer kind. The login
//! keychain is a file, and heeds only a switch that is the whole process's
//! (`SecKeychainSetUserInteractionAllowed`). So while calls of one kind are under way, those of the other wait:
//! who may ask does not fail because somebody else must not, and who must not does not ask. Other code of the
//! process that uses Keychain at that moment is not asked for either. Nobody overtakes: calls of one kind that
//! never cease would keep out those of the other.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::sync::lock;

/// How long a call that must not ask waits for those that may: much longer than one takes that asks nobody,
/// and shorter than a person takes to answer.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Sets whether the process may ask, and gives whether it might before.
type Switch = fn(bool) -> bool;

/// The turns of a process.
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
    switch: Switch,
}

#[derive(Default)]
struct State {
    /// How many calls are under way that may ask.
    asking: usize,
    /// How many that must not.
    silent: usize,
    /// Those that wait, in the order in which they came.
    line: VecDeque<u64>,
    /// How many have come.
    arrived: u64,
    /// Whether the process might ask before.
    before: bool,
}

/// A turn of a call that may ask; it ends with this.
#[must_use]
pub struct Asking<'a>(&'a Turns);

/// A turn of a call that must not ask; it ends with this.
#[must_use]
pub struct Silent<'a>(&'a Turns);

impl Turns {
    /// Of a process with this switch.
    pub const fn new(switch: Switch) -> Self {
        let state = State { asking: 0, silent: 0, line: VecDeque::new(), arrived: 0, before: true };
        Self { state: Mutex::new(state), changed: Condvar::new(), switch }
    }

    /// Waits for the turn of a call that may ask. Calls that must not ask are short, and so is the wait.
    pub fn asking(&self) -> Asking<'_> {
        let turn = self.line_up(Duration::MAX, |state| state.silent == 0);
        turn.expect("nobody waits for so long").asking += 1;
        Asking(self)
    }

    /// Waits for the turn of a call that must not ask; `None` where a call that may takes longer than that, as
    /// it does while the person is being asked.
    pub fn silent(&self, patience: Duration) -> Option<Silent<'_>> {
        let mut state = self.line_up(patience, |state| state.asking == 0)?;
        state.silent += 1;
        if state.silent == 1 {
            state.before = (self.switch)(false);
        }
        Some(Silent(self))
    }

    /// Waits until no call that may ask is under way; whether there is none by then.
    pub fn is_quiet(&self, patience: Duration) -> bool {
        self.line_up(patience, |state| state.asking == 0).is_some()
    }

    /// Waits for the turn of who came before, and then for what has to be so; `None` where that takes longer.
    fn line_up(&self, patience: Duration, is_free: fn(&State) -> bool) -> Option<MutexGuard<'_, State>> {
        let start = Instant::now();
        let mut state = self.state();
        let number = state.arrived;
        state.arrived += 1;
        state.line.push_back(number);
        loop {
            let is_first = state.line.front() == Some(&number);
            let turn = is_first && is_free(&state);
            let left = patience.saturating_sub(start.elapsed());
            if turn || left.is_zero() {
                state.line.retain(|other| *other != number);
                // The next may have its turn as well.
                self.changed.notify_all();
                return turn.then_some(state);
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.state().asking -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.silent -= 1;
        if state.silent == 0 && state.before {
            (self.0.switch)(true);
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

    /// A switch of each test's own.
    macro_rules! switch {
        ($initial:expr) => {{
            static MAY_ASK: AtomicBool = AtomicBool::new($initial);
            (&MAY_ASK, Turns::new(|may| MAY_ASK.swap(may, Ordering::SeqCst)))
        }};
    }

    #[test]
    fn the_switch_is_off_for_as_long_as_a_call_must_not_ask() {
        let (may_ask, turns) = switch!(true);
        let one = turns.silent(AT_ONCE).unwrap();
        let other = turns.silent(AT_ONCE).unwrap();
        assert!(!may_ask.load(Ordering::SeqCst));
        drop(one);
        assert!(!may_ask.load(Ordering::SeqCst));
        drop(other);
        assert!(may_ask.load(Ordering::SeqCst));
    }

    #[test]
    fn a_process_that_never_asks_does_not_begin_to() {
        let (may_ask, turns) = switch!(false);
        drop(turns.silent(AT_ONCE));
        assert!(!may_ask.load(Ordering::SeqCst));
    }

    #[test]
    fn who_must_not_ask_gives_up_while_another_asks() {
        let (may_ask, turns) = switch!(true);
        let asking = [turns.asking(), turns.asking()];
        assert!(turns.silent(Duration::from_millis(1)).is_none());
        assert!(!turns.is_quiet(Duration::from_millis(1)));
        assert!(may_ask.load(Ordering::SeqCst));
        drop(asking);
        assert!(turns.is_quiet(AT_ONCE));
        assert!(turns.silent(AT_ONCE).is_some());
        // Nobody who gave up is waited for.
        drop(turns.asking());
    }

    fn until_line_is(turns: &Turns, length: usize) {
        while turns.state().line.len() < length {
            thread::yield_now();
        }
    }

    #[test]
    fn nobody_overtakes() {
        let (_, turns) = switch!(true);
        let order = Mutex::new(Vec::new());
        let note = |kind| order.lock().unwrap().push(kind);
        let silent = turns.silent(AT_ONCE).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _turn = turns.asking();
                note("asking");
            });
            until_line_is(&turns, 1);
            // It could go on at once, but for who came before.
            scope.spawn(|| {
                let _turn = turns.silent(LONG);
                note("silent");
            });
            until_line_is(&turns, 2);
            drop(silent);
        });
        assert_eq!(order.into_inner().unwrap(), ["asking", "silent"]);
    }

    #[test]
    fn each_waits_for_the_others_end() {
        let (may_ask, turns) = switch!(true);
        let asking = turns.asking();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.silent(LONG).map(|_| may_ask.load(Ordering::SeqCst)));
            until_line_is(&turns, 1);
            drop(asking);
            assert_eq!(waiting.join().unwrap(), Some(false));

            let silent = turns.silent(AT_ONCE).unwrap();
            let waiting = scope.spawn(|| {
                let _turn = turns.asking();
                may_ask.load(Ordering::SeqCst)
            });
            drop(silent);
            assert!(waiting.join().unwrap());
        });
    }
}
