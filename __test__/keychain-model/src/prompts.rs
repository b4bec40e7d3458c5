//! What the user is asked, and what follows from the answer.

use std::{
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use crate::{
    handles::{self, MAY_ASK},
    locks::{Of, hold},
    status::{AUTH_FAILED, INTERACTION_NOT_ALLOWED, ITEM_NOT_FOUND, Status, USER_CANCELED},
    world::{self, Answer, Item, Prompt, PromptKind},
};
/// How often the file is looked at for an answer.
const PAUSE: Duration = Duration::from_millis(5);
/// A test whose prompt waits for longer has forgotten the answer, and must not hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Shows a prompt and waits for the user's answer.
fn ask(kind: PromptKind, subject: &str) -> Result<Answer, Status> {
    let prompt = Prompt { kind, executable: world::executable(), subject: subject.to_owned() };
    let shown = world::change(|world| {
        if world.desktop {
            world.prompts.push(prompt.clone());
        }
        world.desktop
    });
    if !shown {
        return Err(INTERACTION_NOT_ALLOWED);
    }
    let start = Instant::now();
    loop {
        if start.elapsed() > PATIENCE {
            world::stop(&format!("nobody answers a prompt of the kind {kind:?}"));
        }
        match world::change(|world| world.answers.pop_front()) {
            Some(Answer::WrongPassword) => world::change(|world| world.prompts.push(prompt.clone())),
            Some(Answer::Cancel) => return Err(USER_CANCELED),
            Some(Answer::Deny) => return Err(AUTH_FAILED),
            Some(answer) => return Ok(answer),
            None => thread::sleep(PAUSE),
        }
    }
}

/// Unlocks a keychain, if it is locked.
pub fn unlock(keychain: &str) -> Result<(), Status> {
    if !world::change(|world| world.keychain(keychain).locked) {
        return Ok(());
    }
    if !handles::activate(keychain) {
        return Err(AUTH_FAILED);
    }
    ask(PromptKind::Unlock, keychain)?;
    world::change(|world| world.keychain(keychain).locked = false);
    Ok(())
}

/// Asks whether to make a new default keychain.
pub fn reset_default() -> Result<(), Status> {
    if !MAY_ASK.load(Ordering::SeqCst) {
        return Err(INTERACTION_NOT_ALLOWED);
    }
    ask(PromptKind::Reset, "login")?;
    world::change(|world| {
        let new = world::Keychain { path: world::LOGIN.into(), ..world::Keychain::default() };
        world.keychains.retain(|keychain| keychain.path != new.path);
        world.default = Some(new.path.clone());
        world.keychains.push(new);
    });
    Ok(())
}

/// Whether this executable may decrypt an item: first the item's applications, then its partitions.
pub fn decrypt(keychain: &str, id: u64) -> Result<Vec<u8>, Status> {
    let _one = hold(Of::Prompts);
    let me = world::executable();
    let find = || world::change(|world| world.keychain(keychain).item(id).cloned()).ok_or(ITEM_NOT_FOUND);
    let own = world::change(|world| world.partition_of(&me));
    let item = find()?;
    let is_listed = item.applications.as_ref().is_none_or(|applications| {
        world::change(|world| applications.iter().any(|application| world.is_same(&me, application)))
    });
    if !is_listed {
        confirm(PromptKind::Application, keychain, &item, |item, partitions| {
            item.applications.get_or_insert_default().insert(0, me.clone());
            if partitions {
                item.partitions.get_or_insert_default().push(own.clone());
            }
        })?;
    }
    let has_partitions = world::change(|world| world.keychain(keychain).has_partitions());
    let item = find()?;
    match &item.partitions {
        Some(partitions) if has_partitions && !partitions.contains(&own) => {
            confirm(PromptKind::Partition, keychain, &item, |item, _| {
                item.partitions.get_or_insert_default().push(own.clone());
            })?;
        }
        None if has_partitions => world::change(|world| {
            if let Some(item) = world.keychain(keychain).item(id) {
                item.partitions = Some(vec![own.clone()]);
            }
        }),
        _ => {}
    }
    find().map(|item| item.data)
}

/// Asks the user about an item. If it is allowed for ever, changes the item; the change is told whether the items of the
/// keychain have partitions.
fn confirm(
    kind: PromptKind,
    keychain: &str,
    item: &Item,
    allow_for_ever: impl FnOnce(&mut Item, bool),
) -> Result<(), Status> {
    if !MAY_ASK.load(Ordering::SeqCst) {
        return Err(AUTH_FAILED);
    }
    if ask(kind, item.service.as_deref().unwrap_or_default())? == Answer::AlwaysAllow {
        world::change(|world| {
            let keychain = world.keychain(keychain);
            let has_partitions = keychain.has_partitions();
            if let Some(item) = keychain.item(item.id) {
                allow_for_ever(item, has_partitions);
            }
        });
    }
    Ok(())
}
