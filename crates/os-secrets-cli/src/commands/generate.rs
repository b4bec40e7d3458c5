//! `generate`: stores a new random value.

use zeroize::Zeroizing;

use super::get::print_secret;
use crate::{args::GenerateArgs, context::Context, failure::Failure, values::ValueLocks};
use os_secrets::{credential::Secret, error::Error, progress::Progress};

/// The alphabets that have a name.
const ALPHABETS: [(&str, &str); 6] = [
    ("alnum", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
    ("lower", "abcdefghijklmnopqrstuvwxyz0123456789"),
    ("hex", "0123456789abcdef"),
    ("digits", "0123456789"),
    ("url", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
    (
        "ascii",
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
    ),
];
/// The maximum number of characters in an alphabet. One random byte chooses one of them.
const MAX_CHARACTERS: usize = 256;
/// How many random bytes are asked for at once.
const CHUNK: usize = 256;

pub fn generate(context: &Context, arguments: GenerateArgs) -> Result<(), Failure> {
    let GenerateArgs { credential, length, alphabet, force, print } = arguments;
    let target = context.target(credential, || context.scope_to_change())?;
    let alphabet = parse_alphabet(&alphabet).map_err(|reason| Failure::Usage(reason.into()))?;
    // Otherwise, two programs could both find that there is no value, and one would lose that of the other.
    let _locks = if force { ValueLocks::default() } else { context.lock_values([&target])? };
    if !force && context.has_value(&target, Progress::reading(true))? {
        return Err(Failure::Refused(
            format!("{} exists already. Nothing was changed; to replace it, use --force", target.label())
                .into(),
        ));
    }
    let value = random_text(&alphabet, length as usize, fill_randomly)?;
    let scope = target.scope();
    context.set_value(target, value.clone())?;
    context.note_readers(scope);
    if print { print_secret(context, &value, false) } else { context.output.write(b"") }
}

/// The characters of an alphabet. The word is its name, or the characters themselves.
fn parse_alphabet(word: &str) -> Result<Vec<char>, &'static str> {
    if let Some((_, characters)) = ALPHABETS.iter().find(|(name, _)| *name == word) {
        return Ok(characters.chars().collect());
    }
    let characters: Vec<_> = word.chars().collect();
    let mut sorted = characters.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() < characters.len() {
        // It would be chosen more often than the others.
        return Err(
            "--alphabet has a character twice; give each once, or one of alnum, lower, hex, digits, url, ascii",
        );
    }
    if characters.iter().any(|character| character.is_control()) {
        return Err("--alphabet must not have control characters");
    }
    match characters.len() {
        0 | 1 => Err("--alphabet must have at least two characters"),
        2..=MAX_CHARACTERS => Ok(characters),
        _ => Err("--alphabet must have at most 256 characters"),
    }
}

/// A text of this many characters of the alphabet. Each has the same probability. `fill` gives random bytes.
fn random_text(
    alphabet: &[char],
    length: usize,
    mut fill: impl FnMut(&mut [u8]) -> Result<(), Error>,
) -> Result<Secret, Error> {
    // The remainder would give the first characters of the alphabet a higher probability. So the bytes beyond the largest
    // multiple of its size are not used.
    let usable = MAX_CHARACTERS - MAX_CHARACTERS % alphabet.len();
    let mut text = Zeroizing::new(Vec::with_capacity(length * 4));
    let mut random = Zeroizing::new([0; CHUNK]);
    let mut left = length;
    while left > 0 {
        fill(&mut *random)?;
        for byte in random.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < usable).take(left) {
            let character = alphabet[byte % alphabet.len()];
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            left -= 1;
        }
    }
    Ok(Secret::new(std::mem::take(&mut *text)))
}

fn fill_randomly(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|_| Error::Internal("the system gives no random numbers".into()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_character_has_the_same_share_of_the_bytes() {
        for alphabet in ALPHABETS.iter().map(|(_, characters)| *characters).chain(["ab", "äöüß€👋x"])
        {
            let alphabet: Vec<_> = alphabet.chars().collect();
            let share = MAX_CHARACTERS / alphabet.len();
            // All bytes once, in an order in which the last ones come first.
            let fill = |bytes: &mut [u8]| {
                bytes.iter_mut().zip((0..=u8::MAX).rev()).for_each(|(to, byte)| *to = byte);
                Ok(())
            };
            let text = random_text(&alphabet, share * alphabet.len(), fill).unwrap();
            let mut counts = HashMap::new();
            for character in str::from_utf8(text.expose()).unwrap().chars() {
                *counts.entry(character).or_insert(0) += 1;
            }
            assert_eq!(counts.len(), alphabet.len());
            assert!(counts.values().all(|count| *count == share), "{counts:?}");
        }
    }

    #[test]
    fn alphabets_with_a_name_have_each_character_once() {
        for (name, characters) in ALPHABETS {
            assert_eq!(parse_alphabet(characters), parse_alphabet(name));
        }
    }

    #[test]
    fn an_alphabet_of_one_character_or_with_one_twice_is_refused() {
        let many: String = (0..257).filter_map(|at| char::from_u32(0x4e00 + at)).collect();
        for wrong in ["", "a", "aba", "ab\n", "ab\u{7f}", &many] {
            assert!(parse_alphabet(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(parse_alphabet("xeh").unwrap(), ['x', 'e', 'h']);
    }
}
