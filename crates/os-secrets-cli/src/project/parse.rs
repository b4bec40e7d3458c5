//! What stands in a project file.
//!
//! All mistakes are found at once, also those in profiles that are not used. No message shows a text of the file other
//! than the names in it, because it may be a secret that does not belong there.

use std::ops::Range;

use super::refused::{chooses_store, is_loader};
use crate::{args::name_advice, output::printable, reference::file_reference, wanted::Wanted};
use os_secrets::{
    credential::Secret,
    document::{self, DeTable, DeValue, Problems},
    scope::{Name, parse_reference},
};

/// A variable of the file.
pub struct Declared {
    pub name: String,
    pub wanted: Wanted,
}

/// What a project file says.
pub struct Document {
    /// The variables of all profiles.
    variables: Vec<Declared>,
    /// The profiles with those of their variables that replace, or add to, the variables of all.
    profiles: Vec<(String, Vec<Declared>)>,
}

impl Document {
    /// The variables of a profile, or of none.
    ///
    /// # Errors
    ///
    /// There is no such profile. The text names those that there are.
    pub fn into_variables(self, profile: Option<&str>) -> Result<Vec<Declared>, String> {
        let Some(profile) = profile else { return Ok(self.variables) };
        let names: Vec<_> = self.profiles.iter().map(|(name, _)| name.clone()).collect();
        match self.profiles.into_iter().find(|(name, _)| name == profile) {
            Some((_, own)) => {
                let is_replaced = |name: &str| own.iter().any(|other| other.name == name);
                let mut variables: Vec<_> =
                    self.variables.into_iter().filter(|variable| !is_replaced(&variable.name)).collect();
                variables.extend(own);
                Ok(variables)
            }
            None if names.is_empty() => Err("it has no profiles".into()),
            None => Err(format!("its profiles are {}", names.join(", "))),
        }
    }
}

/// Parses the file.
///
/// # Errors
///
/// All that is wrong, each as a text that follows the path of the file.
pub fn parse(content: &[u8]) -> Result<Document, Vec<String>> {
    let (table, problems) = document::parse(content)?;
    let mut parser = Parser { problems };
    let document = parser.document(&table);
    if parser.problems.is_empty() { Ok(document) } else { Err(parser.problems.into_texts()) }
}

struct Parser<'a> {
    problems: Problems<'a>,
}

