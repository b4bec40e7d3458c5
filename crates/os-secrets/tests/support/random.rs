//! Random numbers from a seed, and message bodies made of them, of any form that D-Bus allows.

use zbus::{Message, message::Builder, wire::Endian};

/// A generator of random numbers. A seed determines them (xorshift64*).
pub struct Random(u64);

impl Random {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        // Similar seeds, and zero, must not lead to similar numbers (splitmix64).
        let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((state ^ state >> 31) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        ((self.number() >> 32) as usize) % limit
    }

    /// `true` once in `times` calls, on average.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }

    /// Random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.number().to_be_bytes()[0]).collect()
    }

    /// A text of at most `limit` characters without NUL. Half of it is ASCII, with control characters.
    pub fn text(&mut self, limit: usize) -> String {
        let length = self.below(limit + 1);
        let character = |random: &mut Self| loop {
            let highest = if random.one_in(2) { 0x80 } else { 0x11_0000 };
            match char::from_u32(random.below(highest) as u32) {
                None | Some('\0') => {}
                Some(character) => return character,
            }
        };
        (0..length).map(|_| character(self)).collect()
    }
}

/// Lengths of byte arrays that have a meaning, such as those of blocks or of public numbers.
const LENGTHS: [usize; 14] = [0, 1, 15, 16, 17, 31, 32, 33, 48, 127, 128, 129, 130, 1000];

/// Types of variants that have a meaning in the specification.
const VARIANTS: [&str; 10] = ["ay", "b", "ao", "a{ss}", "s", "o", "v", "a{sv}", "(oayays)", "as"];

/// The types that contain no other types.
const BASIC: &[u8] = b"ybnqiuxtdsogh";

/// A message body that is being built.
pub struct Body<'a> {
    random: &'a mut Random,
    /// Texts and paths that have a meaning.
    texts: &'a [String],
    paths: &'a [String],
    /// The size of one value that is larger than usual. The first value that can have it takes it.
    giant: Option<usize>,
    /// How many variants contain the value that is being built.
    variants: usize,
    bytes: Vec<u8>,
}

impl<'a> Body<'a> {
    /// An empty body. One in `giants` bodies gets a giant value.
    pub fn new(random: &'a mut Random, texts: &'a [String], paths: &'a [String], giants: usize) -> Self {
        let giant = random.one_in(giants).then(|| 1 + random.below(100_000));
        Self { random, texts, paths, giant, variants: 0, bytes: Vec::new() }
    }

    /// Finishes a message with a body of this signature.
    pub fn build(mut self, message: Builder<'_>, signature: &str) -> Message {
        self.fill(signature.as_bytes());
        let whole = if signature.is_empty() { String::new() } else { format!("({signature})") };
        // SAFETY: `fill` has written values of exactly the types in the signature.
        unsafe { message.endian(Endian::Little).build_raw_body(&self.bytes, whole.as_str(), Vec::new()) }
            .unwrap()
    }

    /// Appends random values of these types.
    fn fill(&mut self, mut signature: &[u8]) {
        while !signature.is_empty() {
            let (first, rest) = signature.split_at(complete(signature));
            self.value(first);
            signature = rest;
        }
    }

    fn value(&mut self, kind: &[u8]) {
        self.align(alignment(kind[0]));
        let number = self.random.number();
        match kind[0] {
            b'y' => self.bytes.push(number as u8),
            b'n' | b'q' => self.bytes.extend((number as u16).to_le_bytes()),
            b'b' => self.length((number % 2) as usize),
            b'h' => self.length((number % 3) as usize),
            b'i' | b'u' => self.bytes.extend((number as u32).to_le_bytes()),
            b'x' | b't' | b'd' => self.bytes.extend(number.to_le_bytes()),
            b's' => {
                let text = match self.giant.take() {
                    Some(size) => "x".repeat(size * 40),
                    None if self.random.one_in(2) => self.random.pick(self.texts).clone(),
                    None => self.random.text(20),
                };
                self.text(&text);
            }
            b'o' => {
                let path = self.path();
                self.text(&path);
            }
            b'g' => {
                let signature = any_types(self.random);
                self.signature(&signature);
            }
            b'v' => {
                // The bus disconnects a sender that nests deeper than 64.
                let kind = match self.variants {
                    8.. => "y".to_owned(),
                    _ if self.random.one_in(2) => (*self.random.pick(&VARIANTS)).to_owned(),
                    _ => any_type(self.random, 3),
                };
                self.signature(&kind);
                self.variants += 1;
                self.fill(kind.as_bytes());
                self.variants -= 1;
            }
            b'a' if kind[1] == b'y' => {
                let length = match self.giant.take() {
                    Some(size) => size * 40,
                    None => *self.random.pick(&LENGTHS),
                };
                self.length(length);
                let bytes = self.random.bytes(length);
                self.bytes.extend(bytes);
            }
            b'a' => self.array(&kind[1..]),
            _ => self.fill(&kind[1..kind.len() - 1]),
        }
    }

    fn array(&mut self, kind: &[u8]) {
        let count = if BASIC.contains(&kind[0]) { self.giant.take() } else { None };
        let count = count.unwrap_or_else(|| self.random.below(4));
        let start = self.bytes.len();
        self.length(0);
        self.align(alignment(kind[0]));
        let first = self.bytes.len();
        (0..count).for_each(|_| self.value(kind));
        let length = (self.bytes.len() - first) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    fn path(&mut self) -> String {
        if !self.random.one_in(4) {
            return self.random.pick(self.paths).clone();
        }
        let max = if self.random.one_in(50) { 5_000 } else { 4 };
        let elements = 1 + self.random.below(max);
        (0..elements).map(|_| format!("/{:x}", self.random.number() >> 44)).collect()
    }

    fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    fn length(&mut self, length: usize) {
        self.bytes.extend((length as u32).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
    }

    fn signature(&mut self, signature: &str) {
        self.bytes.push(signature.len() as u8);
        self.bytes.extend(signature.as_bytes());
        self.bytes.push(0);
    }
}

/// A signature of at most three complete types.
pub fn any_types(random: &mut Random) -> String {
    (0..random.below(4)).map(|_| any_type(random, 3)).collect()
}

fn any_type(random: &mut Random, depth: usize) -> String {
    let basic = |random: &mut Random| char::from(*random.pick(BASIC)).to_string();
    match random.below(if depth == 0 { 2 } else { 6 }) {
        0 => basic(random),
        1 => "v".to_owned(),
        2 => format!("a{}", any_type(random, depth - 1)),
        3 => format!("a{{{}{}}}", basic(random), any_type(random, depth - 1)),
        _ => {
            let fields: String = (0..=random.below(3)).map(|_| any_type(random, depth - 1)).collect();
            format!("({fields})")
        }
    }
}

/// The length of the first complete type in a signature.
fn complete(signature: &[u8]) -> usize {
    match signature[0] {
        b'a' => 1 + complete(&signature[1..]),
        b'(' | b'{' => {
            let mut end = 1;
            while !matches!(signature[end], b')' | b'}') {
                end += complete(&signature[end..]);
            }
            end + 1
        }
        _ => 1,
    }
}

fn alignment(kind: u8) -> usize {
    match kind {
        b'n' | b'q' => 2,
        b'y' | b'g' | b'v' => 1,
        b'x' | b't' | b'd' | b'(' | b'{' => 8,
        _ => 4,
    }
}
