use super::*;

fn mask(values: &[&[u8]]) -> Mask {
    Mask::new(values.iter().map(|value| Secret::new(value.to_vec())).collect())
}

/// The output after each chunk, and at the end. `after_chunk` may add to it.
fn steps_with(
    values: &[&str],
    chunks: &[&str],
    after_chunk: impl Fn(&mut MaskedStream<'_>, &mut Vec<u8>),
) -> Vec<String> {
    let values: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
    let mask = mask(&values);
    let mut stream = mask.stream();
    let mut steps = Vec::new();
    for chunk in chunks {
        let mut out = Vec::new();
        stream.push(chunk.as_bytes(), &mut out);
        after_chunk(&mut stream, &mut out);
        steps.push(String::from_utf8(out).unwrap());
    }
    let mut out = Vec::new();
    stream.finish(&mut out);
    steps.push(String::from_utf8(out).unwrap());
    steps
}

/// The output after each chunk, and at the end.
fn steps(values: &[&str], chunks: &[&str]) -> Vec<String> {
    steps_with(values, chunks, |_, _| {})
}

#[test]
fn whole_texts() {
    for (values, text, expected) in [
        (&["hunter2"][..], "it is hunter2!", "it is ***!"),
        (&["hunter2"], "hunter", "hunter"),
        (&["hunter2"], "hunterhunter2", "hunter***"),
        (&[], "as it is", "as it is"),
        (&[""], "as it is", "as it is"),
        (&["ab", "ab"], "abc", "***c"),
        // Values that touch, and values that overlap.
        (&["ab"], "abab", "******"),
        (&["aXa"], "aXaXa", "***"),
        (&["aXa"], "aXaaXa", "******"),
        (&["aa"], "aaaaa", "***"),
        (&["a"], "aaa", "*********"),
        (&["abc", "cde"], "abcde", "***"),
        (&["ab", "cd"], "abcd", "******"),
        // Values within values.
        (&["abcd", "bc"], "abcd bc abce", "*** *** a***e"),
        (&["bc", "abcd", "cdef"], "abcdefg", "***g"),
        (&["ab", "b", "abcd"], "abc", "***c"),
        (&["*", "**"], "***", "***"),
        (&["é"], "caf\u{e9}s", "caf***s"),
    ] {
        assert_eq!(steps(values, &[text]).concat(), expected, "{values:?} in {text:?}");
    }
}

#[test]
fn only_what_may_be_a_value_waits() {
    assert_eq!(steps(&["hunter2"], &["Password: "]), ["Password: ", ""]);
    assert_eq!(steps(&["hunter2"], &["a hun", "ter", "2 b"]), ["a ", "", "*** b", ""]);
    assert_eq!(steps(&["hunter2"], &["a hun", "ted"]), ["a ", "hunted", ""]);
    assert_eq!(steps(&["hunter2"], &["hunte", "hunt"]), ["", "hunte", "hunt"]);
    // A value is masked as soon as it is complete, even if another may overlap its end.
    assert_eq!(steps(&["aXa"], &["aXa", "X", "a", "b"]), ["***", "", "", "b", ""]);
    assert_eq!(steps(&["aXa"], &["aXa", "X", "b"]), ["***", "", "Xb", ""]);
    // But not while a value that starts earlier may still follow.
    assert_eq!(steps(&["abcd", "bc"], &["abc", "d"]), ["", "***", ""]);
    assert_eq!(steps(&["abcd", "bc"], &["abc", "e"]), ["", "a***e", ""]);
    assert_eq!(steps(&["abcd", "bc"], &["abc"]), ["", "a***"]);
    // The shorter of two is masked at once.
    assert_eq!(steps(&["ab", "abcd"], &["ab", "c", "d"]), ["***", "", "", ""]);
    assert_eq!(steps(&["ab", "abcd"], &["ab", "c", "x"]), ["***", "", "cx", ""]);
}

/// The output after each chunk, with what is held back shown after each, and at the end.
fn shown_steps(values: &[&str], chunks: &[&str]) -> Vec<String> {
    steps_with(values, chunks, |stream, out| {
        let before = out.len();
        let can = stream.can_show_held();
        stream.show_held(out);
        assert_eq!(can, out.len() > before);
        assert!(!stream.can_show_held() || out.len() == before);
    })
}

#[test]
fn a_prompt_is_shown_and_the_rest_of_a_value_is_not() {
    let values = &["hunter2"];
    assert_eq!(shown_steps(values, &["Name: hunt"]), ["Name: hunt", ""]);
    assert_eq!(shown_steps(values, &["Name: hunt", "er2 b"]), ["Name: hunt", "*** b", ""]);
    assert_eq!(shown_steps(values, &["Name: hunt", "er2"]), ["Name: hunt", "***", ""]);
    assert_eq!(shown_steps(values, &["Name: hunt", "ed"]), ["Name: hunt", "ed", ""]);
    // A value that overlaps what was shown and another one.
    assert_eq!(shown_steps(&["abcdef", "efgh"], &["abc", "defgh."]), ["abc", "***.", ""]);
    assert_eq!(shown_steps(&["aXaXa"], &["aX", "aXa", "Xa"]), ["aX", "***", "", ""]);
    // A shorter value in what is held back is masked.
    assert_eq!(shown_steps(&["abcd", "bc"], &["abc", "d"]), ["a***", "***", ""]);
}

#[test]
fn a_value_in_many_pieces_is_shown_once() {
    let pieces = ["h", "u", "n", "t", "e", "r", "2", "\n"];
    assert_eq!(shown_steps(&["hunter2"], &pieces), ["h", "u", "n", "", "", "", "***", "\n", ""]);
    assert_eq!(shown_steps(&["hunter2"], &["hunt", "e", "r", "s"]), ["hunt", "", "", "ers", ""]);
    // The next beginning is another one.
    assert_eq!(
        shown_steps(&["hunter2"], &["hunt", "er2", " hunt", "er2"]),
        ["hunt", "***", " hunt", "***", ""]
    );
}

/// The expected output after a text that may continue, if no later value starts before `until`.
fn reference(values: &[Vec<u8>], text: &[u8], until: usize) -> Vec<u8> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for start in 0..text.len() {
        for value in values {
            if !value.is_empty() && text[start..].starts_with(value) {
                found.push((start, start + value.len()));
            }
        }
    }
    let mut out = Vec::new();
    let (mut at, mut rest) = (0, found.into_iter().peekable());
    while let Some((start, mut end)) = rest.next_if(|(start, _)| *start <= until) {
        while let Some((_, further)) = rest.next_if(|(next, _)| *next < end) {
            end = end.max(further);
        }
        out.extend_from_slice(&text[at..start]);
        out.extend_from_slice(STARS);
        at = end;
    }
    out.extend_from_slice(&text[at..until.max(at)]);
    out
}

