// A process continues when the service or the bus is restarted. While one of them is down, it says what is
// wrong.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { chmodSync, copyFileSync, mkdtempSync, rmSync } = require("node:fs");
const { createServer } = require("node:net");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram, ways } = require("./support/programs.js");
const { bun, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const key = { service: "recovery", name: "name" };
const makePlatformError = (message) => ({ name: "Error", code: "ERR_SECRETS_PLATFORM_ERROR", message });
const noService = makePlatformError(
  /nothing on the D-Bus session bus provides org\.freedesktop\.secrets.*Install/,
);
const noBus = makePlatformError(/there is no usable D-Bus session bus.*dbus-run-session/);

async function prepareClient(t, { keyring = true, env = {} } = {}) {
  const session = await startSession({ keyring: false });
  t.after(() => session.stop());
  return {
    session,
    keyring: keyring && (await session.startKeyring()),
    ours: secretsIn(session, runtimes["Node 22"], "os-secrets", { env }),
  };
}

describe("recovery", linuxOnly("a bus"), () => {
  it("follows a restarted keyring", async (t) => {
    const { session, keyring, ours } = await prepareClient(t);
    await ours.set({ ...key, value: "value" });
    let running = keyring;
    for (let times = 0; times < 3; times++) {
      await session.end(running);
      running = await session.startKeyring();
      assert.equal(await ours.get(key), "value");
    }
    await session.end(running);
    running = await session.startKeyring();
    await ours.set({ ...key, value: "other" });
    await session.end(running);
    await session.startKeyring();
    assert.equal(await ours.delete(key), true);
    assert.equal(await ours.get(key), null);
  });

  it("says so while there is no service, and goes on once there is", async (t) => {
    const { session, ours } = await prepareClient(t, { keyring: false });
    await assert.rejects(ours.get(key), noService);
    await assert.rejects(ours.set({ ...key, value: "value" }), noService);
    const keyring = await session.startKeyring();
    await ours.set({ ...key, value: "value" });
    await session.end(keyring);
    await assert.rejects(ours.get(key), noService);
    await assert.rejects(ours.delete(key), noService);
    await session.startKeyring();
    assert.equal(await ours.get(key), "value");
  });

  it("follows a restarted bus", async (t) => {
    const session = await startSession({ keyring: false });
    t.after(() => session.stop());
    session.env.DBUS_SESSION_BUS_ADDRESS = `unix:path=${join(session.directory, "moved")}`;
    const ours = secretsIn(session, runtimes["Node 22"], "os-secrets");
    await assert.rejects(ours.get(key), noBus);
    const bus = await session.startBus("moved");
    const keyring = await session.startKeyring();
    await ours.set({ ...key, value: "value" });
    await session.end(bus);
    await session.end(keyring);
    await assert.rejects(ours.get(key), noBus);
    await session.startBus("moved");
    await session.startKeyring();
    assert.equal(await ours.get(key), "value");
  });

  it("follows a keyring that takes the name over", async (t) => {
    const { session, keyring, ours } = await prepareClient(t);
    await ours.set({ ...key, value: "value" });
    const other = ["--foreground", "--replace", "--unlock", "--components=secrets"];
    const gone = once(keyring, "exit");
    session.start("gnome-keyring-daemon", other).stdin.end("\n");
    await gone;
    await session.waitForOwner();
    assert.equal(await ours.get(key), "value");
    await ours.set({ ...key, value: "other" });
    assert.equal(await ours.delete(key), true);
  });

  it("gives up on a bus that does not answer, and goes on when it does", async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    const bus = await session.startBus();
    await session.startKeyring();
    const env = { OS_SECRETS_TIMEOUT: "1500" };
    const ours = secretsIn(session, runtimes["Node 22"], "os-secrets", { env });
    await ours.set({ ...key, value: "value" });
    const late = { name: "TimeoutError", code: "ERR_SECRETS_TIMEOUT" };
    bus.kill("SIGSTOP");
    await assert.rejects(ours.get(key), late);
    // This call makes a new connection, which the bus does not accept.
    await assert.rejects(ours.get(key), { ...late, message: /connecting to the D-Bus session bus/ });
    await assert.rejects(ours.set({ ...key, value: "other" }), { ...late, message: /Nothing was changed/ });
    bus.kill("SIGCONT");
    assert.equal(await ours.get(key), "value");
  });

  it("has the bus start the keyring, and start it again", async (t) => {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    await session.startBus("bus", { activates: true });
    const endKeyring = () => session.endOwner();
    const ours = secretsIn(session, runtimes["Node 22"], "os-secrets");
    await ours.set({ ...key, value: "value" });
    for (let times = 0; times < 3; times++) {
      await endKeyring();
      assert.equal(await ours.get(key), "value");
    }
    await endKeyring();
    await ours.set({ ...key, value: "other" });
    await endKeyring();
    assert.equal(await ours.delete(key), true);
    assert.equal(await ours.get(key), null);
  });

  it("is what Bun's own does not do", async (t) => {
    const { session, keyring } = await prepareClient(t);
    const theirs = secretsIn(session, [bun], "bun");
    await theirs.set({ ...key, value: "value" });
    await session.end(keyring);
    await session.startKeyring();
    await assert.rejects(theirs.get(key), { code: "ERR_SECRETS_PLATFORM_ERROR" });
  });
});

