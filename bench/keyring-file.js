// A keyring of gnome-keyring's, written as a file: filling a large one over the bus takes hours, because
// the daemon writes all of it after every change. It is of the kind that the daemon makes itself, encrypted
// under a password; with an empty password it would be plain text and cheaper to write.
//
// The format is that of the daemon's `gkm-secret-binary.c`.

const { createCipheriv, createHash, randomBytes } = require("node:crypto");
const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

/** What `startKeyring` of the tests' session unlocks the login keyring with. */
const PASSWORD = "\n";
const ITERATIONS = 1500;
const BLOCK = 16;
const SCHEMA = "com.oven-sh.bun.Secret";

const hash = (algorithm, ...parts) =>
  parts.reduce((state, part) => state.update(part), createHash(algorithm)).digest();

function number(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const ZERO = number(0);
/** How the format says that there is no text. */
const NONE = number(2 ** 32 - 1);
const TYPE_TEXT = ZERO;

function text(value) {
  return Buffer.concat([number(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** A time: seconds, in eight bytes. */
function time(seconds) {
  return Buffer.concat([ZERO, number(seconds)]);
}

function attributes(item, form) {
  const entries = Object.entries(item.attributes);
  const each = ([name, value]) => [text(name), TYPE_TEXT, text(form(value))];
  return [number(entries.length), ...entries.flatMap(each)];
}

/** What may be read without the password: the attributes' hashes, to be searched by. */
function open(item, index) {
  return [number(index + 1), ZERO, ...attributes(item, (value) => hash("md5", value).toString("hex"))];
}

function hidden(item, seconds) {
  const reserved = [NONE, ZERO, ZERO, ZERO, ZERO];
  const times = [time(seconds), time(seconds)];
  return [text(item.label), text(item.secret), ...times, ...reserved, ...attributes(item, String), ZERO];
}

function encrypt(plain, salt) {
  let key = hash("sha256", PASSWORD, salt);
  for (let round = 1; round < ITERATIONS; round++) key = hash("sha256", key);
  const cipher = createCipheriv("aes-128-cbc", key.subarray(0, BLOCK), key.subarray(BLOCK));
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

/** Fills up to whole blocks, behind a digest by which the daemon knows that the password is right. */
function sealed(parts) {
  const content = Buffer.concat(parts);
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  const padded = Buffer.concat([content, padding]);
  return Buffer.concat([hash("md5", padded), padded]);
}

function keyring(items) {
  const now = Math.floor(Date.now() / 1000);
  const salt = randomBytes(8);
  const encrypted = encrypt(sealed(items.flatMap((item) => hidden(item, now))), salt);
  return Buffer.concat([
    Buffer.from("GnomeKeyring\n\r\0\n\0\0\0\0", "latin1"),
    text("Login"),
    time(now),
    time(now),
    // Flags, and after how long it locks itself.
    ZERO,
    ZERO,
    number(ITERATIONS),
    salt,
    Buffer.alloc(16),
    number(items.length),
    ...items.flatMap(open),
    number(encrypted.length),
    encrypted,
  ]);
}

/** Writes the login keyring of a session, before its daemon starts: so many items of `Bun.secrets`. */
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
  writeFileSync(join(folder, "login.keyring"), keyring(items), { mode: 0o600 });
}

module.exports = { writeKeyring };
