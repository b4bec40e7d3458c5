//! Programs that end with us, or when we say so, with all that they have started: Windows' job objects.

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

/// A job that ends with its last handle, which is ours, as where somebody ends our process by force. The child is
/// in it, and so is what it starts, unless that is started to be in none, or in the moment before the job was there.
///
/// We are not in it ourselves, and a job that we are in already stays what it is: this one is within it.
pub struct Job(OwnedHandle);

impl Job {
    /// The job of this child.
    ///
    /// # Errors
    ///
    /// A job that we are in allows no other, or the child has ended.
    pub fn of(child: &Child) -> io::Result<Self> {
        let job = Self::new()?;
        job.limit(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK)?;
        // SAFETY: both handles are open.
        let result = unsafe { AssignProcessToJobObject(job.0.as_raw_handle(), child.as_raw_handle()) };
        if result == FALSE { Err(io::Error::last_os_error()) } else { Ok(job) }
    }

    /// Ends what is in it.
    pub fn kill(&self) {
        // SAFETY: the handle is open. Nothing else can be done about a failure.
        unsafe { TerminateJobObject(self.0.as_raw_handle(), 1) };
    }

    fn new() -> io::Result<Self> {
        // SAFETY: without attributes and a name it has no preconditions. No child inherits the handle.
        let job = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle is new, open and nobody else's.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(job) }))
    }

    fn limit(&self, flags: JOB_OBJECT_LIMIT) -> io::Result<()> {
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = flags;
        // SAFETY: the handle is open, and the information is of the class and the size that are said.
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
        // The child has ended, and what it has left running goes on. Nothing else can be done about a failure.
        let _ = self.limit(0);
    }
}