describe("where the bus is", linuxOnly("a bus"), () => {
  it("is $XDG_RUNTIME_DIR/bus without an address", async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const env = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: session.directory };
    const ours = secretsIn(session, runtimes["Node 20"], "os-secrets", { env });
    assert.equal(await ours.get(key), null);
  });

  for (const [label, address, reason] of [
    ["of another transport", "tcp:host=127.0.0.1,port=9", /only unix: addresses are supported/],
    ["that starts a program", "unixexec:path=/bin/sh", /only unix: addresses are supported/],
    ["that asks to start a bus", "autolaunch:", /only unix: addresses are supported/],
    ["of a socket that is not there", "unix:path=/nonexistent/bus", /No such file or directory/],
    ["that is no address", "nonsense", /it is not a D-Bus address/],
  ]) {
    it(`an address ${label} is refused`, async (t) => {
      const { ours } = await prepareClient(t, { env: { DBUS_SESSION_BUS_ADDRESS: address } });
      await assert.rejects(ours.get(key), noBus);
      await assert.rejects(ours.get(key), makePlatformError(reason));
    });
  }

  it("the first address of a list that works is taken", async (t) => {
    const session = await startSession();
    t.after(() => session.stop());
    const env = {
      DBUS_SESSION_BUS_ADDRESS: `tcp:host=x;unix:path=/none;${session.env.DBUS_SESSION_BUS_ADDRESS}`,
    };
    assert.equal(await secretsIn(session, runtimes["Node 20"], "os-secrets", { env }).get(key), null);
  });

  it("without any it is said what was looked for", async (t) => {
    const env = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined };
    const { ours } = await prepareClient(t, { env });
    await assert.rejects(
      ours.get(key),
      makePlatformError(/neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set/),
    );
  });

  for (const [label, variables, words] of [
    ["WSL", { WSL_DISTRO_NAME: "Debian" }, /This is WSL.*wsl\.conf/],
    ["a container", { container: "podman" }, /This is a container.*pass the socket/],
  ]) {
    it(`says what ${label} has to do with it`, async (t) => {
      const env = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined, ...variables };
      const { ours } = await prepareClient(t, { env });
      await assert.rejects(ours.get(key), makePlatformError(words));
    });
  }

  it("a socket that hangs up is no bus", async (t) => {
    const { session, ours } = await prepareClient(t, { env: {} });
    const server = createServer((socket) => socket.destroy());
    server.listen(join(session.directory, "hangs-up"));
    t.after(() => server.close());
    await once(server, "listening");
    const env = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(session.directory, "hangs-up")}` };
    await assert.rejects(secretsIn(session, runtimes["Node 20"], "os-secrets", { env }).get(key), noBus);
    assert.equal(await ours.get(key), null);
  });

  // Only root can run programs as two users.
  if (process.getuid() === 0) {
    it("another user's bus is refused", async (t) => {
      const session = await startSession();
      t.after(() => session.stop());
      const directory = mkdtempSync(join(tmpdir(), "os-secrets-other-"));
      t.after(() => rmSync(directory, { recursive: true }));
      chmodSync(directory, 0o777);
      const path = join(directory, "bus");
      const listen = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("listening"))`;
      const other = spawn(process.execPath, ["-e", listen], { uid: 65534, gid: 65534 });
      t.after(() => other.kill());
      await once(other.stdout, "data");
      const env = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` };
      const ours = secretsIn(session, runtimes["Node 20"], "os-secrets", { env });
      await assert.rejects(
        ours.get(key),
        makePlatformError(
          /The D-Bus session bus unix:path=.* belongs to user 65534, and this process runs as user 0\. Run it as the user whose session it is, without sudo$/,
        ),
      );
      const doctor = await runProgram(session, "native", "secrets", ["doctor", "--json"], { env });
      assert.match(JSON.parse(doctor.stdout).problems[0].fix, /without sudo/);
    });

    it("root's bus, which refuses other users, is named", async (t) => {
      const session = await startSession({ bus: false });
      t.after(() => session.stop());
      await session.startBus("bus", { policy: '<deny user="nobody"/>' });
      // Every user may run this copy, and connect to the socket.
      const program = join(session.directory, "secrets");
      copyFileSync(ways.native("secrets")[0], program);
      chmodSync(session.directory, 0o755);
      chmodSync(join(session.directory, "bus"), 0o777);
      const args = ["--reuid=65534", "--regid=65534", "--clear-groups", program, "get", "a"];
      // The current directory may be closed to that user.
      const { code, stderr } = await session.run("setpriv", args, { cwd: session.directory });
      assert.notEqual(code, 0);
      assert.match(stderr, /it belongs to root, and may not serve user 65534 \(/);
    });
  }
});
