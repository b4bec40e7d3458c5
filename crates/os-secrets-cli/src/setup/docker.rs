//! Docker, Helm, Podman, Skopeo, Buildah and others.
//!
//! Docker reads `credsStore` in `~/.docker/config.json`, and Helm in a file of its own. Podman, Skopeo and Buildah ignore that, and read
//! `credential-helpers` in `registries.conf`. A file in the user's `registries.conf.d` sets it without replacing the
//! system's `registries.conf`. They look for these files in the home directory, whatever `XDG_CONFIG_HOME` says.

use std::{
    fs,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    FileChange, Recorded, Replacement, SetupClient,
    edit::{cut, replace_parts},
    file::ClientFile,
    helm,
    own_program::find_own_program,
    record::read_record,
};
use crate::{context::Context, failure::Failure, helpers::docker::PROGRAM, json_members::JsonObject};
use os_secrets::{
    environment::{Process, Variables, absolute_path, configuration_directory, home_directory},
    error::Error,
    printable::{printable, printable_path},
};

/// What the clients call us: the program's name without `docker-credential-`.
const HELPER: &str = "os-secrets";
/// The member of `config.json` that names the helper.
const MEMBER: &str = "credsStore";
/// The setting of `registries.conf` that names the helpers.
const SETTING: &str = "credential-helpers";
/// Our file in `registries.conf.d`, and what it holds.
const DROP_IN: &str = "os-secrets.conf";
const DROP_IN_CONTENT: &str = "credential-helpers = [\"os-secrets\"]\n";

/// Docker, and Podman and others that take its helpers.
pub struct Docker;

impl SetupClient for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn changes(&self, context: &Context, selected: Option<&str>) -> Result<Vec<FileChange>, Failure> {
        if selected.is_some() {
            return Err(Failure::Usage("docker takes no further word".into()));
        }
        check_path(context)?;
        let drop_in = needed(drop_in_path())?;
        needed(config_path())?;
        let mut changes = Vec::new();
        for (_, path) in store_files() {
            changes.extend(examine(&path, set_store)?);
        }
        changes.extend(examine(&drop_in, set_helpers)?);
        Ok(changes)
    }

    fn without_ours(&self, change: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        if change.path.file_name().is_some_and(|name| name == DROP_IN) {
            let ours = content.find(DROP_IN_CONTENT).map(|at| at..at + DROP_IN_CONTENT.len());
            return Ok(ours.map(|ours| cut(content, &[ours])));
        }
        let object = JsonObject::parse(&change.path, content).map_err(Failure::Failed)?;
        let Some(ours) = object.member(MEMBER) else { return Ok(None) };
        if object.text_of(ours).as_deref() != Some(HELPER) {
            return Ok(None);
        }
        Ok(Some(match former_store(change) {
            Some(former) => replace_parts(content, &[(ours.value.clone(), &former)]),
            None => cut(content, &object.cuts(|member| member.has_name(MEMBER))),
        }))
    }

    fn is_set_up(&self, _: &Context) -> Result<bool, Failure> {
        let (Some(_), Some(drop_in)) = (config_path(), drop_in_path()) else { return Ok(false) };
        for (_, path) in store_files() {
            if examine(&path, set_store)?.is_some() {
                return Ok(false);
            }
        }
        Ok(examine(&drop_in, set_helpers)?.is_none())
    }

    fn notes(&self, _: &Context) -> Vec<String> {
        let mut notes = Vec::new();
        for (client, path) in store_files() {
            let Some(former) = replaced_helper(&path) else { continue };
            notes.push(format!(
                "{client} asked {0} until now, which keeps the logins that it has. secrets setup docker --undo lets \
                 {client} ask {0} again",
                printable(&former)
            ));
        }
        for path in auth_paths().into_iter().filter(|path| has_logins(path)) {
            notes.push(format!(
                "{} has logins in plain text, which are not used any more. To store them, run secrets import --from \
                 docker --delete",
                printable_path(path)
            ));
        }
        notes
    }

    fn warnings(&self, _: &Context, _: Option<&str>) -> Vec<String> {
        let mut warnings = Vec::new();
        for (client, path) in store_files() {
            let others = other_helpers(&path);
            if !others.is_empty() {
                warnings.push(format!(
                    "{client} still asks other helpers for these registries (credHelpers in {}): {}",
                    printable_path(&path),
                    others.join(", ")
                ));
            }
        }
        if let Some(other) = later_drop_in() {
            warnings.push(format!(
                "{} also sets {SETTING} and is read later, so podman, skopeo and buildah ask the helpers that it names. \
                 Remove the line there",
                printable_path(other)
            ));
        }
        warnings
    }
}

