//! Masks values in streams of bytes: what any of them covers becomes `***`.
//!
//! The values are held as an Aho–Corasick automaton, so that the time a text takes depends neither on
//! their number nor on how they resemble each other.

use zeroize::Zeroizing;

use os_secrets::credential::Secret;

/// What stands for a value.
const STARS: &[u8] = b"***";
const ROOT: u32 = 0;

/// The values to mask. They are overwritten with zeros when it is dropped.
pub struct Mask {
    /// All values, one after the other.
    text: Zeroizing<Vec<u8>>,
    /// What values begin with, each once; the first is the beginning of all.
    nodes: Vec<Node>,
    /// The nodes of one byte, or [`ROOT`]. Most bytes of most texts need no more.
    first: Zeroizing<[u32; 256]>,
}

/// A prefix of a value. The bytes stay in [`Mask::text`].
#[derive(Clone, Copy, Default)]
struct Node {
    /// Where in the text it ends, and how long it is.
    end: u32,
    depth: u32,
    /// The node of its longest proper suffix that there is one for.
    suffix: u32,
    /// How long the longest value is that it ends with, or 0.
    covers: u32,
    /// The first node that is longer by a byte, and the next of those that it is one of; or [`ROOT`].
    child: u32,
    sibling: u32,
}

impl Mask {
    /// Masks these values. Empty ones are ignored.
    pub fn new(values: Vec<Secret>) -> Self {
        // Nothing grows while it is filled, so that no copy is left behind.
        let size = values.iter().map(|value| value.expose().len()).sum();
        let mut mask = Self {
            text: Zeroizing::new(Vec::with_capacity(size)),
            nodes: Vec::with_capacity(size + 1),
            first: Zeroizing::new([ROOT; 256]),
        };
        mask.nodes.push(Node::default());
        for value in values {
            mask.insert(value.expose());
        }
        mask.link();
        mask
    }

    /// One stream of bytes. Streams know nothing of each other.
    pub fn stream(&self) -> Masked<'_> {
        Masked { mask: self, state: ROOT, read: 0, written: 0, found: Vec::new() }
    }

    fn insert(&mut self, value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(value);
        let mut at = ROOT;
        for (index, &byte) in value.iter().enumerate() {
            at = match self.child(at, byte) {
                ROOT => self.add(at, byte, start + index + 1),
                child => child,
            };
        }
        self.node_mut(at).covers = value.len() as u32;
    }

    fn add(&mut self, parent: u32, byte: u8, end: usize) -> u32 {
        let new = self.nodes.len() as u32;
        let Node { depth, child: sibling, .. } = self.node(parent);
        self.nodes.push(Node { end: end as u32, depth: depth + 1, sibling, ..Node::default() });
        self.node_mut(parent).child = new;
        if parent == ROOT {
            self.first[usize::from(byte)] = new;
        }
        new
    }

    /// Sets what follows from shorter nodes, the shortest first.
    fn link(&mut self) {
        let mut order = Vec::with_capacity(self.nodes.len());
        order.push(ROOT);
        let mut done = 0;
        while let Some(&parent) = order.get(done) {
            done += 1;
            let mut at = self.node(parent).child;
            while at != ROOT {
                let suffix = match parent {
                    ROOT => ROOT,
                    _ => self.next(self.node(parent).suffix, self.last(at)),
                };
                let inherited = self.node(suffix).covers;
                let node = self.node_mut(at);
                node.suffix = suffix;
                node.covers = node.covers.max(inherited);
                order.push(at);
                at = node.sibling;
            }
        }
    }

    fn node(&self, at: u32) -> Node {
        self.nodes[at as usize]
    }

    fn node_mut(&mut self, at: u32) -> &mut Node {
        &mut self.nodes[at as usize]
    }

    fn prefix(&self, at: u32) -> &[u8] {
        let Node { end, depth, .. } = self.node(at);
        &self.text[(end - depth) as usize..end as usize]
    }

    fn last(&self, at: u32) -> u8 {
        self.text[self.node(at).end as usize - 1]
    }

    fn child(&self, at: u32, byte: u8) -> u32 {
        if at == ROOT {
            return self.first[usize::from(byte)];
        }
        let mut child = self.node(at).child;
        while child != ROOT && self.last(child) != byte {
            child = self.node(child).sibling;
        }
        child
    }

    /// The longest node that a text ends with, if it did with `at` before this byte.
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

/// A stream with its values masked.
///
/// Occurrences that overlap become one `***`; those that only touch keep one each. What may yet turn
/// out to be a value is held back until more bytes or the end decide, and nothing else is.
pub struct Masked<'a> {
    mask: &'a Mask,
    /// The longest end of the stream that may be the beginning of a value. It is what is held back, and
    /// so the bytes need no place here.
    state: u32,
    /// How many bytes have come,
    read: u64,
    /// how many of them are settled,
    written: u64,
    /// and which occurrences, in order and apart from each other, wait to be.
    found: Vec<(u64, u64)>,
}

impl Masked<'_> {
    /// Takes the next bytes, and appends what is settled by them.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mask = self.mask;
        let text = Text { held: mask.prefix(self.state), chunk, start: self.read };
        let mut rest = chunk;
        while let [byte, after @ ..] = rest {
            if self.state == ROOT && mask.first[usize::from(*byte)] == ROOT {
                let skipped = rest.iter().position(|&byte| mask.first[usize::from(byte)] != ROOT);
                let skipped = skipped.unwrap_or(rest.len());
                self.read += skipped as u64;
                rest = &rest[skipped..];
                continue;
            }
            rest = after;
            self.read += 1;
            self.state = mask.next(self.state, *byte);
            let covers = u64::from(mask.node(self.state).covers);
            if covers > 0 {
                self.find(self.read - covers);
            }
        }
        self.settle(self.read - u64::from(mask.node(self.state).depth), &text, out);
    }

    /// Appends what was held back: no more bytes come.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let text = Text { held: self.mask.prefix(self.state), chunk: &[], start: self.read };
        self.settle(self.read, &text, out);
        self.state = ROOT;
    }

    /// Notes the occurrence that begins there and ends with what was read.
    fn find(&mut self, mut start: u64) {
        let end = self.read;
        if start < self.written {
            // It goes on from one that is masked already, over all that were found since.
            self.found.clear();
            self.written = end;
            return;
        }
        while let Some((before, _)) = self.found.pop_if(|(_, until)| *until > start) {
            start = start.min(before);
        }
        self.found.push((start, end));
    }

    /// Writes what no value that is still to come can change: none begins before `until`.
    fn settle(&mut self, until: u64, text: &Text<'_>, out: &mut Vec<u8>) {
        let count = self.found.iter().take_while(|(start, _)| *start <= until).count();
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

/// The bytes that are not settled: those held back, and those that came after them.
struct Text<'a> {
    held: &'a [u8],
    chunk: &'a [u8],
    /// Where in the stream the second begin.
    start: u64,
}

impl Text<'_> {
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
