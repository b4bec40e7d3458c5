//! The objects that pass between the caller and the framework, and what must hold for them.
//!
//! The model keeps two references to each object that it hands out or is given. When the caller is done with an object,
//! exactly these two are left: a third is a leak, and a missing one was released twice. Data with a secret must have
//! been overwritten with zeros by then.

use std::{
    ffi::c_void,
    ptr, slice,
    sync::{Mutex, PoisonError},
};

use core_foundation::{
    base::{CFIndex, CFRelease, CFRetain, CFTypeRef, kCFAllocatorDefault, kCFAllocatorNull},
    data::{CFDataCreateWithBytesNoCopy, CFDataGetBytePtr, CFDataGetLength, CFDataRef},
};

/// What the model keeps of each object.
const KEPT: isize = 2;

static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());
static SECRETS: Mutex<Vec<HandedOut>> = Mutex::new(Vec::new());

/// Data with a secret that was handed out. The model keeps no reference to it, so that its owner may overwrite it.
struct HandedOut {
    bytes: Box<[u8]>,
    /// A weak reference of Swift, which made the object.
    weak: Box<*mut c_void>,
}

// SAFETY: the weak reference is used under the lock alone.
unsafe impl Send for HandedOut {}

struct Watched {
    object: CFTypeRef,
    /// How the object came here: the function and the parameter.
    origin: &'static str,
    is_secret: bool,
}

// SAFETY: reference counts are atomic, and nothing else of the objects is changed here.
unsafe impl Send for Watched {}

impl Watched {
    /// Gives up the model's references. Returns what is wrong with the object.
    fn forget(&self) -> Option<String> {
        // SAFETY: the model has kept the object alive until here, and secrets are data.
        unsafe {
            let exposed = self.is_secret && expose(self.object.cast()).iter().any(|byte| *byte != 0);
            for _ in 0..KEPT {
                CFRelease(self.object);
            }
            exposed.then(|| format!("{} was not overwritten with zeros", self.origin))
        }
    }
}

unsafe extern "C" {
    /// Core Foundation's counts are Swift's.
    fn swift_retainCount(object: CFTypeRef) -> usize;
    fn swift_weakInit(place: *mut *mut c_void, object: CFTypeRef) -> *mut *mut c_void;
    fn swift_weakLoadStrong(place: *mut *mut c_void) -> CFTypeRef;
}

/// `CFGetRetainCount`, which Swift's Core Foundation does not export.
///
/// # Safety
///
/// It must be an object of Core Foundation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CFGetRetainCount(object: CFTypeRef) -> CFIndex {
    // SAFETY: by this function's contract, it is such an object.
    unsafe { swift_retainCount(object) as CFIndex }
}

/// Watches an object of the caller's, or one that the caller gets.
///
/// # Safety
///
/// It must be a live object of Core Foundation.
pub unsafe fn watch(object: CFTypeRef, origin: &'static str, is_secret: bool) {
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    // It may come back in a later call.
    if watched.iter().any(|each| each.object == object) {
        return;
    }
    for _ in 0..KEPT {
        // SAFETY: by this function's contract, it is such an object.
        unsafe { CFRetain(object) };
    }
    watched.push(Watched { object, origin, is_secret });
}

/// Makes data with a secret for the caller, who may overwrite it: nobody else refers to it.
pub fn make_secret(bytes: &[u8]) -> CFDataRef {
    let (bytes, mut weak) = (Box::<[u8]>::from(bytes), Box::new(ptr::null_mut()));
    // SAFETY: the bytes live until the data is known to be gone. The place of the weak reference does not move.
    let data = unsafe {
        let size = bytes.len() as CFIndex;
        let data = CFDataCreateWithBytesNoCopy(kCFAllocatorDefault, bytes.as_ptr(), size, kCFAllocatorNull);
        swift_weakInit(&mut *weak, data.cast());
        data
    };
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner).push(HandedOut { bytes, weak });
    data
}

/// Checks all objects that were watched so far, and forgets them. Prints what is wrong with them. Returns how much is
/// wrong. No call may be running.
#[unsafe(no_mangle)]
pub extern "C" fn keychain_model_check_objects() -> usize {
    let mut faults = Vec::new();
    let mut watched: Vec<_> = WATCHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
    // Containers hold others, so what has its last references goes first, and the rest again after it.
    loop {
        let before = watched.len();
        watched.retain(|each| {
            // SAFETY: the model keeps the object alive until `forget`.
            let is_done = unsafe { CFGetRetainCount(each.object) } == KEPT;
            if is_done {
                faults.extend(each.forget());
            }
            !is_done
        });
        if watched.len() == before {
            break;
        }
    }
    for each in watched {
        // SAFETY: as above.
        let left = unsafe { CFGetRetainCount(each.object) } - KEPT;
        faults.push(format!("{} has {left} references too many", each.origin));
    }
    for HandedOut { bytes, mut weak } in SECRETS.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        // SAFETY: the reference is the one that was made with the data.
        let left = unsafe { swift_weakLoadStrong(&mut *weak) };
        if !left.is_null() {
            faults.push("a value that was handed out was never released".to_owned());
            // The object refers to them.
            std::mem::forget(bytes);
        } else if bytes.iter().any(|byte| *byte != 0) {
            faults.push("a value that was handed out was not overwritten with zeros".to_owned());
        }
    }
    for fault in &faults {
        eprintln!("keychain model: {fault}");
    }
    faults.len()
}

/// The bytes of data.
///
/// # Safety
///
/// It must be live data.
pub unsafe fn expose<'a>(data: CFDataRef) -> &'a [u8] {
    // SAFETY: by this function's contract, it is live data. Empty data may have no bytes at all.
    unsafe {
        match CFDataGetLength(data) {
            0 => &[],
            size => slice::from_raw_parts(CFDataGetBytePtr(data), size as usize),
        }
    }
}
