//! The kubeconfig: its users, and the servers that they are for.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{
    yaml::{YamlMember, YamlValue, parse_yaml},
    yaml_scalar::scalar_text,
};
use crate::helpers::kubectl::is_safe;
use os_secrets::{
    environment::{Process, Variables, home_directory},
    error::Error,
    printable::printable,
};

/// A kubeconfig.
pub struct Kubeconfig<'a> {
    path: PathBuf,
    root: Vec<YamlMember<'a>>,
}

/// A user of a kubeconfig.
pub struct KubeUser<'c, 'a> {
    /// The name.
    pub name: String,
    /// The member `user`.
    pub member: &'c YamlMember<'a>,
    /// What stands under `user`.
    pub members: &'c [YamlMember<'a>],
}

/// How an entry that cannot be read is called, and why it cannot.
pub type UnreadEntry = (String, Error);

/// A named entry of a list in a kubeconfig, with the member that holds the rest of it.
type NamedEntry<'c, 'a> = (String, &'c YamlMember<'a>);

impl<'a> Kubeconfig<'a> {
    /// Parses the content of the file at a path.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`], which contains nothing of the file, also if it is JSON.
    pub fn parse(path: &Path, content: &'a [u8]) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidFile { path: path.into(), reason };
        let text = str::from_utf8(content).map_err(|_| invalid("is not UTF-8 text".into()))?;
        if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            return Err(invalid(
                "is JSON, and os-secrets reads only YAML as kubectl writes it, which kubectl config view --raw -o yaml \
                 prints"
                    .into(),
            ));
        }
        match parse_yaml(text).map_err(|(line, what)| invalid(describe(line, what)))? {
            YamlValue::Mapping(root) => Ok(Self { path: path.into(), root }),
            YamlValue::Empty(_) => Ok(Self { path: path.into(), root: Vec::new() }),
            _ => Err(invalid("is not a kubeconfig".into())),
        }
    }

    /// The users.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`], with the line, if one is not in block style.
    pub fn users(&self) -> Result<Vec<KubeUser<'_, 'a>>, Error> {
        self.read_users()?.into_iter().map(|user| user.map_err(|(_, error)| error)).collect()
    }

    /// The users, or for each that cannot be read how it is called and why.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`], with the line, if the list is not in block style.
    pub fn read_users(&self) -> Result<Vec<Result<KubeUser<'_, 'a>, UnreadEntry>>, Error> {
        let mut users = Vec::new();
        for entry in self.named_entries("users", "user")? {
            users.push(entry.and_then(|(name, member)| match self.members(&member.value, member.line) {
                Ok(members) => Ok(KubeUser { name, members, member }),
                Err(error) => Err((format!("the user {}", printable(&name)), error)),
            }));
        }
        Ok(users)
    }

    /// The text of a member. `None` if it is empty.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`], with the line, if it is not a text in one line.
    pub fn text(&self, member: &YamlMember<'_>) -> Result<Option<Zeroizing<String>>, Error> {
        match &member.value {
            YamlValue::Scalar(spelled) => match scalar_text(spelled) {
                Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
                None => Err(self.invalid(member.line, "a text with escapes")),
            },
            YamlValue::Empty(_) => Ok(None),
            YamlValue::Other(what, line) => Err(self.invalid(*line, what)),
            _ => Err(self.invalid(member.line, "something that is not a text")),
        }
    }

    /// The text of a member with a name.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn text_of(
        &self,
        members: &[YamlMember<'_>],
        name: &str,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        find(members, name).map_or(Ok(None), |member| self.text(member))
    }

    /// The error about a line.
    pub fn invalid(&self, line: usize, what: &str) -> Error {
        Error::InvalidFile { path: self.path.clone(), reason: describe(line, what) }
    }

    /// The members of a value that must be a mapping, or empty.
    pub fn members<'c>(&self, value: &'c YamlValue<'a>, line: usize) -> Result<&'c [YamlMember<'a>], Error> {
        match value {
            YamlValue::Mapping(members) => match find(members, "<<") {
                Some(merge) => Err(self.invalid(merge.line, "a merge of mappings")),
                None => Ok(members),
            },
            YamlValue::Empty(_) => Ok(&[]),
            YamlValue::Other(what, line) => Err(self.invalid(*line, what)),
            _ => Err(self.invalid(line, "something that is not a mapping")),
        }
    }

    /// The entries of a list, each with its name and its member `inner`. Those without it are left out.
    fn named_entries(
        &self,
        list: &str,
        inner: &str,
    ) -> Result<Vec<Result<NamedEntry<'_, 'a>, UnreadEntry>>, Error> {
        let Some(member) = find(&self.root, list) else { return Ok(Vec::new()) };
        let items = match &member.value {
            YamlValue::Sequence(items) => items,
            YamlValue::Empty(_) => return Ok(Vec::new()),
            YamlValue::Other(what, line) => return Err(self.invalid(*line, what)),
            _ => return Err(self.invalid(member.line, "something that is not a list")),
        };
        let mut entries = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let found = self.members(item, member.line).and_then(|members| {
                Ok(self.text_of(members, "name")?.map(|name| name.to_string()).zip(find(members, inner)))
            });
            let name = || format!("the {inner} at place {} of {list}", index + 1);
            entries.extend(found.map_err(|error| (name(), error)).transpose());
        }
        Ok(entries)
    }
}

