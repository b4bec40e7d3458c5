//! The AWS CLI and SDKs: `credential_process` in `~/.aws/config`.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::{
    FileChange, Recorded, Replacement, SetupClient,
    edit::{line_break, replace_parts},
    file::ClientFile,
    own_program::command_word,
};
use crate::{
    context::Context,
    exit_codes::FAILED,
    failure::Failure,
    helpers::{
        Credentials,
        aws::{DEFAULT_PROFILE, SERVICE},
    },
    plain::{
        aws::{config_path, credentials_path},
        aws_ini::{AwsOption, AwsSection, parse_aws},
    },
};
use os_secrets::{
    error::Error,
    printable::{printable, printable_path},
};

/// The option that names the command.
const OPTION: &str = "credential_process";
/// What botocore asks before the command, if a profile has it.
const PREFERRED: [&str; 5] =
    ["role_arn", "web_identity_token_file", "sso_session", "sso_start_url", "sso_account_id"];

/// The AWS CLI and SDKs.
pub struct Aws;

impl SetupClient for Aws {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn changes(&self, context: &Context, selected: Option<&str>) -> Result<Vec<FileChange>, Failure> {
        let profiles = match selected {
            Some(profile) => vec![profile.to_owned()],
            None => Credentials(context).names(SERVICE)?.into_iter().collect(),
        };
        if profiles.is_empty() {
            return Err(Failure::Refused(
                "no AWS credentials are stored. Store them with secrets import --from aws, or with secrets set --service \
                 aws default"
                    .into(),
            ));
        }
        let path = config_path().ok_or(NO_HOME)?;
        let file = ClientFile::read(&path)?;
        let text = file.text()?;
        let sections = parse(&file, text)?;
        let program = command_word(context, "secrets")?;
        let newline = line_break(text);
        let (mut replacements, mut appended) = (Vec::new(), String::new());
        let mut has_other = false;
        for profile in &profiles {
            let command = format!("{program} helper aws --profile {}", profile_word(profile)?);
            let line = format!("{OPTION} = {command}{newline}");
            // The last section counts if a profile has two.
            let Some(section) =
                sections.iter().rfind(|section| section.config_profile().as_deref() == Some(profile))
            else {
                appended.push_str(&format!("{newline}[{}]{newline}{line}", section_name(profile)));
                continue;
            };
            match section.option(OPTION) {
                Some(option) if option.value == command && !option.is_continued => {}
                // Its words may be secrets, which must not get into our output and record.
                Some(option) if !is_ours(option) => {
                    let message = format!(
                        "the profile {} in {} asks another program already. Remove its {OPTION} there first",
                        printable(profile),
                        printable_path(&file.path)
                    );
                    if selected.is_some() {
                        return Err(Failure::Refused(message.into()));
                    }
                    context.print_message(&message);
                    has_other = true;
                }
                Some(option) => {
                    replacements.push(Replacement::of_part(text, option.lines.clone(), line));
                }
                None => {
                    let at = section.header.end;
                    let start = if text[..at].ends_with('\n') { "" } else { newline };
                    replacements.push(Replacement::insert(at, format!("{start}{line}")));
                }
            }
        }
        replacements.sort_by_key(|replacement| replacement.at);
        if !appended.is_empty() {
            // One empty line in front, and none at the start of a file.
            let new = match text {
                "" => appended.trim_start_matches(['\r', '\n']).to_owned(),
                _ if text.ends_with('\n') => appended,
                _ => format!("{newline}{appended}"),
            };
            match replacements.last_mut() {
                // The last section has no line break at its end and gets our line there.
                Some(last) if last.at == text.len() => last.new.push_str(&new),
                _ => replacements.push(Replacement::insert(text.len(), new)),
            }
        }
        Ok(match replacements.is_empty() {
            true if has_other => return Err(Failure::Silent(FAILED)),
            true => Vec::new(),
            false => vec![FileChange::of_text(path, text, replacements)],
        })
    }

