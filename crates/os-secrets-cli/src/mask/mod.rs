//! Masks values in streams of bytes: each becomes `***`. `forms/` has the forms in which a value is printed.
//!
//! The values are an Aho–Corasick automaton, so the time for a text depends neither on their number nor on their
//! similarity. A table of the values' first bytes skips what can begin none of them.

use zeroize::Zeroizing;

use os_secrets::credential::Secret;

mod forms;

pub use forms::{MIN_CHARACTERS, is_too_short, printed_forms};

/// The replacement for a value.
const STARS: &[u8] = b"***";
const ROOT: u32 = 0;
/// How many of a value's first bytes the table has.
const START: usize = 4;
/// The number of entries of the table, as a power of two. It is small enough for the processor's cache, and most entries
/// stay empty, because even a hundred secrets have only a few thousand forms.
const TABLE_BITS: u32 = 19;

/// The values to mask. They are wiped when this is dropped.
pub struct Mask {
    /// All values, one after the other.
    text: Zeroizing<Vec<u8>>,
    /// The prefixes of the values, each once, by length. The first is the empty one.
    nodes: Vec<Node>,
    /// The last byte of each prefix. Those of the prefixes that are longer by one byte are side by side.
    labels: Zeroizing<Vec<u8>>,
    /// For each byte, the node of that prefix, or [`ROOT`].
    first: Zeroizing<[u32; 256]>,
    /// A bit for each hash of [`START`] bytes: whether a value may start with them. Most bytes of most texts need nothing
    /// else.
    starts: Zeroizing<Vec<u64>>,
}

/// A prefix of a value. The bytes stay in [`Mask::text`].
#[derive(Clone, Copy, Default)]
struct Node {
    /// The end of the prefix in the text.
    end: u32,
    /// The length of the prefix.
    depth: u32,
    /// The node of its longest proper suffix that is a prefix of a value as well.
    suffix: u32,
    /// The length of the longest value that it ends with, or 0.
    covers: u32,
    /// The first of the prefixes that are longer by one byte.
    child: u32,
    /// Their number.
    children: u32,
}

impl Mask {
    /// Masks these values. Empty ones are ignored.
    pub fn new(mut values: Vec<Secret>) -> Self {
        values.retain(|value| !value.expose().is_empty());
        values.sort_unstable_by(|one, other| one.expose().cmp(other.expose()));
        // The buffers have their final size, because growing them would leave copies behind.
        let size = values.iter().map(|value| value.expose().len()).sum();
        let mut mask = Self {
            text: Zeroizing::new(Vec::with_capacity(size)),
            nodes: Vec::with_capacity(size + 1),
            labels: Zeroizing::new(Vec::with_capacity(size + 1)),
            first: Zeroizing::new([ROOT; 256]),
            starts: Zeroizing::new(vec![0; 1 << TABLE_BITS >> 6]),
        };
        mask.add_nodes(&values);
        mask
    }

    /// A new stream. Streams are independent of each other.
    pub fn stream(&self) -> MaskedStream<'_> {
        MaskedStream { mask: self, state: ROOT, read: 0, written: 0, shown: 0, found: Vec::new() }
    }

    /// Adds the prefixes of the values, which are sorted. Shorter ones go first, because longer ones refer to them.
    fn add_nodes(&mut self, values: &[Secret]) {
        let mut offsets = Vec::with_capacity(values.len());
        for value in values {
            self.add_start(value.expose());
            offsets.push(self.text.len());
            self.text.extend_from_slice(value.expose());
        }
        self.nodes.push(Node::default());
        self.labels.push(0);
        // The values that start with the prefix of each node.
        let mut ranges = Vec::with_capacity(self.nodes.capacity());
        ranges.push(0..values.len());
        let mut parent = ROOT;
        while let Some(mut range) = ranges.get(parent as usize).cloned() {
            let Node { depth, suffix, .. } = self.node(parent);
            let length = depth as usize;
            range.start += values[range.clone()].partition_point(|value| value.expose().len() == length);
            let child = self.nodes.len() as u32;
            while let Some(value) = values[range.clone()].first() {
                let byte = value.expose()[length];
                let count = values[range.clone()].partition_point(|value| value.expose()[length] == byte);
                let suffix = if parent == ROOT { ROOT } else { self.next(suffix, byte) };
                let is_value = value.expose().len() == length + 1;
                let covers = if is_value { depth + 1 } else { self.node(suffix).covers };
                let end = (offsets[range.start] + length + 1) as u32;
                if parent == ROOT {
                    self.first[usize::from(byte)] = self.nodes.len() as u32;
                }
                self.nodes.push(Node { end, depth: depth + 1, suffix, covers, ..Node::default() });
                self.labels.push(byte);
                ranges.push(range.start..range.start + count);
                range.start += count;
            }
            let children = self.nodes.len() as u32 - child;
            let node = &mut self.nodes[parent as usize];
            (node.child, node.children) = (child, children);
            parent += 1;
        }
    }

    fn add_start(&mut self, value: &[u8]) {
        match value.first_chunk().map(entry) {
            Some(entry) => self.starts[entry / 64] |= 1 << (entry % 64),
            // Anything may follow the bytes of a shorter value.
            None => self.starts.fill(u64::MAX),
        }
    }

    /// The number of bytes at the beginning of a text, outside of any value, in which none starts.
    fn skip(&self, text: &[u8]) -> usize {
        let may_start = |window: &[u8]| {
            window
                .first_chunk()
                .map(entry)
                .is_some_and(|entry| self.starts[entry / 64] >> (entry % 64) & 1 != 0)
        };
        text.windows(START).position(may_start).unwrap_or((text.len() + 1).saturating_sub(START))
    }

    fn node(&self, at: u32) -> Node {
        self.nodes[at as usize]
    }

    fn prefix(&self, at: u32) -> &[u8] {
        let Node { end, depth, .. } = self.node(at);
        &self.text[(end - depth) as usize..end as usize]
    }

    /// The prefix that is longer by this byte, or [`ROOT`].
    fn child(&self, at: u32, byte: u8) -> u32 {
        if at == ROOT {
            return self.first[usize::from(byte)];
        }
        let Node { child, children, .. } = self.node(at);
        let labels = &self.labels[child as usize..(child + children) as usize];
        labels.iter().position(|label| *label == byte).map_or(ROOT, |index| child + index as u32)
    }

    /// The longest prefix at the end of a text, if it was `at` before this byte.
    fn next(&self, mut at: u32, byte: u8) -> u32 {
        loop {
            match self.child(at, byte) {
                ROOT if at == ROOT => return ROOT,
                ROOT => at = self.node(at).suffix,
                child => return child,
            }
        }
    }
}