/// The servers that a user is for, of which our helper answers for.
#[derive(Default)]
pub struct KubeServers {
    /// Those for which it answers.
    pub safe: Vec<String>,
    /// Those for which it gives out nothing, because others could read that on its way.
    pub unsafe_ones: Vec<String>,
}

/// A cluster of a kubeconfig.
struct KubeCluster {
    server: String,
    skips_verification: bool,
    has_proxy: bool,
}

/// The servers that a user is for: those of the contexts with the user. As for kubectl, the first of several entries of one
/// name counts, also if they are in several files.
///
/// # Errors
///
/// [`Error::InvalidFile`] if a context cannot be read, or one of the user's clusters.
pub fn servers_of(files: &[Kubeconfig<'_>], user: &str) -> Result<KubeServers, Error> {
    let (mut contexts, mut clusters) =
        (Vec::<(String, [String; 2])>::new(), Vec::<(String, Result<KubeCluster, Error>)>::new());
    for file in files {
        for context in file.named_entries("contexts", "context")? {
            let (name, member) = context.map_err(|(_, error)| error)?;
            let members = file.members(&member.value, member.line)?;
            let text = |name| Ok::<_, Error>(file.text_of(members, name)?.unwrap_or_default().to_string());
            if !contexts.iter().any(|(other, _)| *other == name) {
                contexts.push((name, [text("user")?, text("cluster")?]));
            }
        }
        for cluster in file.named_entries("clusters", "cluster")? {
            let (name, member) = cluster.map_err(|(_, error)| error)?;
            if !clusters.iter().any(|(other, _)| *other == name) {
                clusters.push((name, read_cluster(file, member)));
            }
        }
    }
    let mut servers = KubeServers::default();
    for (_, [_, cluster]) in contexts.iter().filter(|(_, [other, _])| other == user) {
        let Some((_, found)) = clusters.iter().find(|(name, _)| name == cluster) else { continue };
        let cluster = found.as_ref().map_err(Clone::clone)?;
        let is_safe = is_safe(&cluster.server, cluster.skips_verification, cluster.has_proxy);
        let list = if is_safe { &mut servers.safe } else { &mut servers.unsafe_ones };
        let server = cluster.server.trim_end_matches('/');
        if !server.is_empty() && !list.iter().any(|other| other == server) {
            list.push(server.to_owned());
        }
    }
    Ok(servers)
}

fn read_cluster<'a>(file: &Kubeconfig<'a>, member: &YamlMember<'a>) -> Result<KubeCluster, Error> {
    let members = file.members(&member.value, member.line)?;
    let skips = file.text_of(members, "insecure-skip-tls-verify")?;
    Ok(KubeCluster {
        server: file.text_of(members, "server")?.unwrap_or_default().to_string(),
        // As YAML 1.1, which clients parse. Another value is an error for them.
        skips_verification: skips
            .is_some_and(|text| !["false", "no", "off", "n"].contains(&&*text.to_lowercase())),
        has_proxy: file.text_of(members, "proxy-url")?.is_some_and(|proxy| !proxy.is_empty()),
    })
}

