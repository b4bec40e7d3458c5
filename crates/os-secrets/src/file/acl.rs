//! Who may use a file on Windows, by its access control list, and the identity of a file.

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

/// The rights to read a file.
pub const READ_RIGHTS: u32 = FILE_READ_DATA | GENERIC_READ;
/// The rights to write a file, or to gain that right.
pub const WRITE_RIGHTS: u32 =
    FILE_WRITE_DATA | FILE_APPEND_DATA | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;
/// The rights to create or delete files in a directory, or to gain those rights.
pub const DIRECTORY_WRITE_RIGHTS: u32 = WRITE_RIGHTS | FILE_DELETE_CHILD;

/// The type of an entry that allows something without conditions (`winnt.h`).
const ACCESS_ALLOWED: u8 = 0;
/// The types of access control entries that deny access.
const ACCESS_DENIED_KINDS: [u8; 4] = [1, 6, 10, 12];

/// The identifiers (SIDs) of the system and of its administrators.
const SYSTEM_SIDS: [&str; 2] = ["S-1-5-18", "S-1-5-32-544"];
/// The identifiers that stand for the file's owner and its creator.
const OWNER_SIDS: [&str; 2] = ["S-1-3-4", "S-1-3-0"];
/// The identifier that stands for all users.
const EVERYBODY_SID: &str = "S-1-1-0";

/// Memory that the system has allocated with `LocalAlloc`. It is freed when this is dropped.
struct LocalAllocation(NonNull<c_void>);

impl LocalAllocation {
    fn new(pointer: *mut c_void) -> io::Result<Self> {
        NonNull::new(pointer).map(Self).ok_or_else(io::Error::last_os_error)
    }
}

impl Drop for LocalAllocation {
    fn drop(&mut self) {
        // SAFETY: it came from a call whose results are freed with `LocalFree`, and nothing refers to it any more.
        unsafe { LocalFree(self.0.as_ptr()) };
    }
}

/// Lets only this user, the system and its administrators use a file. If it is a directory, files that are made in it
/// inherit this.
pub fn make_private(file: BorrowedHandle<'_>) -> io::Result<()> {
    let own = own_sid()?;
    set_list_from_text(file, &format!("D:P(A;OICI;FA;;;{own})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"))
}

/// Also lets everybody read a file.
#[cfg(test)]
pub fn allow_everyone_to_read(file: BorrowedHandle<'_>) -> io::Result<()> {
    let own = own_sid()?;
    set_list_from_text(file, &format!("D:P(A;;FA;;;{own})(A;;FR;;;WD)"))
}

/// Sets a file's access control list from a text in the security descriptor definition language (SDDL).
fn set_list_from_text(file: BorrowedHandle<'_>, text: &str) -> io::Result<()> {
    let text: Vec<u16> = text.encode_utf16().chain([0]).collect();
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the text ends with a NUL, and the descriptor can be written.
    check(unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text.as_ptr(),
            SDDL_REVISION_1,
            &mut descriptor,
            ptr::null_mut(),
        )
    })?;
    set_list(file, &LocalAllocation::new(descriptor)?)
}

/// Copies the access control list of a file to another file.
pub fn copy_list(from: BorrowedHandle<'_>, to: BorrowedHandle<'_>) -> io::Result<()> {
    let (descriptor, ..) = read_security(from)?;
    set_list(to, &descriptor)
}

/// Sets a file's access control list to exactly that of a descriptor. `SetSecurityInfo` would add the entries that the
/// file inherits from its directory.
fn set_list(file: BorrowedHandle<'_>, descriptor: &LocalAllocation) -> io::Result<()> {
    // SAFETY: the handle is open, and the descriptor comes unchanged from the system.
    check(unsafe {
        SetKernelObjectSecurity(file.as_raw_handle(), DACL_SECURITY_INFORMATION, descriptor.0.as_ptr())
    })
}

/// A user who may use a file, other than this user, the system and its administrators.
#[derive(Debug)]
pub enum OtherUser {
    /// The owner of the file, who can change its list. Holds the identifier (SID) as text.
    Owner(String),
    /// Somebody whom the list allows to use the file. Holds the identifier, or a description.
    Allowed(String),
    /// All users, because the file has no list.
    Everybody,
}

impl fmt::Display for OtherUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(user) => write!(f, "it belongs to {user}"),
            Self::Allowed(user) if user == EVERYBODY_SID => {
                f.write_str("its access control list allows everybody")
            }
            Self::Allowed(user) => write!(f, "its access control list allows {user}"),
            Self::Everybody => f.write_str("it has no access control list"),
        }
    }
}

