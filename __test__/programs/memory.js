// Searches the process's own memory for a secret while buffers hold it, and after the calls have ended.
// Prints how many of its 16-byte pieces were found each time.

const { closeSync, openSync, readFileSync, readSync } = require("node:fs");
const { openStore } = require("../..");

const MASK = 0x5a;
const PIECE = 16;
const PREFIX = 4;
const CHUNK = 1 << 20;

// Only the buffers of the calls contain the secret itself. The copy for comparison is masked, except for the
// first bytes of each piece.
const masked = require("node:crypto").randomBytes(8 * PIECE);

function unmask(from = 0, to = masked.length) {
  const bytes = Buffer.alloc(to - from);
  for (let at = from; at < to; at++) bytes[at - from] = masked[at] ^ MASK;
  return bytes;
}

const pieces = Array.from({ length: masked.length / PIECE }, (_, number) => {
  const at = number * PIECE;
  return { at, prefix: unmask(at, at + PREFIX) };
});

function isPiece(chunk, found, at) {
  for (let offset = PREFIX; offset < PIECE; offset++) {
    if ((chunk[found + offset] ^ MASK) !== masked[at + offset]) return false;
  }
  return true;
}

/** Counts the pieces in all writable memory. */
function countPieces() {
  const memory = openSync("/proc/self/mem", "r");
  const chunk = Buffer.alloc(CHUNK + PIECE);
  let found = 0;
  for (const line of readFileSync("/proc/self/maps", "latin1").split("\n")) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    if (!from) continue;
    for (let position = BigInt(`0x${from}`); position < BigInt(`0x${to}`); position += BigInt(CHUNK)) {
      const left = Number(BigInt(`0x${to}`) - position);
      let length;
      try {
        length = readSync(memory, chunk, 0, Math.min(left, chunk.length), position);
      } catch {
        // Reserved memory cannot be read.
        continue;
      }
      const bytes = chunk.subarray(0, length);
      for (const { at, prefix } of pieces) {
        for (let hit = bytes.indexOf(prefix); hit !== -1; hit = bytes.indexOf(prefix, hit + 1)) {
          if (hit + PIECE <= length && isPiece(bytes, hit, at)) found++;
        }
      }
    }
    chunk.fill(0);
  }
  closeSync(memory);
  return found;
}

async function main() {
  const store = openStore();
  const key = { service: "memory", name: "name" };
  const counts = { before: countPieces() };
  for (let round = 0; round < 20; round++) {
    const value = unmask();
    await Promise.all(Array.from({ length: 5 }, () => store.set({ ...key, value })));
    value.fill(0);
  }
  counts.afterSet = countPieces();
  for (let round = 0; round < 20; round++) {
    const options = { ...key, encoding: "buffer" };
    const values = await Promise.all(Array.from({ length: 10 }, () => store.get(options)));
    if (round === 0) counts.whileHeld = countPieces();
    for (const value of values) {
      if (value.some((byte, at) => (byte ^ MASK) !== masked[at])) throw new Error("another value came back");
      value.fill(0);
    }
  }
  counts.afterGet = countPieces();
  console.log(JSON.stringify({ ...counts, pieces: pieces.length }));
}

main();
