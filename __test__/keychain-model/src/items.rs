//! The calls about items: SecItem.h, and of SecKeychainItem.h the deletion of an item.

use std::ffi::c_void;

use core_foundation::{
    array::CFArray,
    base::{CFType, CFTypeRef, TCFType},
    dictionary::{CFDictionary, CFDictionaryRef, CFMutableDictionary},
    number::CFNumber,
    string::{CFString, CFStringRef},
};

use crate::{
    access_objects::hand_out,
    constants::{kSecAttrAccount, kSecAttrService},
    handles,
    locks::{self, Of, hold},
    objects::make_secret,
    prompts,
    query::Query,
    status::*,
    world::{self, Item, World},
};

/// An item that a search has found: its keychain's path, and the item.
type Found = (String, Item);

/// Finds the items of a query, in the order of the search list. What cannot be read is left out. Unless all items are
/// wanted, the search ends at the first one: keychains behind it are not opened.
fn search(query: &Query) -> Vec<Found> {
    let listed = world::change(|world| {
        let listed = world.keychains.iter().filter(|keychain| keychain.listed && keychain.is_readable());
        listed.map(|keychain| keychain.path.clone()).collect::<Vec<_>>()
    });
    let mut found = Vec::new();
    for path in listed {
        handles::activate(&path);
        let _keychain = hold(Of::Keychain(path.clone()));
        let items = world::change(|world| world.keychain(&path).items.clone());
        found.extend(items.into_iter().filter(|item| is_match(query, item)).map(|item| (path.clone(), item)));
        if !query.all && !found.is_empty() {
            found.truncate(1);
            break;
        }
    }
    found
}

fn is_match(query: &Query, item: &Item) -> bool {
    let matches = |wanted: &Option<String>, own: &Option<String>| wanted.is_none() || wanted == own;
    matches(&query.service, &item.service) && matches(&query.account, &item.account)
}

fn find_first(query: &Query) -> Result<Found, Status> {
    search(query).into_iter().next().ok_or(ITEM_NOT_FOUND)
}

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecItemCopyMatching(query: CFDictionaryRef, result: *mut CFTypeRef) -> Status {
    let copy = || {
        if let Some(status) = world::failure_of("SecItemCopyMatching") {
            return Err(status);
        }
        // SAFETY: by this function's contract, the dictionary is live.
        let query = unsafe { Query::read(query, "the query of SecItemCopyMatching")? };
        if query.all && query.return_data {
            return Err(PARAMETER);
        }
        let found = search(&query);
        let Some((keychain, first)) = found.first() else { return Err(ITEM_NOT_FOUND) };
        // Whoever looks at an item waits while the user is asked about it.
        if query.return_data {
            let _item = hold(Of::Item(first.id));
            locks::pause();
            drop(hold(Of::Keychain(keychain.clone())));
            prompts::unlock(keychain)?;
            return Ok(make_secret(&prompts::decrypt(keychain, first.id)?).cast());
        }
        for (_, item) in &found {
            drop(hold(Of::Item(item.id)));
        }
        if query.return_reference {
            return Ok(hand_out(make_reference(keychain, first.id), "the result of SecItemCopyMatching"));
        }
        assert!(query.return_attributes, "the query asks for nothing");
        let attributes: Vec<_> = found.iter().map(|(_, item)| make_attributes(item)).collect();
        let result =
            if query.all { CFArray::from_CFTypes(&attributes).into_CFType() } else { attributes[0].clone() };
        drop(attributes);
        Ok(hand_out(result, "the result of SecItemCopyMatching"))
    };
    match copy() {
        Ok(found) => {
            // SAFETY: by this function's contract, the result can be written.
            unsafe { *result = found };
            SUCCESS
        }
        Err(status) => status,
    }
}

