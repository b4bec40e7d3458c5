// `get --clip`: a real X server with xclip and xsel, and OSC 52 on a terminal.

const assert = require("node:assert/strict");
const { randomInt } = require("node:crypto");
const { chmodSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { startSession } = require("./support/session.js");
const { runOnTerminal } = require("./support/terminal.js");

const VALUE = "Hunter2 ü\n$x";
const isRoot = process.getuid?.() === 0;

/** Waits until a condition is true. The limit is far above what a busy machine needs. */
async function waitFor(isTrue) {
  for (let left = 6000; !(await isTrue()); left--) {
    if (left === 0) throw new Error(`never true: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The ids of the processes whose command line ends with these words. */
function findProcesses(...words) {
  return readdirSync("/proc").filter((id) => {
    if (!/^\d+$/.test(id)) return false;
    try {
      return readFileSync(join("/proc", id, "cmdline"), "utf8").endsWith(`\0${words.join("\0")}\0`);
    } catch {
      return false;
    }
  });
}

/** Starts a session with the secret `token`, with an X server if `display` is true. */
async function prepare(t, { way = "native", display = true } = {}) {
  const session = await startSession();
  t.after(() => session.stop());
  if (display) await session.startDisplay();
  const run = (args, more) => runProgram(session, way, "secrets", args, { cwd: session.directory, ...more });
  assert.equal((await run(["set", "token", "--raw"], { input: VALUE })).code, 0);
  /** What the clipboard has, as another program reads it. */
  const paste = async () => (await session.run("xclip", ["-selection", "clipboard", "-out"])).stdout;
  /** Lets another program copy a text. */
  const copy = (text) =>
    session.run("sh", ["-c", `printf %s '${text}' | xclip -selection clipboard >&- 2>&-`]);
  /** A number of seconds that no other test uses, and its process, which is killed at the end. */
  const startClearing = async (tool = "xclip") => {
    const seconds = String(randomInt(3600, 86_400));
    const ended = await run(["get", "token", "--clip", "--clear-after", seconds]);
    assert.deepEqual(ended, {
      code: 0,
      signal: null,
      stdout: "",
      stderr: `secrets: token is in the clipboard for ${seconds} s\n`,
    });
    const [id, ...others] = findProcesses("clear-clipboard", tool, seconds);
    assert.deepEqual(others, []);
    t.after(() => process.kill(Number(id), "SIGKILL"));
    return id;
  };
  /** Runs the command of the process that clears the clipboard. It ends when the clipboard is cleared or left alone. */
  const clear = (input, tool = "xclip") => run(["clear-clipboard", tool, "0"], { input });
  return { session, run, paste, copy, clear, startClearing };
}

const silent = { code: 0, signal: null, stdout: "", stderr: "" };

describe("get --clip on X11", linuxOnly("a bus"), () => {
  for (const way of Object.keys(ways)) {
    it(`copies the value, and clears it in the background, ${way}`, async (t) => {
      const { run, paste } = await prepare(t, { way });
      assert.deepEqual(await run(["get", "token", "--clip", "--clear-after", "1", "-q"]), silent);
      await waitFor(async () => (await paste()) === "");
    });

    it(`shows the value to no other process, ${way}`, async (t) => {
      const { session, paste, startClearing } = await prepare(t, { way });
      const id = await startClearing();
      assert.equal(await paste(), VALUE);
      assert.ok(!readFileSync(`/proc/${id}/cmdline`, "utf8").includes("Hunter2"));
      // Others cannot read the environment of a process that is not dumpable.
      if (isRoot) {
        const environment = readFileSync(`/proc/${id}/environ`, "utf8");
        assert.ok(environment.includes(session.directory) && !environment.includes("Hunter2"));
      }
      for (const owner of findProcesses("xclip", "-selection", "clipboard", "-in")) {
        assert.ok(!readFileSync(`/proc/${owner}/cmdline`, "utf8").includes("Hunter2"));
      }
    });
  }

  it("clears nothing that another program has copied", async (t) => {
    const { copy, clear, paste } = await prepare(t);
    await copy("theirs");
    assert.deepEqual(await clear(VALUE), silent);
    assert.equal(await paste(), "theirs");
    assert.deepEqual(await clear("theirs"), silent);
    assert.equal(await paste(), "");
  });

  it("clears nothing if nothing was copied", async (t) => {
    const { copy, clear, paste } = await prepare(t);
    await copy("theirs");
    assert.deepEqual(await clear(""), silent);
    assert.equal(await paste(), "theirs");
  });

  it("takes xsel if there is no xclip", async (t) => {
    const { session, clear, paste, startClearing } = await prepare(t);
    const bin = join(session.directory, "bin");
    mkdirSync(bin);
    symlinkSync("/usr/bin/xsel", join(bin, "xsel"));
    const { PATH } = session.env;
    session.env.PATH = bin;
    await startClearing("xsel");
    session.env.PATH = PATH;
    // xsel ends before its process in the background has the clipboard.
    await waitFor(async () => (await paste()) === VALUE);
    assert.deepEqual(await clear(VALUE, "xsel"), silent);
    await waitFor(async () => (await paste()) === "");
  });

  it("clears nothing with --clear-after 0", async (t) => {
    const { run, paste } = await prepare(t);
    const { code, stderr } = await run(["get", "token", "--clip", "--clear-after", "0"]);
    assert.deepEqual([code, stderr], [0, "secrets: token is in the clipboard, and stays there\n"]);
    assert.deepEqual(findProcesses("clear-clipboard", "xclip", "0"), []);
    assert.equal(await paste(), VALUE);
  });

  it("says that the clipboard cannot be used, and leaves no process", async (t) => {
    const { session, run } = await prepare(t);
    session.env.DISPLAY = ":9999";
    const seconds = String(randomInt(3600, 86_400));
    const { code, stdout, stderr } = await run(["get", "token", "--clip", "--clear-after", seconds]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^secrets: Cannot use the clipboard: .*xclip failed/);
    await waitFor(() => findProcesses("clear-clipboard", "xclip", seconds).length === 0);
  });

  it("copies only text, and goes with no other output", async (t) => {
    const { run } = await prepare(t);
    await run(["set", "bytes", "--raw"], { input: Buffer.from([0xff]) });
    const { code, stderr } = await run(["get", "bytes", "--clip"]);
    assert.equal(code, 1);
    assert.match(stderr, /the value is not text/);
    for (const flags of [
      ["--clip", "--json"],
      ["--clip", "--raw"],
      ["--clip", "-o", "file"],
      ["--clear-after", "5"],
      ["--clip", "--clear-after", "86401"],
    ]) {
      assert.equal((await run(["get", "token", ...flags])).code, 2, flags.join(" "));
    }
  });
});

describe("get --clip on Wayland", linuxOnly("a shell"), () => {
  it("gives wl-copy the value as its input, marked as sensitive if it can", async (t) => {
    const { session, run } = await prepare(t, { display: false });
    const bin = join(session.directory, "bin");
    mkdirSync(bin);
    const seen = join(session.directory, "seen");
    for (const [help, flag] of [
      ["wl-copy --sensitive", " --sensitive"],
      ["wl-copy --trim-newline", ""],
    ]) {
      const script = `[ "$1" = --help ] && echo '${help}' && exit; echo "$@" >'${seen}'; cat >>'${seen}'`;
      for (const name of ["wl-copy", "wl-paste"]) {
        writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
        chmodSync(join(bin, name), 0o700);
      }
      const env = { WAYLAND_DISPLAY: "wayland-0", DISPLAY: ":9999", PATH: `${bin}:${session.env.PATH}` };
      assert.deepEqual(await run(["get", "token", "--clip", "--clear-after", "0", "-q"], { env }), silent);
      assert.equal(readFileSync(seen, "utf8"), `--type text/plain;charset=utf-8${flag}\n${VALUE}`);
    }
  });
});

describe("get --clip over SSH", linuxOnly("a pseudo-terminal"), () => {
  const copied = `\u001b]52;c;${Buffer.from(VALUE).toString("base64")}\u0007`;
  const cleared = "\u001b]52;c;!\u0007";
  const env = { TERM: "xterm", SSH_CONNECTION: "192.0.2.1 1 192.0.2.2 22" };

  for (const way of Object.keys(ways)) {
    it(`sends the value to the terminal, and clears it only if asked, ${way}`, async (t) => {
      const { session } = await prepare(t, { way, display: false });
      const command = [...ways[way]("secrets"), "get", "token", "--clip"];
      const once = await runOnTerminal(session, command, [], env);
      const note =
        "secrets: token was sent to the terminal's clipboard. It is not cleared, because the terminal does not say what " +
        "it holds; --clear-after SECONDS clears it in any case\n";
      assert.deepEqual(once, { shown: `${copied}${note}`, code: 0, kept: true });
      // The terminal ends when the process that clears has ended.
      const { shown, code } = await runOnTerminal(session, [...command, "--clear-after", "1"], [], env);
      assert.equal(code, 0);
      const until = "secrets: token was sent to the terminal's clipboard, which is cleared in 1 s\n";
      assert.equal(shown, `${copied}${until}${cleared}`);
    });
  }

  it("says that there is no clipboard, without a terminal or one that is too simple", async (t) => {
    const { session } = await prepare(t, { display: false });
    const command = [...ways.native("secrets"), "get", "token", "--clip"];
    const alone = await session.run("setsid", ["--wait", ...command], { env: { TERM: "xterm" } });
    const told = /^secrets: no clipboard was found\. Install wl-clipboard/;
    assert.deepEqual([alone.code, alone.stdout], [1, ""]);
    assert.match(alone.stderr, told);
    const simple = await runOnTerminal(session, command, [], { TERM: "dumb" });
    assert.equal(simple.code, 1);
    assert.match(simple.shown, told);
  });
});
