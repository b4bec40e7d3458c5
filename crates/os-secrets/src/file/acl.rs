//! Who may use a file on Windows, by its access control list, and which file it is.

use std::{
    ffi::c_void,
    fmt, io, mem,
    os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle},
    ptr::{self, NonNull},
    slice,
    sync::OnceLock,
};

use windows_sys::Win32::{
    Foundation::{GENERIC_ALL, GENERIC_READ, GENERIC_WRITE, HANDLE, LocalFree},
    Security::{
        ACCESS_ALLOWED_ACE, ACE_HEADER, ACL,
        Authorization::{
            ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo,
            SDDL_REVISION_1, SE_FILE_OBJECT,
        },
        DACL_SECURITY_INFORMATION, GetTokenInformation, INHERIT_ONLY_ACE, OWNER_SECURITY_INFORMATION,
        PSECURITY_DESCRIPTOR, PSID, SetKernelObjectSecurity, TOKEN_QUERY, TOKEN_USER, TokenUser,
    },
    Storage::FileSystem::{
        BY_HANDLE_FILE_INFORMATION, DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_READ_DATA,
        FILE_WRITE_DATA, GetFileInformationByHandle, WRITE_DAC, WRITE_OWNER,
    },
    System::Threading::{GetCurrentProcess, OpenProcessToken},
};

/// What lets somebody read a file.
pub const READING: u32 = FILE_READ_DATA | GENERIC_READ;
/// What lets somebody write a file, or come to be allowed to.
pub const WRITING: u32 =
    FILE_WRITE_DATA | FILE_APPEND_DATA | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;
/// What lets somebody put something into a directory, or take it away.
pub const WRITING_IN: u32 = WRITING | FILE_DELETE_CHILD;

/// The kinds of entries: what is allowed, and what is denied (`winnt.h`).
const ACCESS_ALLOWED: u8 = 0;
const DENIALS: [u8; 4] = [1, 6, 10, 12];

/// The system, and its administrators.
const SYSTEM: [&str; 2] = ["S-1-5-18", "S-1-5-32-544"];
/// Whoever owns the file, and who has made it.
const OWNERS: [&str; 2] = ["S-1-3-4", "S-1-3-0"];
const EVERYBODY: &str = "S-1-1-0";

/// What the system has allocated, and is to be freed so.
struct Local(NonNull<c_void>);

impl Local {
    fn new(pointer: *mut c_void) -> io::Result<Self> {
        NonNull::new(pointer).map(Self).ok_or_else(io::Error::last_os_error)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: it came from a call that says to free it so, and nothing refers to it any more.
        unsafe { LocalFree(self.0.as_ptr()) };
    }
}

/// Lets nobody but us, the system and its administrators use a file or directory, and what is made in that.
pub fn make_private(file: BorrowedHandle<'_>) -> io::Result<()> {
    let own = own_user()?;
    describe(file, &format!("D:P(A;OICI;FA;;;{own})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"))
}

/// Lets everybody read a file besides.
#[cfg(test)]
pub fn allow_everyone_to_read(file: BorrowedHandle<'_>) -> io::Result<()> {
    let own = own_user()?;
    describe(file, &format!("D:P(A;;FA;;;{own})(A;;FR;;;WD)"))
}

/// Sets a file's list from its text, in the security descriptor definition language.
fn describe(file: BorrowedHandle<'_>, text: &str) -> io::Result<()> {
    let text: Vec<u16> = text.encode_utf16().chain([0]).collect();
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the text ends with a NUL, and the place can be written to.
    check(unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text.as_ptr(),
            SDDL_REVISION_1,
            &mut descriptor,
            ptr::null_mut(),
        )
    })?;
    set(file, &Local::new(descriptor)?)
}

/// Gives a file the list of another.
pub fn copy(from: BorrowedHandle<'_>, to: BorrowedHandle<'_>) -> io::Result<()> {
    let (descriptor, ..) = security_of(from)?;
    set(to, &descriptor)
}

/// Sets a file's list to that of a descriptor, just as it is there: what else there is for that adds what the
/// directory hands down.
fn set(file: BorrowedHandle<'_>, descriptor: &Local) -> io::Result<()> {
    // SAFETY: the handle is open, and the descriptor came whole from the system.
    check(unsafe {
        SetKernelObjectSecurity(file.as_raw_handle(), DACL_SECURITY_INFORMATION, descriptor.0.as_ptr())
    })
}

/// Somebody who may use a file besides us, the system and its administrators.
#[derive(Debug)]
pub enum Other {
    /// Whom it belongs to, and who can change its list: an identifier in its textual form.
    Owner(String),
    /// Whom its list allows that.
    Allowed(String),
    /// It has no list.
    Everybody,
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(user) => write!(f, "it belongs to {user}"),
            Self::Allowed(user) if user == EVERYBODY => {
                f.write_str("its access control list allows everybody")
            }
            Self::Allowed(user) => write!(f, "its access control list allows {user}"),
            Self::Everybody => f.write_str("it has no access control list"),
        }
    }
}

