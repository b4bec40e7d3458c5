//! Job objects of Windows: child processes that end with this process, together with everything that they started.

use std::{
    io,
    os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle},
    process::Child,
    ptr,
};

use windows_sys::Win32::{
    Foundation::FALSE,
    System::JobObjects::{
        AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT, JOB_OBJECT_LIMIT_BREAKAWAY_OK,
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
        JobObjectExtendedLimitInformation, SetInformationJobObject, TerminateJobObject,
    },
};

/// A job that holds a child process and everything that the child starts. The system ends the job with its last handle,
/// which is ours, so the job ends even if our process is killed. A process that the child starts is not in the job if
/// it was started outside of any job, or before the job was made.
///
/// Our own process is not in the job. If it is in another job, this one is nested in that.
pub struct Job(OwnedHandle);

impl Job {
    /// Puts a child into a job.
    ///
    /// # Errors
    ///
    /// Fails if a job that our process is in allows no nested job, or if the child has ended.
    pub fn of(child: &Child) -> io::Result<Self> {
        let job = Self::new()?;
        job.set_limits(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK)?;
        // SAFETY: both handles are open.
        let result = unsafe { AssignProcessToJobObject(job.0.as_raw_handle(), child.as_raw_handle()) };
        if result == FALSE { Err(io::Error::last_os_error()) } else { Ok(job) }
    }

    /// Ends all processes in the job.
    pub fn kill(&self) {
        // SAFETY: the handle is open. If this fails, nothing else can be done.
        unsafe { TerminateJobObject(self.0.as_raw_handle(), 1) };
    }

    fn new() -> io::Result<Self> {
        // SAFETY: without attributes and a name, there are no preconditions. Children do not inherit the handle.
        let job = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle is new and open, and nothing else owns it.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(job) }))
    }

    fn set_limits(&self, flags: JOB_OBJECT_LIMIT) -> io::Result<()> {
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = flags;
        // SAFETY: the handle is open, and the information has the class and the size that are passed.
        let result = unsafe {
            SetInformationJobObject(
                self.0.as_raw_handle(),
                JobObjectExtendedLimitInformation,
                (&raw const limits).cast(),
                size_of_val(&limits) as u32,
            )
        };
        if result == FALSE { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // The child has ended. The processes that it has left behind keep running. If this fails, nothing else can be
        // done.
        let _ = self.set_limits(0);
    }
}