/// Fails if the clients cannot start us: they look for the program in `PATH`.
fn check_path(context: &Context) -> Result<(), Failure> {
    let advice = match find_own_program(context, PROGRAM) {
        Some(program) if program.is_in_path => return Ok(()),
        Some(program) => {
            let directory = program.path.parent().map(printable_path).unwrap_or_default();
            format!("Add its directory {directory} to PATH")
        }
        None => "Install os-secrets with npm install --global os-secrets, or put this program there".into(),
    };
    Err(Failure::Refused(format!("docker looks for {PROGRAM} in PATH, and it is not there. {advice}").into()))
}

fn needed(path: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    path.ok_or_else(|| {
        Failure::Refused(
            format!("the home directory is unknown. Set {variable} to your home directory").into(),
        )
    })
}

/// Docker's `config.json`.
pub fn config_path() -> Option<PathBuf> {
    let directory = match Process.get("DOCKER_CONFIG") {
        Some(directory) => absolute_path(directory.as_ref()),
        None => home_directory(&Process)?.join(".docker"),
    };
    Some(directory.join("config.json"))
}

/// The files in which a client names its helper for all registries, each with the client: Docker's, and Helm's if Helm is
/// used here.
fn store_files() -> Vec<(&'static str, PathBuf)> {
    let docker = config_path();
    let helm = helm::used_registry_config_path(&Process).filter(|path| docker.as_ref() != Some(path));
    [("docker", docker), ("helm", helm)]
        .into_iter()
        .filter_map(|(client, path)| Some((client, path?)))
        .collect()
}

/// The helper that a file named before us, or still names. In a dry run, the file still has it.
fn replaced_helper(path: &Path) -> Option<String> {
    let current = with_object(path, |object| object.member(MEMBER).and_then(|member| object.text_of(member)));
    current.flatten().filter(|name| name != HELPER).or_else(|| {
        let changes = read_record().ok()?;
        let change = changes.iter().rfind(|change| change.client == "docker" && change.path == path)?;
        serde_json::from_str(&former_store(change)?).ok()
    })
}

/// The registries for which a file names other helpers, as they are shown.
fn other_helpers(path: &Path) -> Vec<String> {
    let others = with_object(path, |object| {
        let helpers = object.object_of(object.member("credHelpers")?)?;
        let others =
            helpers.members.iter().filter(|member| helpers.text_of(member).as_deref() != Some(HELPER));
        Some(others.filter_map(|member| member.name.as_deref().map(printable)).collect())
    });
    others.flatten().unwrap_or_default()
}

/// Calls a function with the object in a file. `None` if the file cannot be read: the setup itself says so.
fn with_object<T>(path: &Path, call: impl FnOnce(&JsonObject) -> T) -> Option<T> {
    let found = ClientFile::read(path).ok()?;
    let object = JsonObject::parse(path, found.text().ok()?).ok()?;
    Some(call(&object))
}

/// The files in which the clients keep logins in plain text.
pub fn auth_paths() -> Vec<PathBuf> {
    let configuration = if cfg!(windows) {
        home_directory(&Process).map(|home| home.join(".config"))
    } else {
        configuration_directory(&Process)
    };
    let named = Process.get("REGISTRY_AUTH_FILE").map(|path| absolute_path(path.as_ref()));
    let paths = [
        config_path(),
        helm::registry_config_path(&Process),
        named,
        runtime_auth_path(),
        configuration.map(|directory| directory.join("containers").join("auth.json")),
    ];
    let mut all: Vec<PathBuf> = Vec::new();
    for path in paths.into_iter().flatten() {
        if !all.contains(&path) {
            all.push(path);
        }
    }
    all
}

