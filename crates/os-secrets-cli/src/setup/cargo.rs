//! cargo: `registry.global-credential-providers` in its configuration. See [Registry
//! Authentication](https://doc.rust-lang.org/cargo/reference/registry-authentication.html) in the Cargo Book.
//!
//! cargo asks the last provider first. Ours becomes the last one, so that `cargo login` stores tokens here. The providers
//! that were used before stay: `cargo:token`, for instance, reads `CARGO_REGISTRY_TOKEN`.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{
    FileChange, Recorded, Replacement, SetupClient,
    edit::apply,
    file::ClientFile,
    own_program::{OwnProgram, find_own_program},
    toml::{append_text, find, insert_texts, parse, remove_texts, texts_of},
};
use crate::{context::Context, failure::Failure};
use os_secrets::{
    document::{DeTable, DeValue},
    environment::{Process, Variables, home_directory},
    error::Error,
    printable::{printable, printable_path},
};

/// The name of our program.
const PROGRAM: &str = "cargo-credential-os-secrets";
/// The name of our program in the configuration if its path has spaces, which separate arguments there.
const ALIAS: &str = "os-secrets";
/// The providers, in the order in which they override each other.
const PROVIDERS: [&str; 2] = ["registry", "global-credential-providers"];
/// The provider that cargo uses if none is configured. It stores tokens in plain text.
const DEFAULT_PROVIDER: &str = "cargo:token";

/// cargo.
pub struct Cargo;

/// A file in cargo's home directory: `NAME.toml`, or `NAME` if that exists. cargo prefers the latter.
pub fn cargo_file(name: &str) -> Option<PathBuf> {
    let home = cargo_home()?;
    let plain = home.join(name);
    Some(if plain.exists() { plain } else { home.join(format!("{name}.toml")) })
}

/// cargo's home directory: `$CARGO_HOME`, else `~/.cargo`.
pub fn cargo_home() -> Option<PathBuf> {
    Process.directory("CARGO_HOME").or_else(|| Some(home_directory(&Process)?.join(".cargo")))
}

fn configuration_path() -> Result<PathBuf, Failure> {
    cargo_file("config").ok_or_else(|| {
        Failure::Refused("cargo's home directory is not known. Set CARGO_HOME or HOME to its path".into())
    })
}

impl SetupClient for Cargo {
    fn name(&self) -> &'static str {
        "cargo"
    }

    fn changes(&self, context: &Context, selected: Option<&str>) -> Result<Vec<FileChange>, Failure> {
        if selected.is_some() {
            return Err(Failure::Usage("setup cargo is for all registries, and takes no other word".into()));
        }
        let path = configuration_path()?;
        let file = ClientFile::read(&path).map_err(Failure::Failed)?;
        let text = file.text().map_err(Failure::Failed)?;
        let table = parse(&file.path, text.as_bytes()).map_err(Failure::Failed)?;
        if has_ours(&table) {
            return Ok(Vec::new());
        }
        let program = find_own_program(context, PROGRAM).ok_or_else(|| {
            Failure::Refused(
                format!("{PROGRAM} is neither in PATH nor beside this program. Install os-secrets again")
                    .into(),
            )
        })?;
        let replacements = add_provider(text, &table, &provider(&program)?).ok_or_else(|| {
            Failure::Failed(Error::InvalidFile {
                path: file.path.clone(),
                reason: format!(
                    "cannot be changed. Add {PROGRAM:?} to registry.global-credential-providers yourself"
                ),
            })
        })?;
        Ok(vec![FileChange::of_text(path, text, replacements)])
    }

    fn without_ours(&self, _: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        let Ok((table, _)) = os_secrets::document::parse(content.as_bytes()) else { return Ok(None) };
        Ok(remove_texts(content, &PROVIDERS, |provider| is_ours(&table, provider)))
    }

    fn is_set_up(&self, _: &Context) -> Result<bool, Failure> {
        let file = ClientFile::read(&configuration_path()?).map_err(Failure::Failed)?;
        let text = file.text().map_err(Failure::Failed)?;
        Ok(has_ours(&parse(&file.path, text.as_bytes()).map_err(Failure::Failed)?))
    }

    fn warnings(&self, _: &Context, _: Option<&str>) -> Vec<String> {
        let read = |path: PathBuf| ClientFile::read(&path).ok();
        let Some(file) = configuration_path().ok().and_then(read) else { return Vec::new() };
        let Some(table) = file.content.as_ref().and_then(|content| parse(&file.path, content).ok()) else {
            return Vec::new();
        };
        let warning = |name: &str| {
            format!(
                "{name} in {} has a credential-provider of its own, which cargo asks instead",
                printable_path(&file.path)
            )
        };
        let mut warnings = Vec::new();
        if has_other_provider(&table, &["registry", "credential-provider"]) {
            warnings.push(warning("registry"));
        }
        if let Some((DeValue::Table(registries), _)) = find(&table, &["registries"]) {
            let names = registries.keys().map(|key| &**key.get_ref());
            let others =
                names.filter(|name| has_other_provider(&table, &["registries", name, "credential-provider"]));
            warnings.extend(others.map(|name| warning(&format!("registries.{}", printable(name)))));
        }
        warnings
    }
}

