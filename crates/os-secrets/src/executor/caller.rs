//! Tasks that start on the thread of their caller, and continue on the I/O thread if they have to wait.
//!
//! A call that only sends a message before it waits need not wake a thread to send it. The reply wakes the I/O thread.

use std::{
    cell::Cell,
    mem,
    sync::{Arc, Mutex},
    task::{Context, Wake, Waker},
};

use tokio::runtime::Handle;

use super::{SetFlag, Task};
use crate::sync::lock;

thread_local! {
    /// Whether this thread starts a task at the moment.
    static STARTING: Cell<bool> = const { Cell::new(false) };
}

/// Polls a task on this thread. It goes to the thread of the runtime when it is woken.
pub(super) fn start_on_caller(runtime: &Handle, task: Task) {
    let _context = runtime.enter();
    let _starting = SetFlag::new(&STARTING);
    Started::poll_once(runtime.clone(), task);
}

/// Starts a part of the task that this thread has started, as [`start_on_caller`] does it. Returns the part if there is no
/// such task.
pub(super) fn start_part(part: Task) -> Option<Task> {
    if !STARTING.get() {
        return Some(part);
    }
    Started::poll_once(Handle::current(), part);
    None
}

/// A task that was started on the thread of its caller. It is its own waker.
struct Started {
    runtime: Handle,
    state: Mutex<State>,
}

enum State {
    /// The task is polled for the first time.
    Polled {
        /// Whether it was woken meanwhile.
        is_woken: bool,
    },
    /// The task waits to be woken.
    Waiting(Task),
    /// The task has ended, or the runtime has it.
    Gone,
}

impl Started {
    /// Gives the task to the I/O thread. Woken there, it takes its turn as tasks do that have always been there, so calls keep
    /// their order.
    fn hand_over(&self, task: Task) {
        self.runtime.spawn(task);
    }

    fn poll_once(runtime: Handle, mut task: Task) {
        let state = Mutex::new(State::Polled { is_woken: false });
        let started = Arc::new(Self { runtime, state });
        let waker = Waker::from(Arc::clone(&started));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return;
        }
        {
            let mut state = lock(&started.state);
            if let State::Polled { is_woken: false } = *state {
                *state = State::Waiting(task);
                return;
            }
            *state = State::Gone;
        }
        started.hand_over(task);
    }
}

impl Wake for Started {
    fn wake(self: Arc<Self>) {
        let task = {
            let mut state = lock(&self.state);
            match mem::replace(&mut *state, State::Gone) {
                State::Polled { .. } => {
                    *state = State::Polled { is_woken: true };
                    return;
                }
                State::Waiting(task) => task,
                State::Gone => return,
            }
        };
        self.hand_over(task);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, poll_fn},
        panic::{AssertUnwindSafe, catch_unwind},
        sync::mpsc,
        task::Poll,
        thread,
        time::Duration,
    };

    use tokio::sync::oneshot;

    use super::*;
    use crate::executor::{StartOn, executor, spawn_part};

    fn start(task: impl Future<Output = ()> + Send + 'static) {
        executor().unwrap().start(StartOn::Caller, task);
    }

    /// The name of the thread; `None` for this test's own.
    fn thread_name(own: thread::ThreadId) -> Option<String> {
        let current = thread::current();
        (current.id() != own).then(|| current.name().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_task_runs_on_its_callers_thread_until_it_waits() {
        let own = thread::current().id();
        let ((sender, receiver), (wake, woken)) = (mpsc::channel(), oneshot::channel());
        start(async move {
            sender.send(thread_name(own)).unwrap();
            woken.await.unwrap();
            sender.send(thread_name(own)).unwrap();
        });
        assert_eq!(receiver.try_recv(), Ok(None));
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
        wake.send(()).unwrap();
        assert_eq!(receiver.recv().unwrap().as_deref(), Some("os-secrets"));
    }

    #[test]
    fn a_task_that_is_woken_while_it_is_polled_goes_on() {
        let (sender, receiver) = mpsc::channel();
        start(async move {
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                context.waker().wake_by_ref();
                if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            sender.send(polls).unwrap();
        });
        assert_eq!(receiver.recv(), Ok(3));
    }

    #[test]
    fn parts_of_a_task_start_where_it_runs() {
        let own = thread::current().id();
        let ((sender, receiver), (wake, woken)) = (mpsc::channel(), oneshot::channel());
        let part = move |sender: mpsc::Sender<_>| async move { sender.send(thread_name(own)).unwrap() };
        start(async move {
            spawn_part(part(sender.clone()));
            woken.await.unwrap();
            spawn_part(part(sender));
        });
        assert_eq!(receiver.try_recv(), Ok(None));
        wake.send(()).unwrap();
        assert_eq!(receiver.recv().unwrap().as_deref(), Some("os-secrets"));
    }

    #[test]
    fn a_task_may_use_timers_and_sees_what_it_waits_for_dropped() {
        let (sender, receiver) = mpsc::channel();
        let timed = sender.clone();
        start(async move {
            let waiting = tokio::time::timeout(Duration::from_millis(1), pending::<()>());
            timed.send(waiting.await.is_err()).unwrap();
        });
        assert_eq!(receiver.recv(), Ok(true));
        let (wake, woken) = oneshot::channel::<()>();
        start(async move { sender.send(woken.await.is_err()).unwrap() });
        drop(wake);
        assert_eq!(receiver.recv(), Ok(true));
    }

    #[test]
    fn a_panic_leaves_no_trace_on_the_thread() {
        let panicked = catch_unwind(AssertUnwindSafe(|| start(async { panic!("a bug in one call") })));
        assert!(panicked.is_err());
        assert!(start_part(Box::pin(async {})).is_some());
    }
}
