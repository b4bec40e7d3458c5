use super::*;
use crate::mask::Mask;

/// The text as a command's output with this value masked.
fn masked(value: &str, text: &str) -> String {
    let mask = Mask::new(printed_forms(vec![Secret::new(value.into())]));
    let (mut stream, mut out) = (mask.stream(), Vec::new());
    stream.push(text.as_bytes(), &mut out);
    stream.finish(&mut out);
    String::from_utf8(out).unwrap()
}

fn encoded(text: &str) -> String {
    String::from_utf8(base64(text.as_bytes()).expose().to_vec()).unwrap()
}

#[test]
fn lines_are_masked_without_their_indent() {
    let value = "first line\n\tsecond\r\n  abc\n   last line\n";
    assert_eq!(
        masked(value, "  first line\r\n> second\r\n  abc\n\tlast line\n"),
        "  ***\r\n> ***\r\n  abc\n\t***\n"
    );
    assert_eq!(masked(value, value), "***");
    assert_eq!(masked(value, &value.replace("\r\n", "\n")), "***");
    assert_eq!(masked(value, &value.replace("\r\n", "\n").replace('\n', "\r\n")), "***");
    assert_eq!(masked(value, value.trim_end()), "***");
}

#[test]
fn json_is_masked() {
    let value = "a\"b\\c\n<é/😀&='";
    for text in [
        r#"a\"b\\c\n<é/😀&='"#,
        r#"a\"b\\c\n\u003cé/😀\u0026='"#,
        r#"a\"b\\c\n\u003cé/😀\u0026\u003d\u0027"#,
        r#"a\"b\\c\n<\u00e9/\ud83d\ude00&='"#,
        r#"a\"b\\c\n<\u00E9/\uD83D\uDE00&='"#,
        r#"a\"b\\c\n<é\/😀&='"#,
        r#"a\"b\\c\n<\u00e9\/\ud83d\ude00&='"#,
        r#"a\u0022b\\c\n\u003C\u00E9/\uD83D\uDE00\u0026=\u0027"#,
        r#"a\\\"b\\\\c\\n<é/😀&='"#,
    ] {
        assert_eq!(masked(value, &format!("{{\"{text}\"}}")), "{\"***\"}", "{text}");
    }
}

#[test]
fn urls_are_masked() {
    let value = "a b/é~*!$";
    for text in [
        "a%20b%2F%C3%A9~%2A%21%24",
        "a%20b%2f%c3%a9~%2a%21%24",
        "a%20b%2F%C3%A9~*!%24",
        "a%20b/%C3%A9~%2A%21%24",
        "a%20b/%C3%A9~*!$",
        "a+b%2F%C3%A9%7E*%21%24",
        "a+b%2f%c3%a9~%2a%21%24",
    ] {
        assert_eq!(masked(value, &format!("?q={text}&")), "?q=***&");
    }
}

#[test]
fn base64_is_masked_at_every_offset() {
    for value in ["hunter2", "hunter22", "hunter222", "\u{3fe}>>>???\u{3ff}"] {
        assert_eq!(masked(value, &encoded(value)), "***");
        assert_eq!(masked(value, encoded(value).trim_end_matches('=')), "***");
        assert_eq!(masked(value, &encoded(&format!("{value}\n"))), "***");
        for user in ["", "a", "me", "bob"] {
            let text = encoded(&format!("{user}:{value}"));
            // The characters that hold bits of the user's name and of nothing else, and one with bits of both.
            let before = [0, 2, 3][(user.len() + 1) % 3] + (user.len() + 1) / 3 * 4;
            assert_eq!(masked(value, &text), format!("{}***", &text[..before]), "{user}:{value}");
            let for_urls = text.replace('+', "-").replace('/', "_");
            assert_eq!(masked(value, &for_urls), format!("{}***", &for_urls[..before]), "{user}:{value}");
            // With text behind it, one character with bits of both may follow.
            let text = encoded(&format!("{user}:{value}~~~"));
            let end = (user.len() + 1 + value.len()) * 8 / 6;
            let expected = format!("{}***{}", &text[..before], &text[end..]);
            assert_eq!(masked(value, &text), expected, "{user}:{value}");
        }
    }
}

#[test]
fn base64_in_lines_is_masked() {
    let value: String = (0..300).map(|number| char::from(b'!' + (number * 7 % 90) as u8)).collect();
    for length in [64, 76] {
        let text = encoded(&value);
        let lines: Vec<_> =
            text.as_bytes().chunks(length).map(|line| str::from_utf8(line).unwrap()).collect();
        assert_eq!(masked(&value, &lines.join("\n")), vec!["***"; lines.len()].join("\n"));
    }
}

#[test]
fn short_values_are_not_masked() {
    for (value, short) in [
        ("", false),
        ("\n\n\n\n", false),
        ("a", true),
        ("abc\n", true),
        ("äöü", true),
        ("äöüß", false),
        ("abcd", false),
    ] {
        let value = Secret::new(value.into());
        assert_eq!(is_too_short(&value), short);
        assert_eq!(
            printed_forms(vec![value.clone()]).is_empty(),
            value.expose().len() < 4 || value.expose().ends_with(b"\n") || short
        );
    }
    assert!(is_too_short(&Secret::new(vec![0xff; 3])));
    assert!(!is_too_short(&Secret::new(vec![0xff; 4])));
    assert_eq!(masked("abc", "abc YWJj"), "abc YWJj");
}

#[test]
fn large_values_are_masked_with_their_lines() {
    let value: String = (1000..30_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(masked(&value, &value), "***");
    assert_eq!(masked(&value, "1234-29999-999"), "***-***-999");
    assert!(printed_forms(vec![Secret::new(value.into())]).len() < 30_000);
}
