use super::*;

fn read(text: &str) -> Result<Vec<(String, String)>, String> {
    let text_of = |secret: Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
    match parse(text.as_bytes()) {
        Ok(found) => Ok(found.into_iter().map(|found| (found.name, text_of(found.value))).collect()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn values_are_those_of_node() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("\n \n\t\r\n# A=1\n  # 'b", &[]),
        ("A=1", &[("A", "1")]),
        ("A=1\nB=2\n", &[("A", "1"), ("B", "2")]),
        ("  A =\t1 2  \n\tB\t= 2\t", &[("A", "1 2"), ("B", "2")]),
        ("_a.b-C1=x", &[("_a.b-C1", "x")]),
        ("A=1\r\nB=2\r\n\r\nC=3\r", &[("A", "1"), ("B", "2"), ("C", "3")]),
        ("\u{feff}A=1", &[("A", "1")]),
        ("A=1\nB=2\nA=3", &[("A", "3"), ("B", "2")]),
        ("A=\nB=", &[("A", ""), ("B", "")]),
        ("A=  ", &[("A", "")]),
        ("A= \t\nB=x", &[("A", ""), ("B", "x")]),
        ("A= \r\nB=x", &[("A", ""), ("B", "x")]),
        ("A==x=y", &[("A", "=x=y")]),
        ("A=$B ${B} $(b)", &[("A", "$B ${B} $(b)")]),
        ("A=x\\ny\\", &[("A", "x\\ny\\")]),
        ("A='\u{a0}ä\u{c}'", &[("A", "\u{a0}ä\u{c}")]),
        ("A=x\u{a0}ä", &[("A", "x\u{a0}ä")]),
        // `export`.
        ("export A=1\n export \t B=2", &[("A", "1"), ("B", "2")]),
        ("export=1\nexportA=2", &[("export", "1"), ("exportA", "2")]),
        ("export =1", &[("export", "1")]),
        // Comments.
        ("A=x # \"y\" # z\nB=x\t#", &[("A", "x"), ("B", "x")]),
        ("A= # x", &[("A", "")]),
        ("A=x # y\rz", &[("A", "x")]),
        ("A='x'#y\nB=\"x\" \t# 'y\nC=`x`\t", &[("A", "x"), ("B", "x"), ("C", "x")]),
        // Quotes.
        ("A='' \nB=\"\"\nC=``", &[("A", ""), ("B", ""), ("C", "")]),
        ("A = ' x # ' ", &[("A", " x # ")]),
        ("A='\"`'\nB=\"'`\"\nC=`'\"`", &[("A", "\"`"), ("B", "'`"), ("C", "'\"")]),
        ("A=x\"y\"", &[("A", "x\"y\"")]),
        ("A='x\n# y\nB=z'\r\nC=1", &[("A", "x\n# y\nB=z"), ("C", "1")]),
        ("A=\"x\r\n\ny\"\nB=`\n`", &[("A", "x\n\ny"), ("B", "\n")]),
        ("A=\"\\n\\nx\\n\"", &[("A", "\n\nx\n")]),
        ("A='\\n\\r\\\\\\d'\nB=`\\n\\t`", &[("A", "\\n\\r\\\\\\d"), ("B", "\\n\\t")]),
    ];
    for (text, expected) in cases {
        let expected = expected.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        assert_eq!(read(text), Ok(expected), "{text:?}");
    }
}

#[test]
fn faults_name_the_line_and_nothing_of_it() {
    for (text, line, what) in [
        ("A=1\nsecret", 2, NO_PAIR),
        ("A=1\r\n\r\n=secret", 3, NO_PAIR),
        ("A: secret", 1, NO_PAIR),
        ("export secret", 1, NO_PAIR),
        ("exportA secret=1", 1, NO_PAIR),
        ("export export A=secret", 1, NO_PAIR),
        ("A\n=secret", 1, NO_PAIR),
        ("1A=secret", 1, NO_PAIR),
        ("-A=secret", 1, NO_PAIR),
        ("ä=secret", 1, NO_PAIR),
        ("\rA=secret", 1, NO_PAIR),
        ("#\n#\n\nA='secret\nB=2", 4, UNCLOSED),
        ("A=\"secret'`", 1, UNCLOSED),
        ("A=`", 1, UNCLOSED),
        ("A=\"secret\nB=\"secret\"", 2, AFTER_QUOTE),
        ("A='secret' 'secret'", 1, AFTER_QUOTE),
        ("A=\"{\\\"secret\\\":1}\"", 1, ESCAPE),
        ("A=\"x\n\\r\"", 2, ESCAPE),
        ("A=\"\\t\"", 1, ESCAPE),
        ("A=\"\\\\n\"", 1, ESCAPE),
        ("A=\"\\$secret\"", 1, ESCAPE),
        ("A=\"C:\\secret\"", 1, ESCAPE),
        ("A='it\\'s'", 1, BEFORE_QUOTE),
        ("A='\nsecret\\'\nB='1'", 2, BEFORE_QUOTE),
        ("A=`secret\\`", 1, BEFORE_QUOTE),
        ("A=\u{a0}secret", 1, SPACE),
        ("A=secret\u{c}", 1, SPACE),
        ("\nA=secret\u{feff} # x", 2, SPACE),
        ("A='secret'\rB=1", 1, AFTER_QUOTE),
        ("\nA=secret#1", 2, HASH),
        ("A=#secret", 1, HASH),
        ("A=secret#1 # 2\nB", 1, HASH),
        ("A=1\nB=secret\rC=1", 2, RETURN),
        ("A='\r\nsecret\rsecret'", 2, RETURN),
        ("A='secret\r'", 1, RETURN),
    ] {
        assert_eq!(read(text), Err(format!("line {line}: {what}")), "{text:?}");
    }
    let error = parse(b"A=1\nB=\xff\nC=2").err().unwrap();
    assert_eq!(error, SyntaxError { line: 2, what: NOT_TEXT });
}

#[test]
fn a_key_has_the_lines_that_it_stands_on() {
    let found = parse(b"A=1\n\nB='\n\n'\nexport A=2\r\n A=3\nC=\n").unwrap();
    let lines: Vec<_> = found.iter().map(|found| (&*found.name, &*found.lines)).collect();
    assert_eq!(lines, [("A", &[1, 6, 7][..]), ("B", &[3]), ("C", &[8])]);
}

#[test]
fn utf_16_is_read_by_its_mark_and_told_without() {
    let bytes = |text: &str, to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    };
    for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let found = parse(&bytes("\u{feff}A=1\r\nB='ä🔑'\r\n", to_bytes)).unwrap();
        let values: Vec<_> = found.iter().map(|found| (&*found.name, found.value.expose())).collect();
        assert_eq!(values, [("A", &b"1"[..]), ("B", "ä🔑".as_bytes())]);
        let error = |bytes: &[u8]| parse(bytes).err().unwrap();
        assert_eq!(error(&bytes("\u{feff}A=1\nB", to_bytes)), SyntaxError { line: 2, what: NO_PAIR });
        assert_eq!(error(&bytes("A=1\nB=2", to_bytes)), SyntaxError { line: 1, what: NO_MARK });
        let mut half = bytes("\u{feff}A=1\nB=", to_bytes);
        half.push(1);
        assert_eq!(error(&half), SyntaxError { line: 2, what: NOT_UTF16 });
        half.pop();
        half.extend(to_bytes(0xd83d));
        assert_eq!(error(&half), SyntaxError { line: 2, what: NOT_UTF16 });
    }
}
