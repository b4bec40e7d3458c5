//! A program that we start, with everything that it starts itself, so that all of it can be killed.

#[cfg(unix)]
mod os {
    use std::{
        os::unix::process::CommandExt,
        process::{Child, Command},
    };

    use rustix::process::{Pid, Signal, kill_process_group};

    /// Prepares a command. Call it before the program is started.
    pub fn prepare(command: &mut Command) {
        // A process group of its own, so that everything that it has started can be killed with it.
        command.process_group(0);
    }

    /// A program and everything that it has started.
    pub struct ProcessGroup(Pid);

    impl ProcessGroup {
        /// The group of a program.
        pub fn of(child: &Child) -> Self {
            Self(Pid::from_child(child))
        }

        /// Kills the whole group. Call it before the end of the program is waited for: its ID may be another's then.
        pub fn kill(&self) {
            let _ = kill_process_group(self.0, Signal::KILL);
        }
    }
}

#[cfg(windows)]
mod os {
    use std::{
        os::windows::process::CommandExt,
        process::{Child, Command},
    };

    use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;

    use crate::job::Job;

    /// Prepares a command. Call it before the program is started.
    pub fn prepare(command: &mut Command) {
        // The program needs no console. If our process has none, Windows would open one for it.
        command.creation_flags(CREATE_NO_WINDOW);
    }

    /// A program and everything that it has started.
    pub struct ProcessGroup(Option<Job>);

    impl ProcessGroup {
        /// The group of a program, which may have ended already.
        pub fn of(child: &Child) -> Self {
            Self(Job::of(child).ok())
        }

        /// Kills the whole group.
        pub fn kill(&self) {
            if let Some(job) = &self.0 {
                job.kill();
            }
        }
    }
}

pub use os::{ProcessGroup, prepare};