/// How the configuration names our program.
enum Provider {
    /// By its name or path.
    Direct(String),
    /// By an alias for its path.
    Alias(String),
}

fn provider(program: &OwnProgram) -> Result<Provider, Failure> {
    // Without its ending, Windows finds only programs that end with .exe.
    let is_script = program.path.extension().is_some_and(|ending| ending == "cmd");
    if program.is_in_path && !is_script {
        return Ok(Provider::Direct(PROGRAM.to_owned()));
    }
    let path = program.path.to_str().ok_or_else(|| {
        let path = printable_path(&program.path);
        Failure::Refused(
            format!("The path {path} is not text, which cargo needs. Install os-secrets elsewhere").into(),
        )
    })?;
    Ok(match path.contains(char::is_whitespace) {
        true => Provider::Alias(path.to_owned()),
        false => Provider::Direct(path.to_owned()),
    })
}

/// The replacements that add our provider. `None` if the text cannot be changed so.
fn add_provider(text: &str, table: &DeTable<'_>, provider: &Provider) -> Option<Vec<Replacement>> {
    let (name, alias) = match provider {
        Provider::Direct(name) => (&**name, None),
        Provider::Alias(path) => (ALIAS, Some(path)),
    };
    let listed = find(table, &PROVIDERS).and_then(|(value, _)| texts_of(value));
    let list = match listed {
        Some(listed) if !listed.is_empty() => append_text(text, &PROVIDERS, name)?,
        // An empty list means the default for cargo.
        Some(_) => {
            let first = append_text(text, &PROVIDERS, DEFAULT_PROVIDER)?;
            let both = append_text(&apply(text, std::slice::from_ref(&first)), &PROVIDERS, name)?;
            Replacement { new: first.new + &both.new, ..first }
        }
        None => {
            insert_texts(text, PROVIDERS[0], PROVIDERS[1], &[DEFAULT_PROVIDER.to_owned(), name.to_owned()])?
        }
    };
    let Some(path) = alias else { return Some(vec![list]) };
    if find(table, &["credential-alias", ALIAS]).is_some() {
        return None;
    }
    let alias = insert_texts(text, "credential-alias", ALIAS, std::slice::from_ref(path))?;
    let mut both = vec![list, alias];
    both.sort_by_key(|change| change.at);
    // Both may fit alone and not together.
    let changed = apply(text, &both);
    let (changed_table, _) = os_secrets::document::parse(changed.as_bytes()).ok()?;
    has_ours(&changed_table).then_some(both)
}

/// Whether our provider is listed.
fn has_ours(table: &DeTable<'_>) -> bool {
    let listed = find(table, &PROVIDERS).and_then(|(value, _)| texts_of(value)).unwrap_or_default();
    listed.iter().any(|provider| is_ours(table, provider))
}

/// Whether a value of the list is our program: its name, its path, or an alias of them.
fn is_ours(table: &DeTable<'_>, provider: &str) -> bool {
    if find(table, &["credential-alias", provider]).is_some_and(|(value, _)| is_own_command(value)) {
        return true;
    }
    provider.split_whitespace().next().is_some_and(is_own_program)
}

