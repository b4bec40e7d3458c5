//! Unix: the users and groups of the machine.

use std::{
    ffi::{CStr, CString, c_char, c_int},
    fs, mem, ptr,
};

/// The maximum size of an account's texts, in bytes. Groups of large organizations have thousands of members.
const MAX_TEXTS: usize = 1 << 20;

/// A group.
struct Group {
    name: CString,
    members: Vec<CString>,
}

/// Whether a group is the private group of one of these users: it has the user's name, is the user's primary group, and
/// has no other member. Many systems give every user such a group, and let it write the user's files (umask 002).
pub fn is_private_group(group: u32, users: &[u32]) -> bool {
    let Some(Group { name, members }) = find_group(group) else { return false };
    let Some((user, primary)) = find_user(&name) else { return false };
    users.contains(&user)
        && primary == group
        && members.iter().all(|member| *member == name)
        && !is_primary_of_others(group, user)
}

/// Whether the group is the primary group of another local user. Such a user is no member by name.
fn is_primary_of_others(group: u32, user: u32) -> bool {
    let accounts = fs::read("/etc/passwd").unwrap_or_default();
    accounts.split(|byte| *byte == b'\n').any(|line| {
        let mut numbers =
            line.split(|byte| *byte == b':').skip(2).map(|field| str::from_utf8(field).ok()?.parse().ok());
        let (of_user, of_group): (Option<u32>, Option<u32>) =
            (numbers.next().flatten(), numbers.next().flatten());
        of_group == Some(group) && of_user != Some(user)
    })
}

#[allow(unsafe_code)]
fn find_group(number: u32) -> Option<Group> {
    look_up(
        // SAFETY: `look_up` passes places that can be written, and the size of the buffer.
        |group, buffer, size, found| unsafe { libc::getgrgid_r(number, group, buffer, size, found) },
        |group: &libc::group| {
            // SAFETY: the system has filled in the group. Its texts end with a NUL, its list of members with a null
            // pointer, and all of them are in the buffer, which lives during this call.
            unsafe {
                let mut members = Vec::new();
                let mut next = group.gr_mem;
                while !(*next).is_null() {
                    members.push(CStr::from_ptr(*next).to_owned());
                    next = next.add(1);
                }
                Group { name: CStr::from_ptr(group.gr_name).to_owned(), members }
            }
        },
    )
}

/// The numbers of a user and of their primary group.
#[allow(unsafe_code)]
fn find_user(name: &CStr) -> Option<(u32, u32)> {
    look_up(
        // SAFETY: as in `find_group`, and the name ends with a NUL.
        |user, buffer, size, found| unsafe { libc::getpwnam_r(name.as_ptr(), user, buffer, size, found) },
        |user: &libc::passwd| (user.pw_uid, user.pw_gid),
    )
}

/// Looks up an account, with a buffer that grows until the account's texts fit. `T` is a structure of the system for
/// which all zeros are valid.
#[allow(unsafe_code)]
fn look_up<T, R>(
    call: impl Fn(*mut T, *mut c_char, usize, *mut *mut T) -> c_int,
    read: impl FnOnce(&T) -> R,
) -> Option<R> {
    let mut buffer: Vec<c_char> = vec![0; 1024];
    loop {
        // SAFETY: the structures of accounts consist of numbers and pointers.
        let mut account: T = unsafe { mem::zeroed() };
        let mut found = ptr::null_mut();
        match call(&mut account, buffer.as_mut_ptr(), buffer.len(), &mut found) {
            0 if found.is_null() => return None,
            0 => return Some(read(&account)),
            libc::ERANGE if buffer.len() < MAX_TEXTS => buffer.resize(buffer.len() * 2, 0),
            libc::EINTR => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found() {
        assert_eq!(find_user(c"root").map(|(user, _)| user), Some(0));
        assert!(find_group(0).is_some_and(|group| !group.name.is_empty()));
        assert_eq!(find_user(c"no such user"), None);
    }

    #[test]
    fn a_group_that_does_not_exist_is_not_private() {
        assert!(!is_private_group(u32::MAX - 7, &[0]));
    }
}