/// The number of bytes at the end of a text that may be the beginning of a value.
fn undecided(values: &[Vec<u8>], text: &[u8]) -> usize {
    let may = |length: usize| {
        values.iter().any(|value| length < value.len() && value.starts_with(&text[text.len() - length..]))
    };
    (0..=text.len()).rev().find(|&length| may(length)).unwrap_or(0)
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }

    fn text(&mut self, letters: usize, length: usize) -> Vec<u8> {
        (0..length).map(|_| b'a' + self.below(letters) as u8).collect()
    }
}

/// Cuts short texts in every way, and longer ones in some.
#[test]
fn chunks_make_no_difference() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..6_000 {
        let letters = 1 + random.below(3);
        let count = random.below(5);
        let values: Vec<_> = (0..count)
            .map(|_| {
                let length = random.below(7);
                random.text(letters, length)
            })
            .collect();
        let length = if round % 2 == 0 { random.below(9) } else { random.below(60) };
        let text = random.text(letters, length);
        let mask = Mask::new(values.iter().cloned().map(Secret::new).collect());
        let expected = reference(&values, &text, text.len());
        let ways = if length < 9 { 1_u64 << length.saturating_sub(1) } else { 20 };
        for way in 0..ways {
            let cuts = if length < 9 { way } else { random.0.rotate_left(way as u32) };
            let (mut stream, mut out, mut from) = (mask.stream(), Vec::new(), 0);
            for to in 1..=text.len() {
                if to < text.len() && cuts >> (to - 1) & 1 == 0 {
                    continue;
                }
                stream.push(&text[from..to], &mut out);
                from = to;
                let known = &text[..to];
                let settled = reference(&values, known, to - undecided(&values, known));
                assert_eq!(out, settled, "{values:?} after {known:?} cut at {cuts:b}");
            }
            stream.finish(&mut out);
            assert_eq!(out, expected, "{values:?} in {text:?} cut at {cuts:b}");
        }
    }
}

/// A hundred similar values, in a text that consists of their common beginning.
#[test]
fn many_values_in_a_long_text() {
    let values: Vec<_> = (0..100).map(|number| format!("{}{number:02}", "a".repeat(500))).collect();
    let mask = Mask::new(values.iter().map(|value| Secret::new(value.clone().into())).collect());
    let text = "a".repeat(8 << 20);
    let (mut stream, mut out) = (mask.stream(), Vec::new());
    stream.push(text.as_bytes(), &mut out);
    assert_eq!(out.len(), text.len() - 500);
    stream.push(b"42", &mut out);
    assert!(out.ends_with(b"a***"));
    assert_eq!(out.len(), text.len() - 500 + 3);
}