/// Where Podman and Skopeo keep logins until the user logs out.
fn runtime_auth_path() -> Option<PathBuf> {
    match Process.directory("XDG_RUNTIME_DIR") {
        Some(directory) => Some(directory.join("containers").join("auth.json")),
        #[cfg(target_os = "linux")]
        None => Some(format!("/run/containers/{}/auth.json", rustix::process::getuid().as_raw()).into()),
        #[cfg(not(target_os = "linux"))]
        None => None,
    }
}

fn drop_in_path() -> Option<PathBuf> {
    Some(home_directory(&Process)?.join(".config").join("containers").join("registries.conf.d").join(DROP_IN))
}

/// The first file of `registries.conf.d` that is read after ours and sets the helpers.
fn later_drop_in() -> Option<PathBuf> {
    let ours = drop_in_path()?;
    let mut later: Vec<_> = fs::read_dir(ours.parent()?)
        .ok()?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "conf") && *path > ours)
        .filter(|path| {
            ClientFile::read(path)
                .is_ok_and(|file| file.text().is_ok_and(|text| text.lines().any(sets_helpers)))
        })
        .collect();
    later.sort();
    later.into_iter().next()
}

/// Reads a file and returns how it must be changed.
fn examine(
    path: &Path,
    change: impl FnOnce(&ClientFile) -> Result<Option<Replacement>, Error>,
) -> Result<Option<FileChange>, Failure> {
    let file = ClientFile::read(path).map_err(Failure::Failed)?;
    let replacement = change(&file).map_err(Failure::Failed)?;
    let text = file.text().map_err(Failure::Failed)?;
    Ok(replacement.map(|replacement| FileChange::of_text(path.to_owned(), text, vec![replacement])))
}

/// What makes a `config.json` name us. `None` if it does.
fn set_store(file: &ClientFile) -> Result<Option<Replacement>, Error> {
    let text = file.text()?;
    if text.trim().is_empty() {
        let new = format!("{{\n\t\"{MEMBER}\": \"{HELPER}\"\n}}\n");
        return Ok(Some(Replacement::of_part(text, 0..text.len(), new)));
    }
    let object = JsonObject::parse(&file.path, text)?;
    match object.member(MEMBER) {
        Some(member) if object.text_of(member).is_none() && object.spelled(member) != "null" => {
            Err(Error::InvalidFile {
                path: file.path.clone(),
                reason: format!("has under {MEMBER:?} something that is not a text. Correct it first"),
            })
        }
        _ => Ok(object.set(MEMBER, HELPER)),
    }
}

/// What makes our file in `registries.conf.d` name us. `None` if it does.
fn set_helpers(file: &ClientFile) -> Result<Option<Replacement>, Error> {
    let text = file.text()?;
    if text.lines().any(|line| line.trim() == DROP_IN_CONTENT.trim()) {
        return Ok(None);
    }
    if text.lines().any(sets_helpers) {
        return Err(Error::InvalidFile {
            path: file.path.clone(),
            reason: format!("sets {SETTING} to other helpers. Remove the line first"),
        });
    }
    Ok(Some(Replacement::insert(0, DROP_IN_CONTENT.into())))
}

fn sets_helpers(line: &str) -> bool {
    line.trim_start().starts_with(SETTING)
}

/// The value that a change has replaced, as JSON spells it. `None` if the setting was new.
fn former_store(change: &Recorded) -> Option<Zeroizing<String>> {
    let old = &change.replacements.first()?.old;
    if !old.trim_start().starts_with('"') {
        return None;
    }
    // It is the member alone.
    let member = Zeroizing::new(format!("{{{}}}", **old));
    let object = JsonObject::parse(&change.path, &member).ok()?;
    Some(Zeroizing::new(object.spelled(object.members.first()?).to_owned()))
}

