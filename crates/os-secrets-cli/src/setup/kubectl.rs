//! kubectl and other clients of Kubernetes: `exec` in the kubeconfig.

use std::process::{Command, Stdio};

use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    ClientLock, FileChange, Recorded, Replacement, SetupClient,
    edit::{apply, line_break},
    file::ClientFile,
    own_program::{client_program, find_in_path},
};
use crate::{
    child::withhold_keys,
    context::Context,
    failure::Failure,
    helpers::{
        Credentials,
        kubectl::{VERSIONS, service},
    },
    plain::{
        kubeconfig::{KubeUser, Kubeconfig, find, kubeconfig_paths, servers_of},
        yaml::{YamlMember, YamlValue},
        yaml_scalar::{scalar_text, spell_scalar},
    },
};
use os_secrets::printable::{printable, printable_path};

/// The minor version of the first kubectl 1 that speaks the newest protocol.
const FIRST_WITH_V1: u32 = 22;
/// What client-go prefers to a plugin, if a user has it.
const PREFERRED: [&str; 5] =
    ["token", "tokenFile", "client-certificate-data", "client-certificate", "username"];

/// kubectl and other clients of Kubernetes.
pub struct Kubectl;

impl SetupClient for Kubectl {
    fn name(&self) -> &'static str {
        "kubectl"
    }

    fn changes(&self, context: &Context, selected: Option<&str>) -> Result<Vec<FileChange>, Failure> {
        let files = read_files()?;
        let configs = parse(&files)?;
        let credentials = Credentials(context);
        let (mut changes, mut chosen, mut seen) = (Vec::new(), 0, Vec::new());
        let mut text_of_exec = None;
        for (file, config) in files.iter().zip(&configs) {
            let mut replacements = Vec::new();
            for user in config.users().map_err(Failure::Failed)? {
                // As for kubectl, the first file that has the user counts.
                if seen.contains(&user.name) {
                    continue;
                }
                seen.push(user.name.clone());
                let is_chosen = match selected {
                    Some(selected) => user.name == selected,
                    None => is_stored(&credentials, &configs, &user.name)?,
                };
                if !is_chosen {
                    continue;
                }
                chosen += 1;
                if asks_us(&user) {
                    continue;
                }
                if ["exec", "auth-provider"].iter().any(|name| find(user.members, name).is_some()) {
                    let message = format!(
                        "the user {} in {} asks another program already. Remove its exec or auth-provider there first",
                        printable(&user.name),
                        printable_path(&file.path)
                    );
                    if selected.is_some() {
                        return Err(Failure::Refused(message.into()));
                    }
                    context.print_message(&message);
                    continue;
                }
                if text_of_exec.is_none() {
                    text_of_exec = Some((client_program(context, "secrets")?, find_version()));
                }
                if let Some((program, version)) = &text_of_exec {
                    let text = file.text()?;
                    replacements.push(insert_exec(&user, text, program, version)?);
                }
            }
            if !replacements.is_empty() {
                changes.push(FileChange::of_text(file.path.clone(), file.text()?, replacements));
            }
        }
        match (chosen, selected) {
            (0, Some(user)) => Err(Failure::Refused(
                format!("no kubeconfig has the user {}. Look for its name with kubectl config view", printable(user))
                    .into(),
            )),
            (0, None) => Err(Failure::Refused(
                "no credential is stored for a user of the kubeconfig. Store them with secrets import --from kube, or name \
                 the user: secrets setup kubectl USER"
                    .into(),
            )),
            _ => Ok(changes),
        }
    }

    fn lock(&self) -> ClientLock {
        ClientLock::BesideLink
    }

    fn can_revert(&self, change: &Recorded, content: &str) -> bool {
        // Others may have added members to our exec, or to a user that had none.
        let Ok(config) = Kubeconfig::parse(&change.path, content.as_bytes()) else { return false };
        let Ok(users) = config.users() else { return false };
        change.replacements.iter().all(|replacement| {
            users.iter().any(|user| {
                let exec = find(user.members, "exec").map(|exec| content[exec.lines.clone()].trim());
                exec == Some(replacement.new.trim())
                    && (replacement.old.is_empty() || user.members.len() == 1)
            })
        })
    }

    fn without_ours(&self, change: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        let config = Kubeconfig::parse(&change.path, content.as_bytes()).map_err(Failure::Failed)?;
        let mut replacements = Vec::new();
        for user in config.users().map_err(Failure::Failed)?.iter().filter(|user| asks_us(user)) {
            let Some(exec) = find(user.members, "exec") else { continue };
            let arg = spell_scalar(&user.name).map(|name| format!("- {name}"));
            let mut lines = change.replacements.iter().flat_map(|replacement| replacement.new.lines());
            if !lines.any(|line| Some(line.trim()) == arg.as_deref()) {
                continue;
            }
            if user.members.len() == 1 {
                let head = &content[..user.member.head_end];
                let at = head.trim_end_matches(['\r', '\n']).len();
                replacements.push(Replacement::insert(at, " {}".into()));
            }
            replacements.push(Replacement::of_part(content, exec.lines.clone(), String::new()));
        }
        Ok((!replacements.is_empty()).then(|| apply(content, &replacements)))
    }

    fn is_set_up(&self, _: &Context) -> Result<bool, Failure> {
        let files = read_files()?;
        for config in parse(&files)? {
            // A user that cannot be read hides no other one. The overview names it among the credentials.
            let users = config.read_users().map_err(Failure::Failed)?;
            if users.iter().flatten().any(|user| asks_us(user) && preferred_member(user).is_none()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn warnings(&self, context: &Context, selected: Option<&str>) -> Vec<String> {
        let Ok(files) = read_files() else { return Vec::new() };
        let Ok(configs) = parse(&files) else { return Vec::new() };
        let mut warnings = Vec::new();
        for (file, config) in files.iter().zip(&configs) {
            for user in config.read_users().unwrap_or_default().into_iter().flatten() {
                let is_ours = asks_us(&user);
                if let Some(name) = preferred_member(&user).filter(|_| is_ours) {
                    let advice = match name {
                        // No credential plugin can give a password.
                        "username" => "Remove its username and password there",
                        _ => {
                            "To store and delete what the file holds, run secrets import --from kube --delete"
                        }
                    };
                    warnings.push(format!(
                        "kubectl prefers the {name} of the user {} in {}. {advice}",
                        printable(&user.name),
                        printable_path(&file.path)
                    ));
                }
                if is_ours || selected == Some(&*user.name) {
                    warnings.extend(describe_missing(context, &configs, &user.name));
                }
            }
        }
        warnings
    }
}

/// The first member of a user that client-go prefers to a plugin.
fn preferred_member(user: &KubeUser<'_, '_>) -> Option<&'static str> {
    PREFERRED.into_iter().find(|name| find(user.members, name).is_some())
}

/// What to tell if no credential of a user is stored. `None` if one is, or if the store does not tell.
fn describe_missing(context: &Context, configs: &[Kubeconfig<'_>], user: &str) -> Option<String> {
    let servers = servers_of(configs, user).ok()?.safe;
    for server in &servers {
        if Credentials(context).names_without_prompt(&service(server)).ok()?.contains(user) {
            return None;
        }
    }
    let shown = printable(user);
    let service = service(servers.first()?);
    Some(format!(
        "no credential of the user {shown} is stored. Store it with secrets set --service {} {shown}",
        printable(&service)
    ))
}

/// The kubeconfigs that exist.
fn read_files() -> Result<Vec<ClientFile>, Failure> {
    let mut files = Vec::new();
    for path in kubeconfig_paths() {
        let file = ClientFile::read(&path)?;
        if file.content.is_some() {
            // As kubectl finds it, which may be a link.
            files.push(ClientFile { path, content: file.content });
        }
    }
    Ok(files)
}

fn parse(files: &[ClientFile]) -> Result<Vec<Kubeconfig<'_>>, Failure> {
    let mut configs = Vec::new();
    for file in files {
        let content = file.content.as_ref().map_or(&[][..], |content| content);
        configs.push(Kubeconfig::parse(&file.path, content).map_err(Failure::Failed)?);
    }
    Ok(configs)
}

/// Whether a credential of a user is stored, for one of its servers.
fn is_stored(credentials: &Credentials<'_>, configs: &[Kubeconfig<'_>], user: &str) -> Result<bool, Failure> {
    for server in servers_of(configs, user).map_err(Failure::Failed)?.safe {
        if credentials.names(&service(&server))?.contains(user) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a user's command is ours.
fn asks_us(user: &KubeUser<'_, '_>) -> bool {
    let exec = find(user.members, "exec").map(|exec| &exec.value);
    let Some(YamlValue::Mapping(exec)) = exec else { return false };
    let Some(YamlMember { value: YamlValue::Sequence(args), .. }) = find(exec, "args") else { return false };
    let is = |at: usize, word: &str| matches!(args.get(at), Some(YamlValue::Scalar(spelled)) if scalar_text(spelled).is_some_and(|text| *text == word));
    is(0, "helper") && is(1, "kubectl")
}

/// What makes a user ask us.
fn insert_exec(
    user: &KubeUser<'_, '_>,
    text: &str,
    program: &str,
    version: &str,
) -> Result<Replacement, Failure> {
    let spell = |word: &str| {
        spell_scalar(word).ok_or_else(|| {
            let message =
                format!("{} has a character that cannot be written into a kubeconfig", printable(word));
            Failure::Refused(message.into())
        })
    };
    let newline = line_break(text);
    let indent = " ".repeat(user.members.first().map_or(user.member.indent + 2, |first| first.indent));
    let lines = [
        format!("{indent}exec:"),
        format!("{indent}  apiVersion: {version}"),
        format!("{indent}  args:"),
        format!("{indent}  - helper"),
        format!("{indent}  - kubectl"),
        format!("{indent}  - {}", spell(&user.name)?),
        format!("{indent}  command: {}", spell(program)?),
        format!("{indent}  interactiveMode: IfAvailable"),
        format!("{indent}  provideClusterInfo: true"),
    ]
    .join(newline);
    Ok(match &user.member.value {
        YamlValue::Empty(Some(braces)) => {
            // With the spaces before it.
            let at = text[..braces.start].trim_end_matches(' ').len();
            Replacement::of_part(text, at..braces.end, format!("{newline}{lines}"))
        }
        _ => {
            let at = user.member.head_end;
            let start = if text[..at].ends_with('\n') { "" } else { newline };
            Replacement::insert(at, format!("{start}{lines}{newline}"))
        }
    })
}

/// The newest version of the protocol that the installed kubectl speaks.
fn find_version() -> &'static str {
    let [newest, older] = VERSIONS;
    match minor_version() {
        Some(minor) if minor < FIRST_WITH_V1 => older,
        _ => newest,
    }
}

/// The minor version of the installed kubectl. `None` if there is none, or if it does not say.
fn minor_version() -> Option<u32> {
    let mut command = Command::new(find_in_path("kubectl")?);
    command.args(["version", "--client", "-o", "json"]).stdin(Stdio::null()).stderr(Stdio::null());
    withhold_keys(&mut command);
    let printed = command.output().ok()?.stdout;
    let value: Value = serde_json::from_slice(&printed).ok()?;
    let minor = value["clientVersion"]["minor"].as_str()?;
    // Some builds write 20+.
    minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}