/// Finds a user who has one of the rights to a file, other than this user, the system and its administrators.
pub fn find_other_user(file: BorrowedHandle<'_>, rights: u32) -> io::Result<Option<OtherUser>> {
    let own = own_sid()?;
    let (_descriptor, list, owner) = read_security(file)?;
    // SAFETY: the identifier is part of the descriptor, which lives until the end of this function.
    let owner = unsafe { sid_to_text(owner) }?;
    if owner != *own && !SYSTEM_SIDS.contains(&owner.as_str()) {
        return Ok(Some(OtherUser::Owner(owner)));
    }
    if list.is_null() {
        return Ok(Some(OtherUser::Everybody));
    }
    // SAFETY: the list is part of the descriptor, which lives until the end of this function.
    let count = unsafe { (&raw const (*list).AceCount).read_unaligned() };
    // SAFETY: the entries follow the list's header.
    let mut entry = unsafe { list.add(1).cast::<ACE_HEADER>() };
    for _ in 0..count {
        // SAFETY: the list has `count` entries, each with a header.
        let header = unsafe { entry.read_unaligned() };
        let applies = u32::from(header.AceFlags) & INHERIT_ONLY_ACE == 0
            && !ACCESS_DENIED_KINDS.contains(&header.AceType);
        if applies {
            let allowed = entry.cast::<ACCESS_ALLOWED_ACE>();
            // SAFETY: in every type of entry that allows something, the mask follows the header.
            let mask = unsafe { (&raw const (*allowed).Mask).read_unaligned() };
            if mask & rights != 0 {
                if header.AceType != ACCESS_ALLOWED {
                    return Ok(Some(OtherUser::Allowed("somebody under conditions".into())));
                }
                // SAFETY: in this type of entry, the identifier follows the mask.
                let user = unsafe { sid_to_text((&raw const (*allowed).SidStart).cast_mut().cast()) }?;
                if user != *own
                    && !SYSTEM_SIDS.contains(&user.as_str())
                    && !OWNER_SIDS.contains(&user.as_str())
                {
                    return Ok(Some(OtherUser::Allowed(user)));
                }
            }
        }
        // SAFETY: the next entry begins at the end of this one. After the last entry, nothing is read.
        entry = unsafe { entry.byte_add(header.AceSize.into()) };
    }
    Ok(None)
}

/// Reads a file's access control list and owner. They are parts of the returned descriptor.
fn read_security(file: BorrowedHandle<'_>) -> io::Result<(LocalAllocation, *const ACL, PSID)> {
    let (mut list, mut owner, mut descriptor) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: the handle is open, and the results can be written. Null results are not wanted.
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
    Ok((LocalAllocation::new(descriptor)?, list, owner))
}

/// The identifier (SID) of the user that the process runs as, as text.
pub fn own_sid() -> io::Result<&'static String> {
    static OWN: OnceLock<String> = OnceLock::new();
    if let Some(own) = OWN.get() {
        return Ok(own);
    }
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the handle refers to this process, and `token` is valid for writes.
    check(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) })?;
    // SAFETY: the token is open, and nothing else closes it.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    // An array of words is aligned. An identifier has at most 68 bytes.
    let mut user = [0_u64; 16];
    let mut size = 0;
    // SAFETY: the buffer has the given size and can be written.
    check(unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            user.as_mut_ptr().cast(),
            mem::size_of_val(&user) as u32,
            &mut size,
        )
    })?;
    // SAFETY: the system has written this structure, and its identifier is in the same buffer.
    let text = unsafe { sid_to_text((*user.as_ptr().cast::<TOKEN_USER>()).User.Sid) }?;
    Ok(OWN.get_or_init(|| text))
}

/// Converts an identifier (SID) to text.
///
/// # Safety
///
/// The identifier must be valid.
unsafe fn sid_to_text(sid: PSID) -> io::Result<String> {
    let mut text = ptr::null_mut();
    // SAFETY: the identifier is valid by this function's contract, and the text can be written.
    check(unsafe { ConvertSidToStringSidW(sid, &mut text) })?;
    let text = LocalAllocation::new(text.cast())?;
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

/// Reads the volume that a file is on, and the file's index on that volume.
pub fn read_identity(file: BorrowedHandle<'_>) -> io::Result<(u64, u64)> {
    let mut information = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open, and the information is valid for writes.
    check(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &mut information) })?;
    let index = u64::from(information.nFileIndexHigh) << 32 | u64::from(information.nFileIndexLow);
    Ok((information.dwVolumeSerialNumber.into(), index))
}

fn check(result: i32) -> io::Result<()> {
    if result != 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