/// Who may do one of these things to a file besides us, the system and its administrators.
pub fn other_user(file: BorrowedHandle<'_>, rights: u32) -> io::Result<Option<Other>> {
    let own = own_user()?;
    let (_descriptor, list, owner) = security_of(file)?;
    // SAFETY: the identifier is part of the descriptor, which is there until the end.
    let owner = unsafe { text_of(owner) }?;
    if owner != *own && !SYSTEM.contains(&owner.as_str()) {
        return Ok(Some(Other::Owner(owner)));
    }
    if list.is_null() {
        return Ok(Some(Other::Everybody));
    }
    // SAFETY: the list is part of the descriptor, which is there until the end.
    let count = unsafe { (&raw const (*list).AceCount).read_unaligned() };
    // SAFETY: the entries follow the list's head.
    let mut entry = unsafe { list.add(1).cast::<ACE_HEADER>() };
    for _ in 0..count {
        // SAFETY: the list has so many entries, each with a head that tells its size.
        let head = unsafe { entry.read_unaligned() };
        let applies = u32::from(head.AceFlags) & INHERIT_ONLY_ACE == 0 && !DENIALS.contains(&head.AceType);
        if applies {
            let allowed = entry.cast::<ACCESS_ALLOWED_ACE>();
            // SAFETY: all kinds of entries that allow something begin with the mask.
            let mask = unsafe { (&raw const (*allowed).Mask).read_unaligned() };
            if mask & rights != 0 {
                if head.AceType != ACCESS_ALLOWED {
                    return Ok(Some(Other::Allowed("somebody under conditions".into())));
                }
                // SAFETY: in this kind of entry the identifier follows the mask.
                let user = unsafe { text_of((&raw const (*allowed).SidStart).cast_mut().cast()) }?;
                if user != *own && !SYSTEM.contains(&user.as_str()) && !OWNERS.contains(&user.as_str()) {
                    return Ok(Some(Other::Allowed(user)));
                }
            }
        }
        // SAFETY: the next one begins where this one ends; behind the last one nothing is read.
        entry = unsafe { entry.byte_add(head.AceSize.into()) };
    }
    Ok(None)
}

/// A file's list and owner, in the descriptor that holds both.
fn security_of(file: BorrowedHandle<'_>) -> io::Result<(Local, *const ACL, PSID)> {
    let (mut list, mut owner, mut descriptor) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: the handle is open, and the places can be written to; what is null is not asked for.
    let error = unsafe {
        GetSecurityInfo(
            file.as_raw_handle(),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
            &mut owner,
            ptr::null_mut(),
            &mut list,
            ptr::null_mut(),
            &mut descriptor,
        )
    };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error as i32));
    }
    Ok((Local::new(descriptor)?, list, owner))
}

/// The identifier of the user that the process runs as, in its textual form.
pub fn own_user() -> io::Result<&'static String> {
    static OWN: OnceLock<String> = OnceLock::new();
    if let Some(own) = OWN.get() {
        return Ok(own);
    }
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the handle stands for this process, and the place can be written to.
    check(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) })?;
    // SAFETY: the token was opened, and nobody else closes it.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    // Words, so that it is aligned; an identifier has 68 bytes at most.
    let mut user = [0_u64; 16];
    let mut size = 0;
    // SAFETY: the buffer has so many bytes, which can be written to.
    check(unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            user.as_mut_ptr().cast(),
            mem::size_of_val(&user) as u32,
            &mut size,
        )
    })?;
    // SAFETY: the system has written such a structure, whose identifier is in the same buffer.
    let text = unsafe { text_of((*user.as_ptr().cast::<TOKEN_USER>()).User.Sid) }?;
    Ok(OWN.get_or_init(|| text))
}

/// # Safety
///
/// It is a valid identifier.
unsafe fn text_of(user: PSID) -> io::Result<String> {
    let mut text = ptr::null_mut();
    // SAFETY: the identifier is valid by this function's contract, and the place can be written to.
    check(unsafe { ConvertSidToStringSidW(user, &mut text) })?;
    let text = Local::new(text.cast())?;
    let units = text.0.as_ptr().cast::<u16>().cast_const();
    let mut length = 0;
    // SAFETY: the system ends its texts with a NUL.
    let units = unsafe {
        while *units.add(length) != 0 {
            length += 1;
        }
        slice::from_raw_parts(units, length)
    };
    Ok(String::from_utf16_lossy(units))
}

/// The volume that a file is on, and its index there.
pub fn identity(file: BorrowedHandle<'_>) -> io::Result<(u64, u64)> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open, and the place can be written to.
    check(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &mut found) })?;
    let index = u64::from(found.nFileIndexHigh) << 32 | u64::from(found.nFileIndexLow);
    Ok((found.dwVolumeSerialNumber.into(), index))
}

fn check(done: i32) -> io::Result<()> {
    if done != 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
