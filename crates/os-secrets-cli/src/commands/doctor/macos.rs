//! Examines Keychain.

use serde_json::json;

use super::{Problem, Report, use_file};
use os_secrets::{
    error::Error,
    store::{self, macos::api::KeychainState},
};

const UNLOCK: &str = "security unlock-keychain";
const DEFAULT: &str = "security default-keychain";
/// The advice to use an encrypted file instead.
pub const OTHERWISE: &str = "An encrypted file needs no keychain. It is used only if you select it";

pub async fn examine() -> Result<Report, Error> {
    let diagnosis = store::os()?.diagnose().await?;
    let mut problems = Vec::new();
    let mut fail = |what: String, fix| {
        problems.extend([Problem::fatal(what, fix), Problem::note(OTHERWISE, use_file())]);
    };
    match (&diagnosis.keychain, diagnosis.state.as_ref()) {
        (Err(error), _) | (Ok(_), Err(error)) => fail(error.to_string(), DEFAULT),
        (Ok(_), Ok(KeychainState { unlocked: false })) if !diagnosis.has_desktop => fail(
            "The default keychain is locked, and this session (SSH or a service) has no desktop for a password \
             prompt"
                .into(),
            UNLOCK,
        ),
        (Ok(_), Ok(KeychainState { unlocked: false })) => problems.push(Problem::note(
            "The default keychain is locked. The first call will ask for its password",
            UNLOCK,
        )),
        (Ok(_), Ok(_)) => {}
    }
    let state = diagnosis.state.as_ref().ok();
    let properties = vec![
        ("store", json!("Keychain")),
        ("keychain", json!(diagnosis.keychain.ok().map(|path| path.to_string_lossy().into_owned()))),
        ("reachable", json!(state.is_some())),
        ("unlocked", json!(state.map(|state| state.unlocked))),
        ("writable", json!(state.is_some_and(|state| state.unlocked))),
        ("display", json!(diagnosis.has_desktop)),
    ];
    Ok(Report { properties, problems })
}
