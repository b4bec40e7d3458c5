// npm run bench:helpers [-- rounds [folder]]: measures how long git's credential helpers take to answer from a warm
// gnome-keyring with ten other items, beside `secrets get`, Docker's helper and pass. The folder has native programs to
// measure instead of those that are built.

const { join, resolve } = require("node:path");
const { place } = require("../tools/install.js");
const { run } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");
const { targetDirectory } = require("../tools/build.js");
const { compareLives } = require("./lives.js");
const { services, startService } = require("./services.js");

const ROUNDS = 100;
const PASSWORD = "password of the user";
const OURS = "git-credential-os-secrets";
const REFERENCE = "secrets get";
const HOST = "protocol=https\nhost=example.com\n";
const USER = `${HOST}username=alice\n`;
const SERVER = "https://example.com";

/** The programs by their titles in the table. */
function makePrograms(folder) {
  const ours = join(folder, OURS);
  const libsecret = place("git-credential-libsecret", "git-credential-libsecret");
  const forGit = (helper, input) => ({
    command: [helper, "get"],
    input,
    prints: `username=alice\npassword=${PASSWORD}\n`,
  });
  return {
    [REFERENCE]: {
      command: [join(folder, "secrets"), "get", "--service", `git:${SERVER}`, "alice"],
      prints: PASSWORD,
    },
    [OURS]: forGit(ours, USER),
    [`${OURS}, no user`]: forGit(ours, HOST),
    "git-credential-libsecret": forGit(libsecret, USER),
    "git-credential-libsecret, no user": forGit(libsecret, HOST),
    "docker-credential-secretservice": {
      command: ["docker-credential-secretservice", "get"],
      input: SERVER,
      prints: PASSWORD,
    },
    "pass show": { command: ["pass", "show", "example.com"], prints: PASSWORD },
  };
}

/** Stores the password for each program with the program itself. */
async function fill(session, programs) {
  const succeed = async (command, args, input) => {
    const { code, stderr } = await session.run(command, args, { input });
    if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${stderr}`);
  };
  for (const title of [OURS, "git-credential-libsecret"]) {
    await succeed(programs[title].command[0], ["store"], `${USER}password=${PASSWORD}\n`);
  }
  const login = JSON.stringify({ ServerURL: SERVER, Username: "alice", Secret: PASSWORD });
  await succeed("docker-credential-secretservice", ["store"], login);
  const key = ["--batch", "--passphrase", "", "--quick-generate-key", "bench@example.com"];
  await succeed("gpg", [...key, "default", "default", "never"]);
  await succeed("pass", ["init", "bench@example.com"]);
  await succeed("pass", ["insert", "--multiline", "example.com"], `${PASSWORD}\n`);
}

async function main() {
  const [rounds = ROUNDS, folder] = process.argv.slice(2);
  provide("keyring modules docker pass git-credential-libsecret");
  if (!folder) run("cargo", ["build", "--release", "--locked", "--bin", "secrets", "--bin", OURS]);
  const programs = makePrograms(resolve(folder ?? join(targetDirectory(), "release")));
  const session = await startService(services["gnome-keyring"], 10);
  try {
    await fill(session, programs);
    await compareLives(session, programs, REFERENCE, Number(rounds));
  } finally {
    // gpg has started an agent, which would outlive the session.
    await session.run("gpgconf", ["--kill", "gpg-agent"]);
    await session.stop();
  }
}

main();
