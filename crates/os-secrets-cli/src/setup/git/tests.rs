use super::*;
use crate::setup::edit::shown::{apply, revert, show};

const BLOCK: &str = "[credential]\n\thelper =\n\thelper = os-secrets\n";

fn set_up(text: &str) -> (String, Recorded) {
    let config = GitConfig::parse(text).unwrap();
    let replacements = vec![insert_block(text, &config, SHORT_NAME).unwrap()];
    let changed = apply(text, &replacements);
    let recorded = Recorded {
        client: "git".into(),
        path: "/home/a/.gitconfig".into(),
        is_new: false,
        new_directories: vec![],
        replacements,
    };
    (changed, recorded)
}

#[test]
fn the_block_stands_after_helpers_for_all_and_before_those_for_a_url() {
    let general = "[credential]\n\thelper = store\n\tusername = a\n";
    let special = "# hub\n[credential \"https://hub.tld\"]\n\thelper = x\n";
    let other = "[user]\n\tname = b ; c\n";
    for (before, after) in [
        ("", ""),
        (other, ""),
        (general, other),
        (&*format!("{other}{general}"), special),
        (&*format!("{special}{general}"), other),
        (other, special),
        ("", "[credential \"https://hub.tld\"]\n\thelper = x\n"),
        ("# hub\n", "[credential \"https://hub.tld\"]\n\thelper = x\n"),
        ("\u{feff}", "[credential \"https://hub.tld\"]\n\thelper = x\n"),
        ("[credential \"https://hub.tld\"]\n\tusername = x\n", ""),
        ("[a] [credential \"https://hub.tld\"]\n\thelper = x\n", ""),
    ] {
        let text = format!("{before}{after}");
        let (changed, recorded) = set_up(&text);
        assert_eq!(changed, format!("{before}{BLOCK}{after}"), "{text}");
        assert!(Git.can_revert(&recorded, &changed));
        assert_eq!(revert(&changed, &recorded.replacements), Some(text));
        // Of all that was there, only what is for a URL is left.
        let config = GitConfig::parse(&changed).unwrap();
        let helpers: Vec<_> =
            config.helpers().filter(|(url, _)| url.is_none()).map(|(_, helper)| helper).collect();
        assert_eq!(active(&helpers), [SHORT_NAME]);
    }
}

#[test]
fn the_block_has_the_line_breaks_of_the_file() {
    assert_eq!(set_up("[a]\r\nb = c").0, format!("[a]\r\nb = c\r\n{}", BLOCK.replace('\n', "\r\n")));
    assert_eq!(set_up("[a]\nb = c").0, format!("[a]\nb = c\n{BLOCK}"));
}

#[test]
fn a_value_that_is_continued_at_the_end_stays_as_it_is() {
    for text in ["[a]\nb = c \\", "[a]\nb = c \\\n", "[a]\r\nb = c \\\r\n", "[credential]\nhelper = store \\"]
    {
        let (changed, recorded) = set_up(text);
        let (before, after) = (GitConfig::parse(text).unwrap(), GitConfig::parse(&changed).unwrap());
        assert!(adds_block(&before, &after), "{changed}");
        assert!(Git.can_revert(&recorded, &changed));
        assert_eq!(revert(&changed, &recorded.replacements).as_deref(), Some(text));
        // What others add afterwards must not become part of the value when our block goes.
        let added = format!("{changed}[d]\ne = f\n");
        assert!(!Git.can_revert(&recorded, &added));
        let undone = show(Git.without_ours(&recorded, &added).unwrap()).unwrap();
        assert!(
            adds_block(&GitConfig::parse(&undone).unwrap(), &GitConfig::parse(&added).unwrap()),
            "{undone}"
        );
    }
    // A comment has no continuation.
    assert_eq!(set_up("[a]\nb = c # \\").0, format!("[a]\nb = c # \\\n{BLOCK}"));
}

#[test]
fn variables_that_git_has_added_to_the_section_keep_it() {
    let (changed, recorded) = set_up("[user]\n\tname = a\n");
    let added = format!("{changed}\n\tuseHttpPath = true\n[b]\n");
    assert!(!Git.can_revert(&recorded, &added));
    let rest = "[user]\n\tname = a\n[credential]\n\n\tuseHttpPath = true\n[b]\n";
    assert_eq!(show(Git.without_ours(&recorded, &added).unwrap()).as_deref(), Some(rest));
    let commented = format!("{changed}# a comment\n\n[b]\nc = d\n");
    assert!(Git.can_revert(&recorded, &commented));
}

#[test]
fn ours_is_found_in_a_file_that_was_rewritten() {
    let (_, recorded) = set_up("");
    for (text, rest) in [
        ("[credential]\n\thelper = os-secrets\n[b]\n", Some("[b]\n")),
        ("[credential]\n\thelper=\n helper = \"os-secrets\"\n", Some("")),
        ("[Credential] Helper = os-secrets\n[b]\n", Some("\n[b]\n")),
        ("[a]\n[credential]\nusername = x\nhelper = os-secrets\n", Some("[a]\n[credential]\nusername = x\n")),
        ("[credential]\n# c\nhelper =\nhelper = os-secrets\n", Some("[credential]\n# c\n")),
        ("[credential]\nhelper = x\nhelper = os-secrets\n", Some("[credential]\nhelper = x\n")),
        ("[credential]\nhelper = store\n", None),
        ("[credential \"https://a\"]\nhelper = os-secrets\n", None),
        ("", None),
    ] {
        assert_eq!(show(Git.without_ours(&recorded, text).unwrap()).as_deref(), rest, "{text}");
    }
}

#[test]
fn our_names_are_known() {
    for (helper, ours) in [
        ("os-secrets", true),
        ("os-secrets --store /a", true),
        ("/usr/bin/git-credential-os-secrets", true),
        (r"/a\ b/git-credential-os-secrets --store x", true),
        ("C:/Program\\ Files/git-credential-os-secrets.exe", true),
        ("!secrets helper git", true),
        ("!'/a/git-credential-os-secrets.js'", true),
        ("store", false),
        ("/a/os-secrets", false),
        ("os-secrets-other", false),
        ("!echo os-secrets", false),
        ("", false),
    ] {
        assert_eq!(is_ours(helper), ours, "{helper}");
    }
}

#[test]
fn paths_are_quoted_for_the_shell_and_for_the_file() {
    for (path, value) in [
        ("/usr/bin/x", "/usr/bin/x"),
        ("/a b/x", r#""/a\\ b/x""#),
        ("/a'\"$;#é/x", r#""/a\\'\\\"\\$\\;\\#é/x""#),
    ] {
        let quoted = quote(&as_command(Path::new(path)).unwrap());
        assert_eq!(quoted, value);
        let text = format!("[credential]\nhelper = {quoted}\n");
        let config = GitConfig::parse(&text).unwrap();
        let (_, helper) = config.helpers().next().unwrap();
        assert_eq!(helper, as_command(Path::new(path)).unwrap());
    }
    assert_eq!(as_command(Path::new("/a\nb")), None);
}
