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