/// The member with a name.
pub fn find<'c, 'a>(members: &'c [YamlMember<'a>], name: &str) -> Option<&'c YamlMember<'a>> {
    members.iter().find(|member| member.name == name)
}

/// The files that clients of Kubernetes read: those of `$KUBECONFIG`, else `~/.kube/config`.
pub fn kubeconfig_paths() -> Vec<PathBuf> {
    if let Some(paths) = Process.get("KUBECONFIG") {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        return std::env::split_paths(&paths)
            .filter(|path| !path.as_os_str().is_empty())
            .map(absolute)
            .collect();
    }
    home_directory(&Process).map(|home| home.join(".kube").join("config")).into_iter().collect()
}

fn describe(line: usize, what: &str) -> String {
    format!(
        "has {what} in line {line}, and os-secrets reads only YAML as kubectl writes it, which kubectl config view --raw -o \
         yaml prints"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Kubeconfig<'_>, Error> {
        Kubeconfig::parse(Path::new("x"), text.as_bytes())
    }

    #[test]
    fn the_servers_of_a_user_come_from_its_contexts() {
        let first = "clusters:\n- cluster:\n    server: https://a:6443/\n  name: a\n- name: b\n  cluster:\n    server: https://b\n\
                     contexts:\n- context:\n    cluster: a\n    user: u\n  name: one\n";
        let second = "contexts:\n- name: one\n  context: {cluster: b, user: u}\n- name: two\n  context:\n    cluster: b\n    user: u\n\
                      - name: three\n  context:\n    cluster: none\n    user: u\n";
        let block = second.replace("{cluster: b, user: u}", "\n    cluster: b\n    user: v");
        let files = [parse(first).unwrap(), parse(&block).unwrap()];
        assert_eq!(servers_of(&files, "u").unwrap().safe, ["https://a:6443", "https://b"]);
        assert_eq!(servers_of(&files, "v").unwrap().safe, [""; 0]);
        let told = servers_of(&[parse(second).unwrap()], "u").map(drop).unwrap_err().to_string();
        assert!(told.contains("flow style in line 3"), "{told}");
        let damaged = format!("{first}- context:\n    cluster: c\n    user: v\n  name: two\n")
            .replace("contexts:", "- name: c\n  cluster: {server: https://c}\ncontexts:");
        let files = [parse(&damaged).unwrap()];
        assert_eq!(servers_of(&files, "u").unwrap().safe, ["https://a:6443"]);
        assert!(servers_of(&files, "v").is_err());
    }

    #[test]
    fn what_is_not_written_by_kubectl_is_refused_with_its_line() {
        for (text, reason) in [
            ("{\"users\": [\"hunter2\"]}", "is JSON"),
            ("users: {a: hunter2}\n", "flow style in line 1"),
            ("users:\n- name: a\n  user: {token: hunter2}\n", "flow style in line 3"),
            ("users:\n- name: a\n  user: &b\n    token: hunter2\n", "an anchor, an alias or a tag in line 3"),
            ("users:\n- name: a\n  user:\n    <<: *b\n", "a merge of mappings in line 4"),
            ("users:\n- name: a\n  user: hunter2\n", "not a mapping in line 3"),
            ("users: hunter2\n", "not a list in line 1"),
            ("users:\n\t- hunter2\n", "a tab in the indentation in line 2"),
            ("hunter2\n", "not in block style in line 1"),
        ] {
            let told = parse(text).and_then(|file| file.users().map(drop)).unwrap_err().to_string();
            assert!(told.contains(reason) && !told.contains("hunter2"), "{told}");
        }
        assert!(parse("").unwrap().users().unwrap().is_empty());
        assert!(parse("users: []\n").unwrap().users().unwrap().is_empty());
        assert!(parse("preferences: {a: b}\nusers: null\n").unwrap().users().unwrap().is_empty());
    }
}
