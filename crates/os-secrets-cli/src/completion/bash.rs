//! Splitting and quoting words as bash does.
//!
//! bash splits the words of a completion at characters such as `=` and `:` as well (`COMP_WORDBREAKS`), so the words are
//! split here. A candidate replaces only what bash takes for the word: the text after such a character or after an opening
//! quote.

/// The characters that need no quoting.
const PLAIN: &str = "_-./,:=@%+";
/// The characters that need a backslash in double quotes.
const ACTIVE: &str = "\\\"$`";

/// How the word at the cursor is quoted.
#[derive(Debug, PartialEq, Eq)]
pub struct Quoting {
    /// The quote that is open.
    open: Option<char>,
    /// The beginning of the word that stays as it is, without its quotes.
    kept: String,
}

impl Quoting {
    /// What bash inserts for a word. `None` if the word cannot stand in the open quote.
    pub fn quote(&self, word: &str) -> Option<String> {
        let rest = word.strip_prefix(&self.kept)?;
        Some(match self.open {
            Some('\'') => rest.replace('\'', "'\\''"),
            // A backslash does not keep bash from replacing an exclamation mark by an older command.
            Some(_) if rest.contains('!') => return None,
            Some(_) => with_backslashes(rest, |c| ACTIVE.contains(c)),
            None => with_backslashes(rest, |c| !(c.is_alphanumeric() || PLAIN.contains(c))),
        })
    }
}

fn with_backslashes(text: &str, needs_one: impl Fn(char) -> bool) -> String {
    let mut quoted = String::new();
    for c in text.chars() {
        if needs_one(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// Splits a command line up to the cursor. Returns its words without the program and without quotes, the last one being
/// that at the cursor, and how that one is quoted. `breaks` are the characters of `COMP_WORDBREAKS`.
pub fn split(line: &str, breaks: &str) -> (Vec<String>, Quoting) {
    let (mut words, mut word, mut in_word) = (Vec::new(), String::new(), false);
    let mut quoting = Quoting { open: None, kept: String::new() };
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quoting.open, c) {
            (None, ' ' | '\t' | '\n') => {
                if in_word {
                    words.push(std::mem::take(&mut word));
                }
                in_word = false;
                quoting.kept.clear();
                continue;
            }
            (None, '\'' | '"') => {
                quoting = Quoting { open: Some(c), kept: word.clone() };
            }
            (Some(open), c) if c == open => quoting.open = None,
            (None, '\\') => word.extend(characters.next()),
            (Some('"'), '\\') => match characters.next() {
                Some(next) if ACTIVE.contains(next) => word.push(next),
                next => {
                    word.push('\\');
                    word.extend(next);
                }
            },
            (open, c) => {
                word.push(c);
                if open.is_none() && breaks.contains(c) {
                    quoting.kept.clone_from(&word);
                }
            }
        }
        in_word = true;
    }
    words.push(word);
    (words.split_off(1.min(words.len())), quoting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_replaces_what_bash_takes_for_the_word() {
        const NAME: &str = "my app's $(x) \"a\" `b` \\:c";
        const ESCAPED: &str = "my\\ app\\'s\\ \\$\\(x\\)\\ \\\"a\\\"\\ \\`b\\`\\ \\\\:c";
        for (typed, before, inserted) in [
            ("", "", ESCAPED),
            ("my\\ a", "", ESCAPED),
            ("\"my a", "", "my app's \\$(x) \\\"a\\\" \\`b\\` \\\\:c"),
            ("'my a", "", "my app'\\''s $(x) \"a\" `b` \\:c"),
            ("--service=my", "--service=", ESCAPED),
            ("--service='my", "--service=", "my app'\\''s $(x) \"a\" `b` \\:c"),
        ] {
            let (words, quoting) = split(&format!("secrets get {typed}"), "\"'=:");
            let word = words.last().unwrap();
            assert_eq!(words.len(), 2, "{typed}: {words:?}");
            let candidate = format!("{before}{NAME}");
            assert!(candidate.starts_with(word), "{typed}: {word}");
            assert_eq!(quoting.quote(&candidate).as_deref(), Some(inserted), "{typed}");
        }
        let (_, quoting) = split("secrets get a:b:c", "=:");
        assert_eq!(quoting.quote("a:b:cd").as_deref(), Some("cd"));
        let (_, quoting) = split("secrets get \"a", "=:");
        assert_eq!(quoting.quote("a!b"), None);
        let (_, quoting) = split("secrets get a", "=:");
        assert_eq!(quoting.quote("a!b").as_deref(), Some("a\\!b"));
    }

    #[test]
    fn a_line_is_split_into_words() {
        for (line, words) in [
            ("secrets", &[][..]),
            ("secrets ", &[""]),
            ("secrets get a", &["get", "a"]),
            ("secrets  get 'a b' ", &["get", "a b", ""]),
            ("secrets get \"a\\\"b\\c\"d\\ e", &["get", "a\"b\\cd e"]),
            ("secrets get '' x", &["get", "", "x"]),
        ] {
            assert_eq!(split(line, "").0, words, "{line}");
        }
    }
}
