// Each result of macOS' Security framework, as an error of the API: its code, its reason and its message.

const assert = require("node:assert/strict");
const { it } = require("node:test");
const { startMac } = require("../support/mac.js");

/** The results that docs/macos.md names, with their codes and reasons. */
const RESULTS = [
  [-128, "USER_CANCELED", "dismissed"],
  [-25293, "AUTH_FAILED", "wrong-key"],
  [-25308, "INTERACTION_NOT_ALLOWED", "locked"],
  [-25315, "INTERACTION_REQUIRED", "locked"],
  [-25320, "INTERACTION_REQUIRED", "locked"],
  [-25291, "ACCESS_DENIED", "no-session"],
  ...[-25309, -25243, -25244, -61, -25292, 100001, 100013, 100030, -34018].map((status) => [
    status,
    "ACCESS_DENIED",
    "denied",
  ]),
  ...[-25294, -25295, -25307].map((status) => [status, "PLATFORM_ERROR", "no-keychain"]),
  [-50, "PLATFORM_ERROR", "failed"],
];

/** The calls, and the first function that each one needs. */
const CALLS = {
  get: [`secrets.get("s", "n")`, "SecItemCopyMatching"],
  set: [`secrets.set("s", "n", "hunter2")`, "SecItemAdd"],
  delete: [`secrets.delete("s", "n")`, "SecKeychainItemDelete"],
  list: [`openStore().list({ service: "s" })`, "SecItemCopyMatching"],
};

for (const [call, [source, operation]] of Object.entries(CALLS)) {
  it(`${call} rejects with the code and the reason of each result`, async (t) => {
    const mac = await startMac(t);
    const printed = await mac.run(`
      const { readFileSync, writeFileSync } = require("node:fs");
      const path = process.env.KEYCHAIN_MODEL;
      const change = (failures) => writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), failures }));
      await secrets.set("s", "n", "value");
      for (const status of ${JSON.stringify(RESULTS.map(([status]) => status))}) {
        change([{ function: "${operation}", status }]);
        await ${source}.then(
          () => console.log(JSON.stringify({ status, works: true })),
          ({ name, code, reason, message }) => console.log(JSON.stringify({ status, name, code, reason, message })),
        );
        change([]);
      }`);
    const errors = printed
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      errors.map(({ status, name, code, reason }) => [status, name, code, reason]),
      RESULTS.map(([status, code, reason]) => [status, "Error", `ERR_SECRETS_${code}`, reason]),
    );
    for (const { status, message } of errors) {
      assert.ok(message.startsWith(`Keychain failed at ${operation}: `), message);
      assert.ok(message.includes(`(OSStatus ${status})`), message);
      assert.doesNotMatch(message, /hunter2/);
    }
    assert.deepEqual(mac.takePrompts(), []);
  });
}