impl Parser<'_> {
    fn document(&mut self, table: &DeTable<'_>) -> Document {
        let mut document = Document { variables: Vec::new(), profiles: Vec::new() };
        for (key, value) in table {
            let name = &**key.get_ref();
            match (name, value.get_ref().as_table()) {
                ("env", Some(variables)) => document.variables = self.variables(variables),
                ("profiles", Some(profiles)) => document.profiles = self.profiles(profiles),
                ("env" | "profiles", None) => self.problems.report(key.span(), name, "it must be a table"),
                _ => self.problems.report(
                    key.span(),
                    name,
                    "this key is not known; the file has [env] and [profiles.NAME]",
                ),
            }
        }
        document
    }

    fn profiles(&mut self, table: &DeTable<'_>) -> Vec<(String, Vec<Declared>)> {
        let mut profiles = Vec::new();
        for (key, value) in table {
            let name = &**key.get_ref();
            let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
            match value.get_ref().as_table() {
                _ if name.is_empty() || !name.chars().all(allowed) => {
                    self.problems.report(
                        key.span(),
                        name,
                        "a profile's name has only letters, digits, . _ and -",
                    );
                }
                Some(variables) => profiles.push((name.to_owned(), self.variables(variables))),
                None => self.problems.report(
                    key.span(),
                    name,
                    "profiles are tables; a variable of a profile stands below [profiles.NAME]",
                ),
            }
        }
        profiles
    }

    fn variables(&mut self, table: &DeTable<'_>) -> Vec<Declared> {
        let mut variables = Vec::new();
        for (key, value) in table {
            let name = &**key.get_ref();
            let known = self.problems.len();
            let wanted = self.wanted(key.span(), name, value.get_ref());
            if !is_identifier(name) {
                self.problems.report(
                    key.span(),
                    name,
                    "a variable's name has only letters, digits and _, and no digit in front",
                );
            } else if chooses_store(name) {
                self.problems.report(key.span(), name, "a project must not choose the store or its key");
            } else if is_loader(name) {
                self.problems.report(
                    key.span(),
                    name,
                    "it can make commands run other code or talk to somebody else, so a project file must not set it. Set it \
                     in your environment, or in a file that you name with --env-file",
                );
            }
            if let (Some(wanted), true) = (wanted, known == self.problems.len()) {
                variables.push(Declared { name: name.to_owned(), wanted });
            }
        }
        variables
    }

    fn wanted(&mut self, place: Range<usize>, name: &str, value: &DeValue<'_>) -> Option<Wanted> {
        match value {
            DeValue::String(text) => match reference(text) {
                Ok((secret, as_file)) => Some(Wanted { secret: Some(secret), as_file, ..Wanted::default() }),
                Err(problem) => {
                    self.problems.report(place, name, &problem);
                    None
                }
            },
            DeValue::Table(fields) => self.wanted_of_fields(place, name, fields),
            _ => {
                self.problems.report(place, name, "it must be \"secret:NAME\", or a table");
                None
            }
        }
    }

    fn wanted_of_fields(&mut self, place: Range<usize>, name: &str, fields: &DeTable<'_>) -> Option<Wanted> {
        let known = self.problems.len();
        let mut wanted = Wanted::default();
        for (key, value) in fields {
            let field = &**key.get_ref();
            let set = match (field, value.get_ref()) {
                ("ref", DeValue::String(text)) => reference(text).map(|(secret, as_file)| {
                    wanted.secret = Some(secret);
                    wanted.as_file |= as_file;
                }),
                ("default", DeValue::String(text)) if is_reference(text) => {
                    Err("default is the text that is used if there is no secret, and no reference".into())
                }
                ("default", DeValue::String(text)) => {
                    wanted.text = Some(Secret::new(text.as_bytes().to_vec()));
                    Ok(())
                }
                ("optional", DeValue::Boolean(optional)) => {
                    wanted.is_optional = *optional;
                    Ok(())
                }
                ("as", DeValue::String(text)) if text == "file" => {
                    wanted.as_file = true;
                    Ok(())
                }
                ("as", _) => Err("as can only be \"file\"".into()),
                ("optional", _) => Err("optional must be true or false".into()),
                ("ref" | "default", _) => Err(format!("{field} must be a text in quotes")),
                _ => Err(format!(
                    "{} is not known; a variable has ref, default, optional and as",
                    printable(field)
                )),
            };
            if let Err(problem) = set {
                self.problems.report(key.span(), name, &problem);
            }
        }
        let problem = match (&wanted.secret, &wanted.text) {
            (None, None) => "it has neither ref nor default",
            (_, Some(_)) if wanted.is_optional => "it has a default, so it cannot be optional",
            _ => "",
        };
        if self.problems.len() == known && !problem.is_empty() {
            self.problems.report(place, name, problem);
        }
        (self.problems.len() == known).then_some(wanted)
    }
}

fn is_reference(text: &str) -> bool {
    !matches!(parse_reference(text.as_bytes()), Ok(None)) || file_reference(text.as_bytes()).is_some()
}

/// The secret that a reference names, and whether the variable gets a file with it.
fn reference(text: &str) -> Result<(Name, bool), String> {
    let name = match file_reference(text.as_bytes()) {
        Some(name) => Name::parse(name).map(|name| (name, true)),
        None => match parse_reference(text.as_bytes()) {
            Ok(Some(name)) => Ok((name, false)),
            Ok(None) => {
                return Err("it must be secret:NAME. Keep secrets in the store (secrets set NAME); what is no secret \
                            is written { default = \"…\" }"
                    .into());
            }
            Err(error) => Err(error),
        },
    };
    name.map_err(|error| error.to_string() + &name_advice(text.as_bytes()))
}

