//! Writes the manual pages and the completion scripts that a release contains.
//!
//! `manual DIR DATE` writes them into DIR, which must be empty or missing, at the places that they have below `share` when
//! they are installed. DATE is what the pages are dated (`YYYY-MM-DD`). The pages are made from the definition of the
//! command line: `secrets(1)`, `bus-secrets(1)`, and `secrets-COMMAND(1)` for each command. The pages of the other programs
//! are written by hand and lie beside this file.

use std::{env, error::Error, ffi::OsString, fs, io::Write, path::Path};

use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};
use os_secrets_cli::{Program, definition, run};

/// The shells, and where the completion script of each is installed.
const SCRIPTS: [(&str, &str); 4] = [
    ("bash", "bash-completion/completions/secrets"),
    ("fish", "fish/vendor_completions.d/secrets.fish"),
    ("powershell", "pwsh/completions/_secrets.ps1"),
    ("zsh", "zsh/site-functions/_secrets"),
];

/// What the help of a command calls its exit codes.
const EXIT_CODES: &str = "Exit codes: ";

/// How every text of `roff` begins.
const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

fn main() -> Result<(), Box<dyn Error>> {
    let [folder, date] =
        env::args_os().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "manual DIR DATE")?;
    let (folder, date) = (Path::new(&folder), date.to_str().ok_or("DATE is not text")?);
    let pages = folder.join("man/man1");
    fs::create_dir_all(&pages)?;
    for program in [Program::Secrets, Program::BusSecrets] {
        let definition = definition(program);
        write_page(&pages, &definition, program, date)?;
        if program == Program::Secrets {
            for command in definition.get_subcommands().filter(|command| !command.is_hide_set()) {
                write_page(&pages, command, program, date)?;
            }
        }
    }
    for (shell, place) in SCRIPTS {
        let path = folder.join(place);
        fs::create_dir_all(path.parent().ok_or("a script without a folder")?)?;
        let words = ["completions".into(), shell.into(), OsString::from("-o"), path.into()];
        if run(Program::Secrets, words.into(), false) != 0 {
            return Err(format!("no script for {shell}").into());
        }
    }
    Ok(())
}

/// Writes the page of a program or of one of its commands.
fn write_page(
    folder: &Path,
    command: &clap::Command,
    program: Program,
    date: &str,
) -> Result<(), Box<dyn Error>> {
    let is_program = command.get_name() == program.name();
    let page = Man::new(command.clone())
        .title(command.get_display_name().unwrap_or(program.name()).to_uppercase())
        .date(date)
        .source(format!("os-secrets {}", env!("CARGO_PKG_VERSION")))
        .manual("os-secrets");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if is_program {
        write_commands(&mut text, command)?;
    }
    write_notes(&mut text, command)?;
    write_references(&mut text, is_program, program)?;
    // Each section begins with the definition of an apostrophe, and possible values with an empty line between breaks.
    let text = String::from_utf8(text)?;
    let text = format!("{APOSTROPHE}{}", text.replace(APOSTROPHE, "").replace(".br\n\n.br\n", ".sp\n"));
    fs::write(folder.join(page.get_filename()), text)?;
    Ok(())
}

/// Writes what the commands of a program are. Only those of `secrets` have pages of their own.
fn write_commands(text: &mut impl Write, command: &clap::Command) -> Result<(), Box<dyn Error>> {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    let mut commands: Vec<_> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    commands.sort_by_key(|command| command.get_display_order());
    for each in commands {
        roff.control("TP", []);
        roff.text([bold(each.get_name())]);
        roff.text([roman(each.get_about().map(ToString::to_string).unwrap_or_default())]);
    }
    if command.get_name() == Program::Secrets.name() {
        roff.control("PP", []);
        roff.text([
            roman("Each command has a page of its own: "),
            bold("secrets-"),
            italic("COMMAND"),
            roman("(1)."),
        ]);
    }
    Ok(roff.to_writer(text)?)
}

/// Writes what the help of a command says after its flags: examples and exit codes.
fn write_notes(text: &mut impl Write, command: &clap::Command) -> Result<(), Box<dyn Error>> {
    let Some(notes) = command.get_after_long_help().or(command.get_after_help()) else { return Ok(()) };
    let notes = notes.to_string();
    let mut roff = Roff::new();
    let examples: Vec<_> = notes.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        roff.control("nf", []);
        for example in examples {
            roff.text([roman(example)]);
        }
        roff.control("fi", []);
    }
    if let Some(codes) = notes.lines().find_map(|line| line.strip_prefix(EXIT_CODES)) {
        roff.control("SH", ["EXIT STATUS"]);
        roff.text([roman(format!("{codes}."))]);
    }
    Ok(roff.to_writer(text)?)
}

/// Writes which other pages to read.
fn write_references(text: &mut impl Write, is_program: bool, program: Program) -> Result<(), Box<dyn Error>> {
    let other = match (program, is_program) {
        (Program::Secrets, true) => "bus-secrets",
        _ => "secrets",
    };
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold(other), roman("(1)")]);
    Ok(roff.to_writer(text)?)
}
