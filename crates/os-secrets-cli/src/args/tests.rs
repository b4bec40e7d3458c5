use super::*;

fn parsed(program: Program, line: &[&str]) -> Result<Parsed, Failure> {
    parse(program, line.iter().map(OsString::from).collect())
}

#[test]
fn the_definition_is_sound() {
    definition(Program::Secrets).debug_assert();
    definition(Program::BusSecrets).debug_assert();
}

#[test]
fn flags_stand_before_or_after_the_command() {
    for line in [
        ["-C", "d", "get", "a", "--scope", "user", "-q", "-o=f"],
        ["get", "a", "-q", "--scope=user", "--chdir", "d", "--output", "f"],
        ["--scope", "user", "-qCd", "-of", "--", "get", "a", ""],
        ["--scope=user", "-qC", "d", "-o", "f", "--", "get", "a"],
    ] {
        let line: Vec<_> = line.into_iter().filter(|word| !word.is_empty()).collect();
        let Ok(Parsed::Run(arguments)) = parsed(Program::BusSecrets, &line) else { panic!("{line:?}") };
        assert_eq!(arguments.directory.as_deref(), Some("d".as_ref()));
        assert_eq!(arguments.output.as_deref(), Some("f".as_ref()));
        assert!(arguments.quiet && arguments.scope() == Some(Scope::User));
        assert!(matches!(&arguments.command, Command::Get { credential, .. } if credential.name == "a"));
    }
}

#[test]
fn a_command_may_follow_two_dashes() {
    for line in [&["run", "--", "true"][..], &["--", "run", "--", "true"], &["--", "run", "true"]] {
        let Ok(Parsed::Run(arguments)) = parsed(Program::Secrets, line) else { panic!("{line:?}") };
        assert!(matches!(&arguments.command, Command::Run { command, .. } if command == &["true"]));
    }
    let Ok(Parsed::Print(help)) = parsed(Program::Secrets, &["-qC", ".", "get", "-h"]) else { panic!() };
    assert!(help.contains("secrets get"), "{help}");
}

#[test]
fn help_and_version_win() {
    for line in [
        &["-h"][..],
        &["bogus", "--help"],
        &["get", "-qh", "--scope", "x"],
        &["-q", "-o", "-h"],
        &["-hC", "."],
        &["-qhof", "get"],
    ] {
        let Ok(Parsed::Print(text)) = parsed(Program::Secrets, line) else { panic!("{line:?}") };
        assert!(text.contains("Usage: secrets"), "{text}");
    }
    let Ok(Parsed::Print(version)) = parsed(Program::BusSecrets, &["set", "-V", "-h"]) else { panic!() };
    assert!(version.starts_with("bus-secrets 0."));
    assert!(matches!(parsed(Program::Secrets, &["resolve", "--", "-h"]), Ok(Parsed::Run(_))));
}

#[test]
fn no_message_shows_a_value() {
    for line in [
        &["set", "name", "Hunter-2", "Hunter-3"][..],
        &["set", "name", "--Hunter-2"],
        &["set", "name", "-Hunter-2"],
        &["set", "name", "--hunter"],
        &["hunter"],
        &["Hunter-2"],
        &["get", "name", "--scope", "Hunter-2"],
        &["set", "name", "--quiet=Hunter-2"],
    ] {
        let Err(Failure::Usage(told)) = parsed(Program::Secrets, line) else { panic!("{line:?} is taken") };
        assert!(!told.contains("unter"), "{told}");
    }
}

#[test]
fn help_shows_no_flag_that_the_command_refuses() {
    let help_of = |command: &str| {
        let Ok(Parsed::Print(help)) = parsed(Program::Secrets, &[command, "-h"]) else { panic!("{command}") };
        help
    };
    for (command, refused) in REFUSED_FLAGS {
        let help = help_of(command);
        for flag in ["output", "scope", "store", "quiet", "chdir"] {
            let is_shown = help.contains(&format!("--{flag} ")) || help.contains(&format!("--{flag}\n"));
            assert_eq!(is_shown, !refused.contains(&flag), "{command} --{flag}: {help}");
        }
    }
    for command in ["set", "get", "list", "resolve", "delete", "inject", "import"] {
        let help = help_of(command);
        assert!(["--output ", "--scope ", "--store "].iter().all(|flag| help.contains(flag)), "{help}");
    }
}

#[test]
fn help_says_what_a_service_is_for() {
    for (command, text) in HELP_OF_SERVICE {
        let Ok(Parsed::Print(help)) = parsed(Program::Secrets, &[command, "-h"]) else { panic!("{command}") };
        assert!(help.contains(text) && !help.contains("Use the credential of"), "{help}");
    }
}

fn usage_of(program: Program, line: &[&str]) -> String {
    let Err(Failure::Usage(message)) = parsed(program, line) else { panic!("{line:?} is taken") };
    message
}