/// Whether every shell can have a variable of this name.
pub fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        parse(text.as_bytes()).err().unwrap_or_default()
    }

    fn shown(text: &str, profile: Option<&str>) -> Vec<String> {
        let Ok(document) = parse(text.as_bytes()) else { panic!("{:?}", problems(text)) };
        let show = |Declared { name, wanted }: Declared| {
            let text = wanted.text.map(|text| String::from_utf8(text.expose().to_vec()).unwrap());
            let secret = wanted.secret.map(|secret| secret.to_string()).unwrap_or_default();
            format!("{name} {secret} {text:?} {} {}", wanted.is_optional, wanted.as_file)
        };
        document.into_variables(profile).unwrap().into_iter().map(show).collect()
    }

    #[test]
    fn a_variable_is_a_reference_or_a_table() {
        let text = r#"
            [env]
            A = "secret:a"
            B = { ref = "secret:b", default = "x" }
            C = { ref = "secret:c", optional = true }
            D = { ref = "secret:d", as = "file" }
            E = "secret-file:e"
            F = { default = "" }
            env.G = 1
        "#;
        let text = text.replace("env.G = 1", "");
        assert_eq!(
            shown(&text, None),
            [
                "A a None false false",
                "B b Some(\"x\") false false",
                "C c None true false",
                "D d None false true",
                "E e None false true",
                "F  Some(\"\") false false",
            ]
        );
    }

    #[test]
    fn a_profile_replaces_variables_and_adds_others() {
        let text = "[env]\nA = 'secret:a'\nB = 'secret:b'\n[profiles.ci]\nB = 'secret:ci'\nC = 'secret:c'\n";
        assert_eq!(
            shown(text, Some("ci")),
            ["A a None false false", "B ci None false false", "C c None false false"]
        );
        let error =
            |text: &str| parse(text.as_bytes()).ok().unwrap().into_variables(Some("x")).err().unwrap();
        assert_eq!(error(text), "its profiles are ci");
        assert_eq!(error("[env]"), "it has no profiles");
    }

    #[test]
    fn all_problems_are_reported_at_once_without_values() {
        let text = "[env]\nA = 'hunter2'\nB = 8080\nC = { ref = 'secret:HUNTER2' }\nD = {}\n1E = 'secret:e'\n\
                    F = { default = 'secret:hunter2' }\nG = { default = 'hunter2', optional = true }\n\
                    H = { ref = 'secret:h', as = 'hunter2' }\nPATH = { default = 'hunter2' }\n\
                    OS_SECRETS_FILE = { default = 'hunter2' }\nI = { default = 5, x = 'hunter2' }\nA.B = 'secret:a'\n";
        let text = text.replace("A.B", "J.B");
        let text = format!("{text}[profiles.x]\nK = 'hunter2'\n[stores]\n");
        let found = problems(&text);
        for (line, name) in [
            (2, "A"),
            (3, "B"),
            (4, "C"),
            (5, "D"),
            (6, "1E"),
            (7, "F"),
            (8, "G"),
            (9, "H"),
            (10, "PATH"),
            (11, "OS_SECRETS_FILE"),
            (12, "I"),
            (13, "J"),
            (15, "K"),
            (16, "stores"),
        ] {
            let start = format!(", line {line}: {name}: ");
            assert!(found.iter().any(|problem| problem.starts_with(&start)), "{start} {found:#?}");
        }
        assert!(!found.concat().to_lowercase().contains("hunter2"), "{found:#?}");
    }

    #[test]
    fn a_variable_in_place_of_a_name_gets_advice() {
        let found = problems("[env]\nA = 'secret:API_KEY'\nB = { ref = 'secret-file:TLS_KEY' }\n");
        assert!(
            found[0].ends_with(". Did you mean api_key?") && found[1].ends_with(". Did you mean tls_key?"),
            "{found:#?}"
        );
    }

    #[test]
    fn wrong_syntax_is_reported_with_its_lines_and_without_its_text() {
        for text in [
            "[env]\nA = hunter2\n",
            "[env]\nA = 'hunter2\n",
            "[env\nA = 'hunter2'\n",
            "[env]\nA = 'hunter2' hunter2\n",
            "[env]\nA = 'hunter2'\nA = 'hunter2'\n",
            "hunter2",
            "[env]\nA = \"\\hunter2\"\n",
        ] {
            let found = problems(text);
            assert!(
                !found.is_empty() && found.iter().all(|problem| problem.starts_with(", line ")),
                "{text}"
            );
            assert!(!found.concat().contains("hunter2"), "{found:#?}");
        }
        assert_eq!(problems("[env]\nA = hunter2\nB = hunter2\n").len(), 2);
        assert_eq!(parse(b"\xff").err().unwrap(), [" is not UTF-8 text"]);
    }
}
