// Writes a keyring file of gnome-keyring. Filling a large keyring over the bus takes hours, because the
// daemon writes the whole file after every change. As in the daemon's own keyrings, the file is encrypted
// with a password. With an empty password it would be plain text, which is faster to write.
//
// The format is that of the daemon's `gkm-secret-binary.c`.

const { createCipheriv, createHash, randomBytes } = require("node:crypto");
const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

/** The password with which `startKeyring` of the tests' session unlocks the login keyring. */
const PASSWORD = "\n";
const ITERATIONS = 1500;
const BLOCK = 16;
const SCHEMA = "com.oven-sh.bun.Secret";

const hash = (algorithm, ...parts) =>
  parts.reduce((state, part) => state.update(part), createHash(algorithm)).digest();

function encodeNumber(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const ZERO = encodeNumber(0);
/** The length of a text that is null. */
const NONE = encodeNumber(2 ** 32 - 1);
const TYPE_TEXT = ZERO;

function encodeText(value) {
  return Buffer.concat([encodeNumber(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** Encodes a time in seconds as eight bytes. */
function encodeTime(seconds) {
  return Buffer.concat([ZERO, encodeNumber(seconds)]);
}

function encodeAttributes(item, form) {
  const entries = Object.entries(item.attributes);
  const each = ([name, value]) => [encodeText(name), TYPE_TEXT, encodeText(form(value))];
  return [encodeNumber(entries.length), ...entries.flatMap(each)];
}

/** Encodes the part of an item that is not encrypted: hashes of its attributes, for searches. */
function encodePublicPart(item, index) {
  return [
    encodeNumber(index + 1),
    ZERO,
    ...encodeAttributes(item, (value) => hash("md5", value).toString("hex")),
  ];
}

function encodeSecretPart(item, seconds) {
  const reserved = [NONE, ZERO, ZERO, ZERO, ZERO];
  const times = [encodeTime(seconds), encodeTime(seconds)];
  return [
    encodeText(item.label),
    encodeText(item.secret),
    ...times,
    ...reserved,
    ...encodeAttributes(item, String),
    ZERO,
  ];
}

function encrypt(plain, salt) {
  let key = hash("sha256", PASSWORD, salt);
  for (let round = 1; round < ITERATIONS; round++) key = hash("sha256", key);
  const cipher = createCipheriv("aes-128-cbc", key.subarray(0, BLOCK), key.subarray(BLOCK));
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

/** Adds padding to whole blocks, and a digest in front, with which the daemon checks the password. */
function addDigest(parts) {
  const content = Buffer.concat(parts);
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  const padded = Buffer.concat([content, padding]);
  return Buffer.concat([hash("md5", padded), padded]);
}

function encodeKeyring(items) {
  const now = Math.floor(Date.now() / 1000);
  const salt = randomBytes(8);
  const encrypted = encrypt(addDigest(items.flatMap((item) => encodeSecretPart(item, now))), salt);
  return Buffer.concat([
    Buffer.from("GnomeKeyring\n\r\0\n\0\0\0\0", "latin1"),
    encodeText("Login"),
    encodeTime(now),
    encodeTime(now),
    // The flags and the lock timeout.
    ZERO,
    ZERO,
    encodeNumber(ITERATIONS),
    salt,
    Buffer.alloc(16),
    encodeNumber(items.length),
    ...items.flatMap(encodePublicPart),
    encodeNumber(encrypted.length),
    encrypted,
  ]);
}

/** Writes a login keyring with `count` items of `Bun.secrets`. Call before the session's daemon starts. */
function writeKeyring(session, service, count) {
  const items = Array.from({ length: count }, (_, index) => {
    const account = `name ${index}`;
    return {
      label: `${service}/${account}`,
      secret: "value",
      attributes: { account, service, "xdg:schema": SCHEMA },
    };
  });
  const folder = join(session.env.XDG_DATA_HOME, "keyrings");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "login.keyring"), encodeKeyring(items), { mode: 0o600 });
}

module.exports = { writeKeyring };