fn make_attributes(item: &Item) -> CFType {
    let mut attributes = CFMutableDictionary::<CFString, CFType>::new();
    // SAFETY: these have their values since the library was loaded.
    let keys: [CFStringRef; 2] = unsafe { [kSecAttrService, kSecAttrAccount] };
    for (key, value) in keys.into_iter().zip([&item.service, &item.account]) {
        if let Some(value) = value {
            // SAFETY: it is a constant.
            attributes.set(unsafe { CFString::wrap_under_get_rule(key) }, CFString::new(value).into_CFType());
        }
    }
    attributes.into_CFType()
}

/// A reference to an item: a dictionary with the keychain's path and the item's number.
fn make_reference(keychain: &str, id: u64) -> CFType {
    let number = i64::try_from(id).expect("numbers are small");
    let entries = [
        (CFString::new("keychain"), CFString::new(keychain).into_CFType()),
        (CFString::new("id"), CFNumber::from(number).into_CFType()),
    ];
    CFDictionary::from_CFType_pairs(&entries).into_CFType()
}

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecItemAdd(attributes: CFDictionaryRef, result: *mut CFTypeRef) -> Status {
    assert!(result.is_null(), "the model returns nothing here");
    let add = || {
        if let Some(status) = world::failure_of("SecItemAdd") {
            return Err(status);
        }
        // SAFETY: by this function's contract, the dictionary is live.
        let new = unsafe { Query::read(attributes, "the attributes of SecItemAdd")? };
        let keychain = match default_keychain() {
            Some(path) => path,
            None => {
                prompts::reset_default()?;
                default_keychain().ok_or(NO_DEFAULT_KEYCHAIN)?
            }
        };
        handles::open(&keychain);
        let _keychain = hold(Of::Keychain(keychain.clone()));
        prompts::unlock(&keychain)?;
        drop(hold(Of::Prompts));
        let same = |item: &Item| item.service == new.service && item.account == new.account;
        let duplicate =
            world::change(|world| world.keychain(&keychain).items.iter().find(|item| same(item)).cloned());
        if let Some(duplicate) = duplicate {
            // The item is looked at while the keychain is held; those who read or update it take both the other way
            // around.
            locks::pause();
            drop(hold(Of::Item(duplicate.id)));
            return Err(DUPLICATE_ITEM);
        }
        world::change(|world| {
            check_writable(world, &keychain)?;
            let me = world::executable();
            let item = Item {
                id: world.new_id(),
                applications: new.access.clone().unwrap_or_else(|| Some(vec![me.clone()])),
                partitions: world.keychain(&keychain).has_partitions().then(|| vec![world.partition_of(&me)]),
                data: new.data.clone().unwrap_or_default(),
                service: new.service.clone(),
                account: new.account.clone(),
            };
            world.keychain(&keychain).items.push(item);
            Ok(())
        })
    };
    add().err().unwrap_or(SUCCESS)
}

/// The default keychain, if its file can be read.
fn default_keychain() -> Option<String> {
    world::change(|world| {
        let path = world.default.clone()?;
        world.keychains.iter().any(|keychain| keychain.path == path && keychain.is_readable()).then_some(path)
    })
}