/// The entry of the table for the first bytes of a value: the highest bits of a product (Fibonacci hashing).
fn entry(start: &[u8; START]) -> usize {
    (u32::from_le_bytes(*start).wrapping_mul(0x9E37_79B1) >> (u32::BITS - TABLE_BITS)) as usize
}

/// A stream with its values masked.
///
/// Values that overlap become one `***`; values that only touch become one each. Bytes that may be the beginning of a
/// value are held back until more bytes or the end decide. All others are passed on at once.
pub struct MaskedStream<'a> {
    mask: &'a Mask,
    /// The longest end of the stream that may be the beginning of a value. Its bytes are held back; they are those of
    /// the node, so they need no copy.
    state: u32,
    /// The number of bytes that were read.
    read: u64,
    /// The number of bytes that were passed on or masked.
    written: u64,
    /// The number of bytes read when text that was held back was shown. What it began is masked from here on.
    shown: u64,
    /// The values found after `written`: start and end, in order and without overlap.
    found: Vec<(u64, u64)>,
}

impl MaskedStream<'_> {
    /// Takes the next bytes, and appends to `out` what is decided now.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mask = self.mask;
        let text = Undecided { held: mask.prefix(self.state), chunk, start: self.read };
        let mut rest = chunk;
        while let [byte, after @ ..] = rest {
            if self.state == ROOT {
                let skipped = mask.skip(rest);
                if skipped > 0 {
                    self.read += skipped as u64;
                    rest = &rest[skipped..];
                    continue;
                }
            }
            rest = after;
            self.read += 1;
            self.state = mask.next(self.state, *byte);
            let covers = u64::from(mask.node(self.state).covers);
            if covers > 0 {
                self.add_found(self.read - covers);
            }
        }
        self.settle(self.read - u64::from(mask.node(self.state).depth), &text, out);
    }

    /// Whether [`show_held`](Self::show_held) has something to show.
    ///
    /// The beginning of a value is shown once only. Otherwise a command that prints a value byte by byte with pauses
    /// would show it. Beginnings so short that a value of their length is not masked are no secret.
    pub fn can_show_held(&self) -> bool {
        let depth = self.mask.node(self.state).depth;
        let is_first = self.read - u64::from(depth) >= self.shown;
        self.written < self.read && (is_first || (depth as usize) < MIN_CHARACTERS)
    }

    /// Appends what is held back, because a user may be waiting for it: a prompt can end like the beginning of a value.
    /// If the rest of the value follows, the rest is masked.
    pub fn show_held(&mut self, out: &mut Vec<u8>) {
        if self.can_show_held() {
            let text = Undecided { held: self.mask.prefix(self.state), chunk: &[], start: self.read };
            self.settle(self.read, &text, out);
            self.shown = self.read;
        }
    }

    /// Ends the stream, and appends what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let text = Undecided { held: self.mask.prefix(self.state), chunk: &[], start: self.read };
        self.settle(self.read, &text, out);
        self.state = ROOT;
    }

    /// Adds a value that starts there and ends with the last byte read.
    fn add_found(&mut self, mut start: u64) {
        let end = self.read;
        if start < self.written && self.written == self.shown {
            // Its beginning was shown.
            start = self.written;
        }
        if start < self.written {
            // It overlaps one that was masked already, and covers all that were found since.
            self.found.clear();
            self.written = end;
            return;
        }
        while let Some((before, _)) = self.found.pop_if(|(_, until)| *until > start) {
            start = start.min(before);
        }
        self.found.push((start, end));
    }

    /// Appends what is decided: no value that is still to come starts before `until`.
    fn settle(&mut self, until: u64, text: &Undecided<'_>, out: &mut Vec<u8>) {
        let is_decided = |start| start <= until || (start == self.shown && start == self.written);
        let count = self.found.iter().take_while(|(start, _)| is_decided(*start)).count();
        for (start, end) in self.found.drain(..count) {
            text.copy(self.written, start, out);
            out.extend_from_slice(STARS);
            self.written = end;
        }
        if self.written < until {
            text.copy(self.written, until, out);
            self.written = until;
        }
    }
}

/// The bytes that are not decided yet: those held back, and the chunk after them.
struct Undecided<'a> {
    held: &'a [u8],
    chunk: &'a [u8],
    /// The position of the chunk in the stream.
    start: u64,
}

impl Undecided<'_> {
    fn copy(&self, from: u64, until: u64, out: &mut Vec<u8>) {
        let base = self.start - self.held.len() as u64;
        let (from, until) = ((from - base) as usize, (until - base) as usize);
        let length = self.held.len();
        out.extend_from_slice(&self.held[from.min(length)..until.min(length)]);
        out.extend_from_slice(&self.chunk[from.max(length) - length..until.max(length) - length]);
    }
}

#[cfg(test)]
mod tests;