    fn can_revert(&self, change: &Recorded, content: &str) -> bool {
        // What others have added to a section of ours must keep the section.
        let Ok(sections) = parse_aws(content) else { return false };
        let is_made = |section: &&AwsSection<'_>| {
            let header = format!("[{}]", section.name);
            change.replacements.iter().any(|replacement| replacement.new.contains(&header))
        };
        sections.iter().filter(is_made).all(has_one_option)
    }

    fn without_ours(&self, change: &Recorded, content: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        let mut text = Zeroizing::new(content.to_owned());
        let mut is_changed = false;
        // The lines that we have written, each with what was there before.
        for Replacement { old, new, .. } in &change.replacements {
            for ours in new.lines().filter_map(command_of) {
                let file = ClientFile { path: change.path.clone(), content: None };
                let sections = parse(&file, &text)?;
                let found = sections.iter().find_map(|section| {
                    let option = section.option(OPTION).filter(|option| option.value == ours)?;
                    Some((section, option))
                });
                let Some((section, option)) = found else { continue };
                let mut parts = vec![(option.lines.clone(), &***old)];
                // Then we have made the section.
                if old.is_empty() && has_one_option(section) && new.contains(&format!("[{}]", section.name)) {
                    parts.insert(0, (section.header.clone(), ""));
                }
                text = replace_parts(&text, &parts);
                is_changed = true;
            }
        }
        Ok(is_changed.then_some(text))
    }

    fn is_set_up(&self, _: &Context) -> Result<bool, Failure> {
        let Some(path) = config_path() else { return Ok(false) };
        let file = ClientFile::read(&path)?;
        let keys = credentials_path().map(|path| ClientFile::read(&path)).transpose()?;
        let with_keys = keys.as_ref().map(profiles_with_keys).unwrap_or_default();
        let gets_ours = |section: &AwsSection<'_>| {
            asks_us(section)
                && preferred_option(section).is_none()
                && !with_keys
                    .iter()
                    .any(|profile| section.config_profile().as_deref() == Some(profile.as_str()))
        };
        Ok(parse(&file, file.text()?)?.iter().any(gets_ours))
    }

    fn warnings(&self, context: &Context, selected: Option<&str>) -> Vec<String> {
        let read = |path: Option<std::path::PathBuf>| ClientFile::read(&path?).ok();
        let config = read(config_path());
        let text = config.as_ref().and_then(|config| config.text().ok()).unwrap_or_default();
        let sections = parse_aws(text).unwrap_or_default();
        let ours: Vec<_> = sections.iter().filter(|section| asks_us(section)).collect();
        let mut warnings = Vec::new();
        for section in &ours {
            if let Some(name) = preferred_option(section) {
                warnings.push(format!(
                    "the profile {} has {name}, which AWS prefers to {OPTION}",
                    printable(&section.config_profile().unwrap_or_default())
                ));
            }
        }
        if let Some(credentials) = read(credentials_path()) {
            let is_ours = |profile: &&String| {
                ours.iter().any(|section| section.config_profile().as_deref() == Some(profile.as_str()))
            };
            for profile in profiles_with_keys(&credentials).iter().filter(is_ours) {
                warnings.push(format!(
                    "AWS prefers the keys of the profile {} in {}. To store and delete them, run secrets import --from aws \
                     --delete",
                    printable(profile),
                    printable_path(&credentials.path)
                ));
            }
        }
        // If the store does not tell, it is not known what is missing.
        if let Ok(stored) = Credentials(context).names_without_prompt(SERVICE) {
            let profiles = ours.iter().filter_map(|section| section.config_profile());
            let named = profiles.chain(selected.map(str::to_owned));
            let missing: BTreeSet<_> = named.filter(|profile| !stored.contains(profile)).collect();
            warnings.extend(missing.into_iter().map(|profile| {
                let profile = printable(&profile);
                format!(
                    "no credentials of the profile {profile} are stored. Store them with secrets set --service {SERVICE} \
                     {profile}"
                )
            }));
        }
        warnings
    }
}

/// The profiles that have keys in `~/.aws/credentials`, which AWS prefers to `credential_process`.
fn profiles_with_keys(credentials: &ClientFile) -> Vec<String> {
    let sections = credentials.text().map(|text| parse_aws(text).unwrap_or_default()).unwrap_or_default();
    let with_keys = sections.iter().filter(|section| section.option("aws_access_key_id").is_some());
    with_keys.map(|section| section.name.to_owned()).collect()
}

/// The first option of a profile that AWS prefers to `credential_process`.
fn preferred_option(section: &AwsSection<'_>) -> Option<&'static str> {
    PREFERRED.into_iter().find(|name| section.option(name).is_some())
}

const NO_HOME: Failure = Failure::Refused(std::borrow::Cow::Borrowed(
    "the home directory is not known. Set HOME, or name the file in AWS_CONFIG_FILE",
));

fn parse<'a>(file: &ClientFile, text: &'a str) -> Result<Vec<AwsSection<'a>>, Failure> {
    parse_aws(text).map_err(|line| {
        Failure::Failed(Error::InvalidFile {
            path: file.path.clone(),
            reason: format!("cannot be read as the AWS CLI does, because of line {line}"),
        })
    })
}

/// Whether a profile asks a program named `secrets`.
fn asks_us(section: &AwsSection<'_>) -> bool {
    section.option(OPTION).is_some_and(is_ours)
}

/// Whether a section has one option and no comment.
fn has_one_option(section: &AwsSection<'_>) -> bool {
    section.options.len() == 1 && !section.others.iter().any(|other| other.is_comment)
}

/// Whether an option has a command of ours and nothing else.
fn is_ours(option: &AwsOption<'_>) -> bool {
    option.value.contains(" helper aws") && !option.is_continued
}

/// The command in a line of ours.
fn command_of(line: &str) -> Option<&str> {
    line.strip_prefix(OPTION)?.strip_prefix(" = ")
}

/// The name of a profile's section in `~/.aws/config`.
fn section_name(profile: &str) -> String {
    match profile {
        DEFAULT_PROFILE => profile.into(),
        _ if profile.contains([' ', '\t', '\'', '"']) => format!("profile \"{profile}\""),
        _ => format!("profile {profile}"),
    }
}

/// The profile as a word of the command, which botocore splits as a shell would, and other SDKs give to a shell.
fn profile_word(profile: &str) -> Result<String, Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@/+:,".contains(c);
    let is_quotable = |c: char| c == ' ' || is_plain(c) || (!c.is_ascii() && !c.is_control());
    match () {
        () if !profile.is_empty() && profile.chars().all(is_plain) => Ok(profile.into()),
        () if !profile.is_empty() && profile.chars().all(is_quotable) => Ok(format!("\"{profile}\"")),
        () => Err(Failure::Refused(
            "the profile has a character that the AWS CLI and shells read in different ways. Use another name, with letters, \
             digits, spaces and - _ . @"
                .into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_words_for_shlex_and_shells() {
        for (profile, word) in [("default", "default"), ("a b", "\"a b\""), ("é-1.x@y", "\"é-1.x@y\"")] {
            assert_eq!(profile_word(profile).ok().as_deref(), Some(word));
        }
        for profile in ["", "a\nb", "a\"b", "a'b", "$(x)", "a`b", "a\\b", "a]", "%PATH%", "a;b", "a&b", "!x"]
        {
            assert!(profile_word(profile).is_err(), "{profile}");
        }
    }
}
