//! What the help of a command of `secrets` says beyond its flags: defaults, examples and exit codes.

/// An example of a command, and its exit codes.
struct Notes {
    command: &'static str,
    examples: &'static [&'static str],
    exit_codes: &'static str,
}

/// The exit codes of commands that use a store.
const OF_STORE: &str = "0 success, 1 no such secret or another failure, 2 wrong usage, 3 the store cannot be reached, \
                        unlocked or read";
/// The exit codes of commands that use none.
const OF_OTHERS: &str = "0 success, 1 failure, 2 wrong usage";

/// The notes of all commands. The examples are tested.
const NOTES: &[Notes] = &[
    Notes {
        command: "set",
        examples: &["printf 'sk-example' | secrets set openai_api_key", "secrets set tls_key <key.pem"],
        exit_codes: OF_STORE,
    },
    Notes {
        command: "get",
        examples: &["secrets get openai_api_key", "secrets get --service my-cli-tool github-token"],
        exit_codes: OF_STORE,
    },
    Notes { command: "list", examples: &["secrets list --long"], exit_codes: OF_STORE },
    Notes { command: "resolve", examples: &["secrets resolve secret:openai_api_key"], exit_codes: OF_STORE },
    Notes {
        command: "has",
        examples: &["secrets has openai_api_key || secrets set openai_api_key"],
        exit_codes: "0 there is such a secret, 1 there is none, 2 wrong usage, 3 the store cannot be reached, unlocked or read",
    },
    Notes { command: "delete", examples: &["secrets delete openai_api_key"], exit_codes: OF_STORE },
    Notes {
        command: "generate",
        examples: &["secrets generate session_key", "secrets generate --length 6 --alphabet digits door_pin"],
        exit_codes: OF_STORE,
    },
    Notes { command: "edit", examples: &["secrets edit tls_key"], exit_codes: OF_STORE },
    Notes {
        command: "rename",
        examples: &["secrets rename openai_key openai_api_key"],
        exit_codes: OF_STORE,
    },
    Notes {
        command: "run",
        examples: &["secrets run --env-file .env -- node server.js"],
        exit_codes: "those of the command, 127 if it is not found, and 126 if it cannot be run. If it is not started: \
                     1 no such secret or another failure, 2 wrong usage, 3 the store cannot be reached, unlocked or read",
    },
    Notes {
        command: "inject",
        examples: &["secrets inject -i config.tpl -o config.toml"],
        exit_codes: OF_STORE,
    },
    Notes {
        command: "check",
        examples: &["secrets check"],
        exit_codes: "0 nothing is missing, 1 a secret is missing or another failure, 2 wrong usage, 3 the store cannot be \
                     reached, unlocked or read",
    },
    Notes {
        command: "env",
        examples: &["eval \"$(secrets env --shell bash)\"", "secrets env --shell json"],
        exit_codes: OF_STORE,
    },
    Notes { command: "export", examples: &["secrets export --values -o backup.json"], exit_codes: OF_STORE },
    Notes { command: "import", examples: &["secrets import .env --dry-run"], exit_codes: OF_STORE },
    Notes {
        command: "migrate",
        examples: &["secrets migrate --from keytar --service my-cli-tool"],
        exit_codes: OF_STORE,
    },
    Notes { command: "copy", examples: &["secrets copy --from os --to file"], exit_codes: OF_STORE },
    Notes { command: "init", examples: &["secrets init", "secrets init --os"], exit_codes: OF_STORE },
    Notes {
        command: "rekey",
        examples: &["secrets rekey --store file --add \"$(cat colleague.pub)\""],
        exit_codes: OF_STORE,
    },
    Notes { command: "textconv", examples: &["secrets textconv secrets.age"], exit_codes: OF_STORE },
    Notes {
        command: "doctor",
        examples: &["secrets doctor", "secrets doctor --write"],
        exit_codes: "0 the store works, 1 it does not, 2 wrong usage",
    },
    Notes { command: "setup", examples: &["secrets setup"], exit_codes: OF_OTHERS },
    Notes {
        command: "helper",
        examples: &["printf 'protocol=https\\nhost=example.com\\n\\n' | secrets helper git get"],
        exit_codes: "0 success, others those of the program's protocol",
    },
    Notes {
        command: "completions",
        examples: &[
            "secrets completions bash >~/.secrets.bash && echo '. ~/.secrets.bash' >>~/.bashrc",
            "secrets completions zsh >~/.secrets.zsh && echo '. ~/.secrets.zsh' >>~/.zshrc",
            "secrets completions fish >~/.config/fish/completions/secrets.fish",
            "secrets completions powershell >>$PROFILE",
        ],
        exit_codes: OF_OTHERS,
    },
];

/// What `--scope` is for in commands that change a secret, and in those that read.
const SCOPE_TO_CHANGE: &str = "Whose secrets: user or repo [default: user]";
const SCOPE_TO_READ: &str = "Whose secrets: user, repo, or auto (repo, then user) [default: auto]";
/// The commands that change secrets.
const CHANGING: &[&str] = &["set", "delete", "generate", "edit", "rename", "import"];

/// Adds the notes to a definition that is built.
pub fn with_notes(mut definition: clap::Command) -> clap::Command {
    let commands: Vec<_> =
        definition.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in commands {
        let scope = if CHANGING.contains(&&*name) { SCOPE_TO_CHANGE } else { SCOPE_TO_READ };
        definition = definition.mut_subcommand(&name, |command| {
            let command = command
                .mut_arg("scope", |arg| arg.help(scope))
                .mut_arg("directory", |arg| arg.help("Run as if started in DIR [default: .]"))
                .mut_arg("store", |arg| {
                    arg.help(
                        "The store: os (the operating system's), file (the encrypted file), or a path to an encrypted \
                         file [default: $OS_SECRETS_PROVIDER, else your settings file, else os]",
                    )
                });
            match NOTES.iter().find(|notes| notes.command == name) {
                Some(notes) => command.after_long_help(notes.text()),
                None => command,
            }
        });
    }
    definition
}

impl Notes {
    fn text(&self) -> String {
        let title = if self.examples.len() == 1 { "Example" } else { "Examples" };
        let examples: String = self.examples.iter().map(|example| format!("\n  {example}")).collect();
        format!("{title}:{examples}\n\nExit codes: {}", self.exit_codes)
    }
}
