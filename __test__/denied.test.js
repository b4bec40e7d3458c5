// Buses that do not let a program call the Secret Service, as those of sandboxes do.

const assert = require("node:assert/strict");
const { describe, it } = require("node:test");
const { secretsIn } = require("./support/client.js");
const { linuxOnly } = require("./support/platform.js");
const { runProgram } = require("./support/programs.js");
const { runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

const key = { service: "denied", name: "name" };

/** The environment of each sandbox, and the command that lets its applications call the service. */
const sandboxes = {
  snap: [{ SNAP_NAME: "my-tool" }, "snap connect my-tool:password-manager-service"],
  "parallel snap": [
    { SNAP_NAME: "my-tool", SNAP_INSTANCE_NAME: "my-tool_2" },
    "snap connect my-tool_2:password-manager-service",
  ],
  Flatpak: [
    { FLATPAK_ID: "org.example.Tool", container: "flatpak" },
    "flatpak override --user --talk-name=org.freedesktop.secrets org.example.Tool",
  ],
};

describe("a bus that does not let us call the Secret Service", linuxOnly("a bus"), () => {
  async function startDeniedSession(t) {
    const session = await startSession({ bus: false });
    t.after(() => session.stop());
    await session.startBus("bus", { policy: '<deny send_destination="org.freedesktop.secrets"/>' });
    await session.startKeyring();
    return session;
  }

  it("is told from a store that denies access, and both sandboxes are named", async (t) => {
    const session = await startDeniedSession(t);
    const ours = secretsIn(session, runtimes["Node 22"], "os-secrets");
    for (const call of [ours.get(key), ours.set({ ...key, value: "value" }), ours.delete(key)])
      await assert.rejects(call, {
        code: "ERR_SECRETS_ACCESS_DENIED",
        message:
          /^The D-Bus session bus does not let this process call the credential store: .*snap connect NAME:password-manager-service.*--talk-name=org\.freedesktop\.secrets$/,
      });
    const { code, stdout } = await runProgram(session, "native", "secrets", ["doctor", "--json"]);
    assert.equal(code, 1);
    assert.match(JSON.parse(stdout).problems[0].fix, /^Allow org\.freedesktop\.secrets in the sandbox/);
  });

  for (const [name, [env, command]] of Object.entries(sandboxes)) {
    it(`names the command that permits it, in a ${name}`, async (t) => {
      const session = await startDeniedSession(t);
      const ours = secretsIn(session, runtimes["Node 22"], "os-secrets", { env });
      await assert.rejects(ours.get(key), ({ code, message }) => {
        assert.ok(message.endsWith(`Run outside of it: ${command}`), message);
        return code === "ERR_SECRETS_ACCESS_DENIED";
      });
      const doctor = await runProgram(session, "native", "secrets", ["doctor", "--json"], { env });
      assert.equal(JSON.parse(doctor.stdout).problems[0].fix, command);
    });
  }

  it("is a Flatpak's bus even if it hides the service", async (t) => {
    const session = await startSession({ keyring: false });
    t.after(() => session.stop());
    const [env, command] = sandboxes.Flatpak;
    const { stdout } = await runProgram(session, "native", "secrets", ["doctor", "--json"], { env });
    const { problems, place } = JSON.parse(stdout);
    assert.equal(place, "Flatpak");
    assert.equal(problems[0].fix, command);
    assert.match(problems[0].what, /No credential store answers: .* Run outside of it: flatpak override/);
  });

  it("does not make us show the command line, which the bus repeats", async (t) => {
    const session = await startDeniedSession(t);
    const args = ["set", "token", "ghp_example"];
    const { code, stderr } = await runProgram(session, "native", "secrets", args);
    assert.notEqual(code, 0);
    assert.match(stderr, /does not let this process call/);
    assert.ok(!stderr.includes("ghp_example"), stderr);
  });
});
