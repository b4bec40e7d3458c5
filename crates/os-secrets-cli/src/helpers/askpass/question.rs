//! The questions that ssh, git and sudo ask an askpass program. Their texts are those of OpenSSH (`sshconnect2.c`,
//! `ssh-add.c`, `readpass.c`), git (`credential.c`) and sudo.

/// A question for a password or a passphrase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question<'a> {
    /// The password of a user on another host, who is named as ssh or git does.
    Remote(&'a str),
    /// A password or passphrase that stays on this machine.
    Local,
}

/// Recognizes a question. `None` if it asks for anything else, such as whether a host's key is right, or for a new password.
/// A server chooses the text of some questions, so that only the very texts of the clients count.
pub fn recognize(prompt: &str) -> Option<Question<'_>> {
    let asked = prompt.trim_end().strip_suffix(':')?;
    // `user@host's password:`, and `(user@host) Password:` in which the server has chosen the rest.
    if let Some(user) = asked.strip_suffix("'s password") {
        return is_user(user).then_some(Question::Remote(user));
    }
    if let Some((user, "Password")) = asked.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        return is_user(user).then_some(Question::Remote(user));
    }
    let quoted = |start| asked.strip_prefix(start)?.strip_suffix('\'');
    if let Some(url) = quoted("Password for '") {
        return (!url.contains('\'')).then_some(Question::Remote(url));
    }
    let is_local = asked.starts_with("[sudo] password for ")
        // ssh and ssh-add. "Bad passphrase, try again" is not answered: ssh-add repeats it without end.
        || asked.starts_with("Enter passphrase for ");
    is_local.then_some(Question::Local)
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
            ("alice@example.com's password: ", Question::Remote("alice@example.com")),
            ("(alice@example.com) Password: ", Question::Remote("alice@example.com")),
            ("Password for 'https://alice@example.com': ", Question::Remote("https://alice@example.com")),
            ("[sudo] password for alice: ", Question::Local),
            ("Enter passphrase for /home/a/.ssh/id_ed25519: ", Question::Local),
            ("Enter passphrase for key '/home/a/.ssh/id_ed25519': ", Question::Local),
            ("Enter passphrase for a (will confirm each use): ", Question::Local),
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
        ] {
            assert_eq!(recognize(prompt), None, "{prompt}");
        }
    }
}
