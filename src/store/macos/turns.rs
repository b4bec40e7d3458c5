//! Whose turn it is: calls that may ask the person, or calls that must not.
//!
//! What a query says of asking (`kSecUseAuthenticationUI`) counts for keychains of the newer kind. The login
//! keychain is a file, and heeds only a switch that is the whole process's
//! (`SecKeychainSetUserInteractionAllowed`). So while calls of one kind are under way, those of the other wait:
//! who may ask does not fail because somebody else must not, and who must not does not ask. Other code of the
//! process that uses Keychain at that moment is not asked for either.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

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
    /// How many of those wait.
    waiting: usize,
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
        let state = State { asking: 0, silent: 0, waiting: 0, before: true };
        Self { state: Mutex::new(state), changed: Condvar::new(), switch }
    }

    /// Waits for the turn of a call that may ask. Calls that must not ask are short, and so is the wait.
    pub fn asking(&self) -> Asking<'_> {
        let mut state = self.state();
        while state.silent > 0 || state.waiting > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.asking += 1;
        Asking(self)
    }

    /// Waits for the turn of a call that must not ask; `None` where a call that may takes longer than that, as
    /// it does while the person is being asked.
    pub fn silent(&self, patience: Duration) -> Option<Silent<'_>> {
        let end = Instant::now() + patience;
        let mut state = self.state();
        state.waiting += 1;
        while state.asking > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.waiting -= 1;
                self.changed.notify_all();
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiting -= 1;
        state.silent += 1;
        if state.silent == 1 {
            state.before = (self.switch)(false);
        }
        Some(Silent(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(may_ask.load(Ordering::SeqCst));
        drop(asking);
        assert!(turns.silent(AT_ONCE).is_some());
        // Nobody who gave up is waited for.
        drop(turns.asking());
    }

    #[test]
    fn each_waits_for_the_others_end() {
        let (may_ask, turns) = switch!(true);
        let asking = turns.asking();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.silent(LONG).map(|_| may_ask.load(Ordering::SeqCst)));
            while turns.state().waiting == 0 {
                thread::yield_now();
            }
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
