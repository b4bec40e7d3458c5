// Logs in to GitHub with a token that is kept in the operating system's credential store.
// Runs unchanged under Node, Bun and Deno.

import process from "node:process";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { secrets } from "os-secrets";

const api = process.env.GITHUB_API_URL ?? "https://api.github.com";

// Each address has a token of its own, so that changing GITHUB_API_URL sends no token to another server.
const key = { service: "com.example.github-login", name: api };

async function login() {
  const token = await readToken();
  if (token === "") throw new Error("No token was entered. Nothing was stored.");
  const user = await fetchUser(token);
  await secrets.set({ ...key, value: token });
  console.log(`Logged in as ${user}.`);
}

async function whoami() {
  const token = await secrets.get(key);
  if (token === null) throw new Error("You are not logged in. Run the command login first.");
  console.log(await fetchUser(token));
}

async function logout() {
  const wasLoggedIn = await secrets.delete(key);
  console.log(wasLoggedIn ? "Logged out." : "You were not logged in.");
}

/** Reads the token from standard input; on a terminal, asks for it and shows nothing of the answer. */
async function readToken() {
  if (!process.stdin.isTTY) return (await text(process.stdin)).trim();
  const hidden = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: hidden, terminal: true, historySize: 0 });
  // The terminal has stopped showing what is typed, so now the user may type.
  process.stderr.write("Token: ");
  const line = await new Promise((resolve) => {
    // Ctrl-C and Ctrl-D close it without a line.
    lines.once("line", resolve).once("close", () => resolve(""));
  });
  lines.close();
  process.stderr.write("\n");
  return line.trim();
}

/** Asks the server whose token this is. */
async function fetchUser(token) {
  const response = await fetch(`${api}/user`, { headers: { authorization: `Bearer ${token}` } }).catch(() => {
    // The error's own message is not shown, because it may quote the header with the token.
    throw new Error(`No request could be made to ${api}. Check the network and the token.`);
  });
  if (response.status === 401) throw new Error(`${api} does not accept the token. Log in with another one.`);
  if (!response.ok) throw new Error(`${api} failed with status ${response.status}. Try again later.`);
  return (await response.json()).login;
}

/** What to tell the user about an error. */
function explain(error) {
  switch (error.code) {
    case "ERR_SECRETS_USER_CANCELED":
      return "The credential store is still locked, because its prompt was closed. Run the command again to unlock it.";
    case "ERR_SECRETS_INTERACTION_REQUIRED":
      return "The credential store is locked and cannot ask for its password here. Unlock it on your desktop first.";
    case "ERR_SECRETS_PLATFORM_ERROR":
      return `${error.message}\nOn a machine without a desktop, use an encrypted file: run "npx os-secrets init" once and set OS_SECRETS_PROVIDER=file.`;
    default:
      return error.message;
  }
}

try {
  const commands = new Map(Object.entries({ login, whoami, logout }));
  const command = commands.get(process.argv[2]);
  if (!command) throw new Error("Usage: login.mjs login | whoami | logout");
  await command();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