/// Whether a file has members of `auths` that are not empty.
fn has_logins(path: &Path) -> bool {
    let found = with_object(path, |object| {
        let auths = object.object_of(object.member("auths")?)?;
        let is_login = |member| auths.object_of(member).is_some_and(|login| !login.members.is_empty());
        Some(auths.members.iter().any(is_login))
    });
    found.flatten().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::edit::shown::{apply, revert, show};

    fn set(text: &str) -> (Recorded, String) {
        let content = Some(Zeroizing::new(text.as_bytes().to_vec()));
        let file = ClientFile { path: "config.json".into(), content };
        let replacements: Vec<_> = set_store(&file).unwrap().into_iter().collect();
        let changed = apply(text, &replacements);
        let change = Recorded {
            client: "docker".into(),
            path: "config.json".into(),
            is_new: false,
            new_directories: vec![],
            replacements,
        };
        (change, changed)
    }

    #[test]
    fn the_setting_is_taken_back_from_the_changed_text() {
        for text in [
            "",
            "{}",
            "{ }\n",
            "{\"auths\":{}}",
            "{\n\t\"auths\": {\n\t\t\"a\": {}\n\t},\n\t\"credsStore\": \"desktop\"\n}",
            "\u{feff}{\r\n  \"credsstore\" : \"pass\",\r\n  \"x\": [1]\r\n}\r\n",
        ] {
            let (change, changed) = set(text);
            assert_eq!(revert(&changed, &change.replacements).as_deref(), Some(text), "{changed}");
        }
    }

    /// As docker writes its file: sorted, with tabs.
    fn rewrite(text: &str) -> String {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
        value["auths"] = serde_json::json!({ "b": {} });
        value["zeta"] = "new".into();
        serde_json::to_string_pretty(&value).unwrap().replace("  ", "\t")
    }

    #[test]
    fn the_setting_is_taken_out_after_docker_has_rewritten_the_file() {
        for (text, rest) in [
            ("", r#"{"auths":{"b":{}},"zeta":"new"}"#),
            ("{}", r#"{"auths":{"b":{}},"zeta":"new"}"#),
            (r#"{"z": 1}"#, r#"{"auths":{"b":{}},"z":1,"zeta":"new"}"#),
            (
                r#"{"credsStore":"desktop","z":1}"#,
                r#"{"auths":{"b":{}},"credsStore":"desktop","z":1,"zeta":"new"}"#,
            ),
        ] {
            let (change, changed) = set(text);
            let rewritten = rewrite(&changed);
            let undone = match revert(&rewritten, &change.replacements) {
                Some(undone) => undone,
                None => show(Docker.without_ours(&change, &rewritten).unwrap()).unwrap(),
            };
            let undone: serde_json::Value = serde_json::from_str(&undone).unwrap();
            assert_eq!(undone, serde_json::from_str::<serde_json::Value>(rest).unwrap(), "{rewritten}");
        }
    }

    #[test]
    fn the_setting_of_another_helper_stays() {
        let (change, _) = set("{}");
        for text in ["{}", r#"{"credsStore":"pass"}"#, r#"{"credHelpers":{"a":"os-secrets"}}"#] {
            assert_eq!(Docker.without_ours(&change, text).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn the_file_in_registries_conf_d_keeps_what_others_have_added() {
        let file = |text: &str| {
            let content = Some(Zeroizing::new(text.as_bytes().to_vec()));
            ClientFile { path: DROP_IN.into(), content }
        };
        let added = "short-name-mode = \"disabled\"\n";
        let replacements: Vec<_> = set_helpers(&file(added)).unwrap().into_iter().collect();
        let changed = apply(added, &replacements);
        assert_eq!(changed, format!("{DROP_IN_CONTENT}{added}"));
        assert_eq!(revert(&changed, &replacements).as_deref(), Some(added));
        assert_eq!(set_helpers(&file(&changed)), Ok(None));
        assert!(set_helpers(&file("credential-helpers = [\n  \"pass\"\n]\n")).is_err());
    }

    #[test]
    fn files_that_docker_cannot_read_are_refused() {
        for text in ["[]", "{", r#"{"credsStore": {"a": "hunter2"}}"#, "hunter2"] {
            let content = Some(Zeroizing::new(text.as_bytes().to_vec()));
            let error = set_store(&ClientFile { path: "config.json".into(), content }).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