fn is_own_command(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::String(command) => command.split_whitespace().next().is_some_and(is_own_program),
        DeValue::Array(words) => {
            words.iter().next().and_then(|word| word.get_ref().as_str()).is_some_and(is_own_program)
        }
        _ => false,
    }
}

fn is_own_program(path: &str) -> bool {
    Path::new(path).file_stem().is_some_and(|stem| stem == PROGRAM)
}

/// Whether a registry has a provider of its own that is not ours.
fn has_other_provider(table: &DeTable<'_>, keys: &[&str]) -> bool {
    find(table, keys).is_some_and(|(value, _)| match value {
        DeValue::String(name) if is_ours(table, name) => false,
        value => !is_own_command(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::edit::shown::apply;

    fn changed(text: &str, provider: &Provider) -> Option<String> {
        let table = parse("x".as_ref(), text.as_bytes()).unwrap();
        assert!(!has_ours(&table), "{text}");
        let changed = apply(text, &add_provider(text, &table, provider)?);
        let table = parse("x".as_ref(), changed.as_bytes()).unwrap();
        assert!(has_ours(&table), "{changed}");
        Some(changed)
    }

    #[test]
    fn our_provider_is_the_last_one_and_others_stay() {
        let direct = Provider::Direct(PROGRAM.into());
        for (text, expected) in [
            (
                "",
                "[registry]\nglobal-credential-providers = [\"cargo:token\", \"cargo-credential-os-secrets\"]\n",
            ),
            (
                "[registry]\nglobal-credential-providers = []\n",
                "[registry]\nglobal-credential-providers = [\"cargo:token\", \"cargo-credential-os-secrets\"]\n",
            ),
            (
                "registry.global-credential-providers = [\"cargo:libsecret\"]\n",
                "registry.global-credential-providers = [\"cargo:libsecret\", \"cargo-credential-os-secrets\"]\n",
            ),
        ] {
            assert_eq!(changed(text, &direct).as_deref(), Some(expected));
        }
        assert_eq!(changed("[registry]\nglobal-credential-providers = \"x\"\n", &direct), None);
    }

    #[test]
    fn a_path_with_spaces_gets_an_alias() {
        let alias = Provider::Alias("C:\\My programs\\x.exe".into());
        let changed = |text: &str| {
            let table = parse("x".as_ref(), text.as_bytes()).unwrap();
            add_provider(text, &table, &alias).map(|changes| apply(text, &changes))
        };
        // The program has another name here, so that it is not ours.
        assert_eq!(changed(""), None);
        let alias = Provider::Alias("/My programs/cargo-credential-os-secrets".into());
        for text in
            ["", "[registry]\na = 1\n[credential-alias]\nb = \"c\"\n", "[credential-alias]\n[registry]\n"]
        {
            let table = parse("x".as_ref(), text.as_bytes()).unwrap();
            let changed = apply(text, &add_provider(text, &table, &alias).unwrap());
            let table = parse("x".as_ref(), changed.as_bytes()).unwrap();
            assert_eq!(
                texts_of(find(&table, &PROVIDERS).unwrap().0).unwrap(),
                [DEFAULT_PROVIDER, ALIAS],
                "{changed}"
            );
        }
    }

    #[test]
    fn our_provider_is_recognized_in_every_spelling() {
        for (providers, is_ours) in [
            ("registry.global-credential-providers = ['/a/cargo-credential-os-secrets --x']", true),
            (
                "registry.global-credential-providers = ['b']\ncredential-alias.b = ['/a b/cargo-credential-os-secrets.exe']",
                true,
            ),
            (
                "registry.global-credential-providers = ['b']\ncredential-alias.b = 'cargo-credential-os-secrets x'",
                true,
            ),
            ("registry.global-credential-providers = ['cargo:token']", false),
            ("registry.global-credential-providers = ['b cargo-credential-os-secrets']", false),
            ("", false),
        ] {
            assert_eq!(has_ours(&parse("x".as_ref(), providers.as_bytes()).unwrap()), is_ours, "{providers}");
        }
    }
}