#[test]
fn a_mistake_gets_an_answer() {
    for (line, answer) in [
        (&["run", "ls"][..], "put -- before the command: secrets run -- ls; run secrets run -h for help"),
        (
            &["exec", "ls", "-la"],
            "put -- before the command: secrets run -- ls …; run secrets run -h for help",
        ),
        (
            &["run", "--mask", "./A"],
            "put -- before the command: secrets run -- COMMAND; run secrets run -h for help",
        ),
        (
            &["run"],
            "the command is missing; put it after --: secrets run -- COMMAND; run secrets run -h for help",
        ),
        (
            &["inject", "t.tpl"],
            "-i names the template: secrets inject -i t.tpl; run secrets inject -h for help",
        ),
        (
            &["inject", "T/t.tpl"],
            "-i names the template: secrets inject -i FILE; run secrets inject -h for help",
        ),
        (&["sett", "a", "v"], "unknown command; did you mean secrets set? Run secrets set -h for help"),
        (&["remove", "a"], "unknown command; did you mean secrets delete? Run secrets delete -h for help"),
        (&["help", "injcet"], "unknown command; did you mean secrets inject? Run secrets inject -h for help"),
        (&["hunter"], "unknown command; run secrets -h for help"),
        (&["list", "--jsn"], "unknown flag; did you mean --json? Run secrets list -h for help"),
        (&["list", "-json"], "unknown flag; did you mean --json? Run secrets list -h for help"),
        (&["get", "a", "--Scop=x"], "unknown flag; did you mean --scope? Run secrets get -h for help"),
        (&["get"], "<NAME> is missing; run secrets get -h for help"),
        (
            &["ls", "a"],
            "too many arguments (quote an argument with spaces; put -- before the command of run); run secrets list -h for help",
        ),
        (&["get", "a", "--hunter"], "unknown flag; run secrets get -h for help"),
        (
            &["set", "a", "--hunter"],
            "unknown flag (put -- before arguments that are not flags); run secrets set -h for help",
        ),
        (&["inject", "-"], "-i names the template: secrets inject -i -; run secrets inject -h for help"),
        (
            &["copy", "a"],
            "copy is for stores: secrets copy --from STORE --to STORE. For the clipboard: secrets get --clip NAME; run \
             secrets copy -h for help",
        ),
        (
            &["generate", "a", "40"],
            "--length names the number of characters: secrets generate --length 40 NAME; run secrets generate -h for help",
        ),
        (
            &["generate", "--length", "0", "a"],
            "--length must be a number from 1 to 4096; run secrets generate -h for help",
        ),
        (&["clip", "a"], "unknown command; did you mean secrets get --clip? Run secrets get -h for help"),
        (
            &["run", "-e", "A=secret:a", "--", "env"],
            "set the variable before it, or name a file with --env-file: VARIABLE=secret:NAME secrets run -- COMMAND; \
             run secrets run -h for help",
        ),
    ] {
        assert_eq!(usage_of(Program::Secrets, line), answer, "{line:?}");
    }
}

#[test]
fn bus_secrets_has_neither_advice_nor_aliases() {
    for (line, message) in [
        (&["sett", "a"][..], "unknown command; run bus-secrets -h for help"),
        (&["ls"], "unknown command; run bus-secrets -h for help"),
        (&["rm", "a"], "unknown command; run bus-secrets -h for help"),
        (&["exec", "--", "ls"], "unknown command; run bus-secrets -h for help"),
        (&["help"], "unknown command; run bus-secrets -h for help"),
        (&["run", "ls"], "unknown command; run bus-secrets -h for a list"),
        (&["get"], "<NAME> is missing; run bus-secrets -h for help"),
        (
            &["list", "--scop", "user"],
            "unknown flag (put -- before arguments that are not flags); run bus-secrets -h for help",
        ),
    ] {
        assert_eq!(usage_of(Program::BusSecrets, line), message, "{line:?}");
    }
}

#[test]
fn aliases_stand_for_commands() {
    for (line, command) in [
        (&["ls"][..], "list"),
        (&["-q", "ls"], "list"),
        (&["rm", "a"], "delete"),
        (&["--", "rm", "a"], "delete"),
        (&["exec", "--", "ls"], "run"),
        (&["--", "exec", "ls"], "run"),
    ] {
        let Ok(Parsed::Run(arguments)) = parsed(Program::Secrets, line) else { panic!("{line:?}") };
        let is = match &arguments.command {
            Command::List { .. } => "list",
            Command::Delete { .. } => "delete",
            Command::Run { command, .. } if command == &["ls"] => "run",
            _ => "another",
        };
        assert_eq!(is, command, "{line:?}");
    }
    for line in [&["ls", "-h"][..], &["help", "ls"], &["help", "-q", "list"]] {
        let Ok(Parsed::Print(help)) = parsed(Program::Secrets, line) else { panic!("{line:?}") };
        assert!(help.contains("Usage: secrets list"), "{help}");
    }
    let Ok(Parsed::Print(help)) = parsed(Program::Secrets, &["help"]) else { panic!("no help") };
    assert!(help.contains("Usage: secrets") && help.contains("[alias: ls]"), "{help}");
}

#[test]
fn the_help_of_a_command_has_defaults_an_example_and_exit_codes() {
    let definition = definition(Program::Secrets);
    for command in definition.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        let Ok(Parsed::Print(help)) = parsed(Program::Secrets, &[name, "-h"]) else { panic!("{name}") };
        assert!(help.contains("Example") && help.contains("\nExit codes: 0") || name == "run", "{help}");
        assert!(help.contains(&format!("secrets {name}")) && help.contains("[default: .]"), "{help}");
    }
    for (command, default) in [("set", "[default: user]"), ("get", "[default: auto]")] {
        let Ok(Parsed::Print(help)) = parsed(Program::Secrets, &[command, "-h"]) else { panic!("{command}") };
        assert!(help.contains(default), "{help}");
    }
}