fn check_writable(world: &mut World, keychain: &str) -> Result<(), Status> {
    if world.keychain(keychain).read_only { Err(NOT_WRITABLE) } else { Ok(()) }
}

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecItemUpdate(query: CFDictionaryRef, change: CFDictionaryRef) -> Status {
    let update = || {
        if let Some(status) = world::failure_of("SecItemUpdate") {
            return Err(status);
        }
        // SAFETY: by this function's contract, both are live.
        let (query, change) = unsafe {
            let query = Query::read(query, "the query of SecItemUpdate")?;
            (query, Query::read_change(change, "the change of SecItemUpdate")?)
        };
        let data = change.data.expect("an update has a value");
        let (keychain, found) = find_first(&query)?;
        let _item = hold(Of::Item(found.id));
        locks::pause();
        let _keychain = hold(Of::Keychain(keychain.clone()));
        prompts::unlock(&keychain)?;
        drop(hold(Of::Prompts));
        world::change(|world| {
            check_writable(world, &keychain)?;
            // The item is made anew: the list of applications is copied, that of partitions is the caller's.
            let (id, own) = (world.new_id(), world.partition_of(&world::executable()));
            let place = world.keychain(&keychain);
            let has_partitions = place.has_partitions();
            let item = place.item(found.id).ok_or(ITEM_NOT_FOUND)?;
            *item = Item {
                id,
                data: data.clone(),
                partitions: has_partitions.then(|| vec![own]),
                ..item.clone()
            };
            Ok(())
        })
    };
    update().err().unwrap_or(SUCCESS)
}

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecItemDelete(query: CFDictionaryRef) -> Status {
    let delete = || {
        if let Some(status) = world::failure_of("SecItemDelete") {
            return Err(status);
        }
        // SAFETY: by this function's contract, the dictionary is live.
        let query = unsafe { Query::read(query, "the query of SecItemDelete")? };
        let (keychain, item) = find_first(&query)?;
        // If the list cannot be read, because nobody unlocks the keychain, the item is deleted nevertheless.
        if prompts::unlock(&keychain).is_ok() {
            let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            let own = name(&world::executable());
            let applications = item.applications.as_deref().unwrap_or_default();
            if !applications.is_empty() && !applications.iter().any(|path| name(path) == own) {
                return Err(INVALID_OWNER_EDIT);
            }
        }
        remove(&keychain, item.id)
    };
    delete().err().unwrap_or(SUCCESS)
}

/// The keychain's path and the number in a reference to an item.
unsafe fn read_reference(item: *mut c_void) -> Result<(String, u64), Status> {
    if item.is_null() {
        return Err(INVALID_ITEM_REF);
    }
    // SAFETY: by the contract of this function, it is a live reference to an item.
    let reference: CFDictionary<CFString, CFType> =
        unsafe { CFDictionary::wrap_under_get_rule(item.cast_const().cast()) };
    let (keychain, id) = (reference.get(CFString::new("keychain")), reference.get(CFString::new("id")));
    let keychain = keychain.downcast::<CFString>().expect("a reference has a path").to_string();
    let id = id.downcast::<CFNumber>().and_then(|id| id.to_i64()).expect("a reference has a number");
    Ok((keychain, id.cast_unsigned()))
}

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecKeychainItemDelete(item: *mut c_void) -> Status {
    if let Some(status) = world::failure_of("SecKeychainItemDelete") {
        return status;
    }
    // SAFETY: by this function's contract, it is a live reference to an item.
    let removed = unsafe { read_reference(item) }.and_then(|(keychain, id)| {
        // Its extended attributes are looked for by the item's key.
        drop(hold(Of::Item(id)));
        remove(&keychain, id)
    });
    removed.err().unwrap_or(SUCCESS)
}

/// # Safety
///
/// As the header says.
#[allow(missing_docs, reason = "Apple documents it")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SecKeychainItemCopyKeychain(
    item: *mut c_void,
    keychain: *mut *mut c_void,
) -> Status {
    if let Some(status) = world::failure_of("SecKeychainItemCopyKeychain") {
        return status;
    }
    // SAFETY: by this function's contract, it is a live reference to an item, and the result can be written.
    unsafe {
        match read_reference(item) {
            Ok((path, _)) => {
                let path = CFString::new(&path).into_CFType();
                *keychain = hand_out(path, "the result of SecKeychainItemCopyKeychain").cast_mut();
                SUCCESS
            }
            Err(status) => status,
        }
    }
}

/// Removes an item. Nothing is decrypted, so nobody is asked. Its record is looked up while the keychain is held; those
/// who read or update the item take both the other way around.
fn remove(keychain: &str, id: u64) -> Result<(), Status> {
    let _keychain = hold(Of::Keychain(keychain.to_owned()));
    locks::pause();
    drop(hold(Of::Item(id)));
    world::change(|world| {
        if !world.keychain(keychain).is_readable() {
            return Err(NO_SUCH_KEYCHAIN);
        }
        check_writable(world, keychain)?;
        let items = &mut world.keychain(keychain).items;
        let before = items.len();
        items.retain(|item| item.id != id);
        if items.len() == before { Err(ITEM_NOT_FOUND) } else { Ok(()) }
    })
}
