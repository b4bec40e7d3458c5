//! The questions that ssh, git and sudo ask an askpass program. Their texts are those of OpenSSH (`sshconnect2.c`,
//! `ssh-add.c`, `readpass.c`), git (`credential.c`) and sudo.

/// A question for a password or a passphrase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AskpassQuestion<'a> {
    /// The password of a user on another host, who is named as ssh or git does.
    Remote(&'a str),
    /// The passphrase of a key in a file, or the password of a user for sudo: it stays on this machine.
    Local(&'a str),
}

/// Recognizes a question. `None` if it asks for anything else, such as whether a host's key is right, or for a new password.
///
/// A server chooses the text of some questions. OpenSSH 8.5 and later put `(USER@HOST) ` before these, so that a whole text
/// without it is the client's own.
pub fn recognize(prompt: &str) -> Option<AskpassQuestion<'_>> {
    let asked = prompt.strip_suffix(": ")?;
    // `user@host's password: `, and `(user@host) Password: ` in which the server has chosen the rest.
    if let Some(user) = asked.strip_suffix("'s password") {
        return is_user(user).then_some(AskpassQuestion::Remote(user));
    }
    if let Some((user, "Password")) = asked.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        return is_user(user).then_some(AskpassQuestion::Remote(user));
    }
    let quoted = |start| asked.strip_prefix(start)?.strip_suffix('\'');
    if let Some(url) = quoted("Password for '") {
        return (!url.contains('\'')).then_some(AskpassQuestion::Remote(url));
    }
    if let Some(user) = asked.strip_prefix("[sudo] password for ") {
        return is_plain(user, " ").then_some(AskpassQuestion::Local(user));
    }
    // "Bad passphrase, try again" is not answered: ssh-add repeats it without end. ssh quotes the file, and ssh-add does not.
    let file = quoted("Enter passphrase for key '").or_else(|| {
        let file = asked.strip_prefix("Enter passphrase for ")?;
        Some(file.strip_suffix(" (will confirm each use)").unwrap_or(file))
    })?;
    is_plain(file, "").then_some(AskpassQuestion::Local(file))
}

/// Whether a text can be a user or a file that stands alone in a question, without another text around it.
fn is_plain(text: &str, not_in: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_control() || "()'\"?".contains(c) || not_in.contains(c))
}

/// Whether a text can be the user and host that ssh names, without anything around it.
fn is_user(text: &str) -> bool {
    text.contains('@') && !text.contains(|c: char| c.is_whitespace() || "()'".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_for_a_password_are_recognized() {
        for (prompt, question) in [
            ("alice@example.com's password: ", AskpassQuestion::Remote("alice@example.com")),
            ("(alice@example.com) Password: ", AskpassQuestion::Remote("alice@example.com")),
            (
                "Password for 'https://alice@example.com': ",
                AskpassQuestion::Remote("https://alice@example.com"),
            ),
            ("[sudo] password for alice: ", AskpassQuestion::Local("alice")),
            ("Enter passphrase for /home/a/id: ", AskpassQuestion::Local("/home/a/id")),
            ("Enter passphrase for key '/home/a b/id': ", AskpassQuestion::Local("/home/a b/id")),
            ("Enter passphrase for id (will confirm each use): ", AskpassQuestion::Local("id")),
        ] {
            assert_eq!(recognize(prompt), Some(question), "{prompt}");
        }
    }

    #[test]
    fn other_questions_are_not() {
        for prompt in [
            "",
            ":",
            "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
            "Please type 'yes', 'no' or the fingerprint: ",
            "Username for 'https://example.com': ",
            "Bad passphrase, try again for /home/a/.ssh/id_ed25519: ",
            "Enter PIN for ED25519-SK key /home/a/.ssh/id_sk: ",
            "Allow use of key id_ed25519?",
            "(alice@example.com) Verification code: ",
            "(alice@evil.example) bob@example.com's password: ",
            "(alice@evil.example) x) Password: ",
            "Enter alice@example.com's new password: ",
            "Enter new password: ",
            "Password: ",
            "Password for 'https://a'@'https://b': ",
            "[sudo] password for x (sent by a server): ",
            "[sudo] password for alice and bob: ",
            "[sudo] password for : ",
            "[sudo] password for alice:",
            "(alice@evil.example) [sudo] password for alice: ",
            "Enter passphrase for evil.example:",
            "Enter passphrase for : ",
            "Enter passphrase for id\nof evil.example: ",
            "Enter passphrase for \"/home/a/id\" (empty for no passphrase): ",
            "Enter passphrase for key 'a' of 'b': ",
            "(alice@evil.example) Enter passphrase for key '/home/a/id': ",
            "alice@example.com's password:",
        ] {
            assert_eq!(recognize(prompt), None, "{prompt}");
        }
    }
}
