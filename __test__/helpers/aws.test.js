// The AWS CLI and botocore ask os-secrets. The server is moto, which checks the signature of every request with the secret
// key that belongs to its access key ID, and the session token of temporary keys.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { dirname, join } = require("node:path");
const { createInterface } = require("node:readline");
const { after, before, it } = require("node:test");
const { place } = require("../../tools/install.js");
const { describeClient } = require("../support/clients.js");
const { sectionExamples } = require("../support/documents.js");
const { startMoto } = require("../support/moto.js");

const program = (name) => place("aws", "bin", name);
const aws = program("aws");

/** The server, and the keys that it has made for the users alice and bob, and for a role. */
let server;
let keys;

before(async () => {
  server = await startMoto();
  keys = await makeKeys(server.url);
});
after(() => server.stop());

/** Makes users and a role with keys. From then on, the server refuses what is not signed with one of them. */
async function makeKeys(url) {
  const env = {
    PATH: process.env.PATH,
    ...settings(url),
    AWS_ACCESS_KEY_ID: "x",
    AWS_SECRET_ACCESS_KEY: "x",
  };
  const call = async (...args) => {
    const child = spawn(aws, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    const text = await child.stdout.setEncoding("utf8").toArray();
    return JSON.parse(text.join("") || "null");
  };
  const keys = {};
  for (const user of ["alice", "bob"]) {
    await call("iam", "create-user", "--user-name", user);
    keys[user] = (await call("iam", "create-access-key", "--user-name", user)).AccessKey;
  }
  const [role, name] = ["arn:aws:iam::123456789012:role/robot", "session"];
  keys.robot = (
    await call("sts", "assume-role", "--role-arn", role, "--role-session-name", name)
  ).Credentials;
  await fetch(`${url}/moto-api/reset-auth`, { method: "POST", body: "0" });
  return keys;
}

const settings = (url) => ({
  AWS_ENDPOINT_URL: url,
  AWS_DEFAULT_REGION: "us-east-1",
  AWS_EC2_METADATA_DISABLED: "true",
});

/** A stored value. */
const value = ({ AccessKeyId, SecretAccessKey, ...rest }) =>
  JSON.stringify({ AccessKeyId, SecretAccessKey, ...rest });
const minutes = (count) => new Date(Date.now() + count * 60_000).toISOString();

describeClient("AWS", (start) => {
  /** Starts a client, with functions for the CLI and the files. */
  async function begin(t) {
    const client = await start(t);
    Object.assign(client.session.env, settings(server.url));
    const at = (name) => join(client.session.home, ".aws", name);
    return {
      ...client,
      at,
      read: (name) => readFileSync(at(name), "utf8"),
      write(name, text, mode = 0o600) {
        mkdirSync(dirname(at(name)), { recursive: true });
        writeFileSync(at(name), text, { mode });
      },
      stored: (profile) => client.read("aws", profile),
      /** Who the server says that the CLI is. */
      async identify(...args) {
        const { code, stdout, stderr } = await client.run(aws, ["sts", "get-caller-identity", ...args]);
        return code === 0 ? JSON.parse(stdout).Arn : { stderr };
      },
    };
  }

  it("lets the AWS CLI sign with the keys of each profile", async (t) => {
    const client = await begin(t);
    await client.store("aws", "default", value(keys.alice));
    await client.store("aws", "at work", value(keys.bob));
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = keys.robot;
    await client.store("aws", "robot", value({ AccessKeyId, SecretAccessKey, SessionToken, Expiration }));
    const shown = await client.succeed("secrets", ["setup", "aws"]);
    for (const { SecretAccessKey } of Object.values(keys)) assert.ok(!shown.includes(SecretAccessKey));
    assert.equal(await client.identify(), "arn:aws:iam::123456789012:user/alice");
    assert.equal(await client.identify("--profile", "at work"), "arn:aws:iam::123456789012:user/bob");
    const role = await client.identify("--profile", "robot");
    assert.equal(role, "arn:aws:sts::123456789012:assumed-role/robot/session");
    const wrong = value({ ...keys.alice, SecretAccessKey: keys.bob.SecretAccessKey });
    await client.store("aws", "default", wrong);
    assert.match((await client.identify()).stderr, /SignatureDoesNotMatch/);
    // The CLI does not say that it was refused, so it stays.
    assert.equal(await client.stored("default"), wrong);
  });

  it("prints only the members of credential_process", async (t) => {
    const client = await begin(t);
    const Expiration = minutes(60);
    const stored = { Other: 1, AccessKeyId: "i", SecretAccessKey: "s", SessionToken: "t", Expiration };
    await client.store("aws", "a", JSON.stringify(stored));
    const printed = await client.succeed("secrets", ["helper", "aws", "--profile", "a"]);
    assert.equal(
      printed,
      `{"Version":1,"AccessKeyId":"i","SecretAccessKey":"s","SessionToken":"t","Expiration":"${Expiration}"}\n`,
    );
  });

  it("lets botocore fetch new keys before the old ones expire", async (t) => {
    const client = await begin(t);
    // botocore fetches anew if less than ten minutes are left.
    await client.store("aws", "default", value({ ...keys.alice, Expiration: minutes(9) }));
    await client.succeed("secrets", ["setup", "aws"]);
    const script = [
      "import botocore.session",
      "session = botocore.session.Session()",
      "credentials = session.get_credentials()",
      "sts = session.create_client('sts')",
      "print(sts.get_caller_identity()['Arn'], flush=True)",
      "input()",
      "print(sts.get_caller_identity()['Arn'], flush=True)",
    ].join("\n");
    const python = client.session.start(program("python"), ["-c", script]);
    const lines = createInterface(python.stdout)[Symbol.asyncIterator]();
    const next = async () => (await lines.next()).value;
    assert.equal(await next(), "arn:aws:iam::123456789012:user/alice");
    await client.store("aws", "default", value({ ...keys.bob, Expiration: minutes(9) }));
    python.stdin.write("\n");
    assert.equal(await next(), "arn:aws:iam::123456789012:user/bob");
  });

  it("tells the user of the CLI why there are no keys", async (t) => {
    const client = await begin(t);
    await client.succeed("secrets", ["setup", "aws", "default"]);
    const tell = async () => (await client.identify()).stderr;
    assert.match(await tell(), /no AWS credentials of the profile default\. Store them with secrets set/);
    await client.store("aws", "default", value({ ...keys.alice, Expiration: "2020-01-01T00:00:00Z" }));
    const expired = await tell();
    assert.match(expired, /profile default cannot be used: they expired at 2020-01-01T00:00:00Z/);
    assert.ok(!expired.includes(keys.alice.SecretAccessKey));
    for (const wrong of ["hunter2", '{"SecretAccessKey":"hunter2"}', value({ AccessKeyId: "hunter2\nx" })]) {
      await client.store("aws", "default", wrong);
      const told = await tell();
      assert.match(told, /profile default cannot be used: /);
      assert.ok(!told.includes("hunter2"), told);
    }
  });

  it("fails if the store is locked, and if it is gone", async (t) => {
    const client = await begin(t);
    await client.store("aws", "default", value(keys.alice));
    await client.succeed("secrets", ["setup", "aws"]);
    const tell = async () => {
      const { code, stdout, stderr } = await client.run("secrets", ["helper", "aws"]);
      assert.deepEqual([code, stdout], [3, ""], stderr);
      assert.doesNotMatch(stderr, /no AWS credentials/);
      const told = await client.identify();
      assert.ok(told.stderr.includes(stderr.trim()), told.stderr);
    };
    await client.lock();
    await tell();
    await client.end();
    await tell();
  });

  it("changes only its own lines of the configuration, and takes them back", async (t) => {
    const client = await begin(t);
    const before =
      "# mine\r\n[default]\r\nregion = eu-north-1\r\n\r\n[profile old]\r\n" +
      "Credential_Process = /other/secrets helper aws --profile old\r\ns3 =\r\n  max_concurrent_requests = 2\r\n[sso-session z]";
    client.write("config", before, 0o640);
    const real = join(client.session.home, "real-config");
    await client.succeed("mv", [client.at("config"), real]);
    symlinkSync(real, client.at("config"));
    for (const profile of ["default", "old", "new one"])
      await client.store("aws", profile, value(keys.alice));
    const dry = await client.succeed("secrets", ["setup", "aws", "--dry-run"]);
    assert.match(dry, /^would change .*\n[+-] /);
    assert.equal(client.read("config"), before);
    await client.succeed("secrets", ["setup", "aws"]);
    const ours = "credential_process = secrets helper aws --profile";
    assert.equal(
      client.read("config"),
      `# mine\r\n[default]\r\n${ours} default\r\nregion = eu-north-1\r\n\r\n[profile old]\r\n${ours} old\r\n` +
        "s3 =\r\n  max_concurrent_requests = 2\r\n[sso-session z]\r\n\r\n" +
        `[profile "new one"]\r\n${ours} "new one"\r\n`,
    );
    assert.equal(statSync(real).mode & 0o777, 0o640);
    for (const profile of ["default", "old", "new one"]) {
      assert.equal(await client.identify("--profile", profile), "arn:aws:iam::123456789012:user/alice");
    }
    const changed = client.read("config");
    assert.equal(await client.succeed("secrets", ["setup", "aws"]), "aws asks os-secrets already\n");
    assert.equal(client.read("config"), changed);
    await client.succeed("secrets", ["setup", "aws", "--undo"]);
    assert.equal(client.read("config"), before);
    assert.match(await client.succeed("secrets", ["setup", "aws", "--undo"]), /^nothing that/);
  });

  it("takes its lines back after aws configure has changed the file", async (t) => {
    const client = await begin(t);
    await client.store("aws", "work", value(keys.alice));
    client.write("config", "[default]\nregion = us-east-1\ncredential_process = /old helper aws\n");
    await client.succeed("secrets", ["setup", "aws", "default"]);
    await client.succeed("secrets", ["setup", "aws"]);
    for (const [profile, option] of [
      ["default", "output"],
      ["work", "region"],
    ]) {
      await client.succeed(aws, ["configure", "set", option, "json", "--profile", profile]);
    }
    const between = client.read("config");
    await client.succeed("secrets", ["setup", "aws", "--undo"]);
    const left = client.read("config");
    assert.doesNotMatch(left, /secrets helper/);
    assert.match(
      left,
      /^\[default\]\nregion = us-east-1\ncredential_process = \/old helper aws\noutput = json\n/,
      between,
    );
    assert.equal(await client.succeed(aws, ["configure", "get", "region", "--profile", "work"]), "json\n");
  });

  it("neither replaces nor shows a command of another program, whose words may be secrets", async (t) => {
    const client = await begin(t);
    const before = "[default]\ncredential_process = /opt/x --token hunter2\n[profile b]\nregion = x\n";
    client.write("config", before);
    await client.store("aws", "default", value(keys.alice));
    for (const words of [["default"], [], ["--dry-run"]]) {
      const { code, stdout, stderr } = await client.run("secrets", ["setup", "aws", ...words]);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /profile default in .* asks another program already\. Remove its credential_process/,
      );
      assert.doesNotMatch(stdout + stderr, /hunter2|asks os-secrets/);
      assert.equal(client.read("config"), before);
    }
    // Other profiles are set up.
    await client.store("aws", "b", value(keys.alice));
    const { stdout, stderr } = await client.run("secrets", ["setup", "aws"]);
    assert.match(client.read("config"), /hunter2\n\[profile b\]\ncredential_process = secrets helper aws/);
    const record = readFileSync(join(client.session.data, "os-secrets", "setup.json"), "utf8");
    assert.doesNotMatch(stdout + stderr + record, /hunter2/);
  });

  it("removes a configuration that it has made, also in a folder and for a program with spaces", async (t) => {
    const client = await begin(t);
    const folder = join(client.session.directory, "with space");
    mkdirSync(folder);
    await client.succeed("cp", [join(client.bin, "secrets"), join(folder, "secrets")]);
    await client.store("aws", "default", value(keys.alice));
    // Without the program in PATH, its path is written.
    const env = { PATH: "/usr/bin:/bin" };
    const made = await client.run(join(folder, "secrets"), ["setup", "aws"], { env });
    assert.equal(made.code, 0, made.stderr);
    const command = `"${join(folder, "secrets")}" helper aws --profile default`;
    assert.equal(client.read("config"), `[default]\ncredential_process = ${command}\n`);
    const { code, stdout, stderr } = await client.run(aws, ["sts", "get-caller-identity"], { env });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /user\/alice/);
    // As the SDKs for Go and JavaScript run it.
    assert.match((await client.run("sh", ["-c", command], { env })).stdout, /^\{"Version":1,/);
    await client.succeed("secrets", ["setup", "aws", "--undo"]);
    assert.equal(existsSync(client.at("config")), false);
  });

  it("refuses a profile that a shell would run, and a file that the CLI cannot read", async (t) => {
    const client = await begin(t);
    for (const profile of ["$(touch x)", "a`b", "a\nb", "a]\n[default", 'a"b']) {
      const { code, stderr } = await client.run("secrets", ["setup", "aws", profile]);
      assert.equal(code, 1);
      assert.match(stderr, /has a character that the AWS CLI and shells read in different ways/);
    }
    client.write("config", "[default]\nregion = x\nhunter2\n");
    for (const command of [
      ["setup", "aws", "default"],
      ["import", "--from", "aws"],
    ]) {
      const { code, stderr } = await client.run("secrets", command);
      assert.equal(code, 1);
      assert.match(stderr, /because of line 3/);
      assert.ok(!stderr.includes("hunter2"));
    }
    assert.equal(client.read("config"), "[default]\nregion = x\nhunter2\n");
  });

  it("imports the keys of the shared files, and deletes exactly their lines", async (t) => {
    const client = await begin(t);
    const { alice, bob, robot } = keys;
    client.write(
      "credentials",
      `[default]\naws_access_key_id=${alice.AccessKeyId}\naws_secret_access_key=${alice.SecretAccessKey}\n\n` +
        `# robots\n[robot]\nAWS_ACCESS_KEY_ID = ${robot.AccessKeyId}\naws_secret_access_key : ${robot.SecretAccessKey}\n` +
        `aws_session_token = ${robot.SessionToken}\nregion = us-east-1\n`,
    );
    client.write(
      "config",
      `[profile b]\noutput = json\naws_access_key_id = ${bob.AccessKeyId}\naws_secret_access_key = ${bob.SecretAccessKey}\n`,
    );
    chmodSync(client.at("credentials"), 0o640);
    const overview = await client.succeed("secrets", ["setup"]);
    for (const profile of ["default", "robot", "b"]) {
      assert.match(overview, new RegExp(`^  ${profile}$`, "m"));
    }
    await client.succeed("secrets", ["setup", "aws", "default"]);
    const { stderr } = await client.run("secrets", ["setup", "aws", "robot"]);
    assert.match(
      stderr,
      /AWS prefers the keys of the profile robot in .*\. To store and delete them, run secrets import/,
    );
    // It is so until the keys are gone, and said so each time.
    const again = await client.run("secrets", ["setup", "aws", "robot"]);
    assert.equal(again.stdout, "aws is set up already, but does not ask os-secrets\n");
    assert.match(again.stderr, /AWS prefers the keys of the profile robot in /);
    assert.match(again.stderr, /no credentials of the profile robot are stored/);
    assert.match(await client.succeed("secrets", ["setup"]), /^aws +does not ask os-secrets\. Run: /m);
    const imported = await client.run("secrets", ["import", "--from", "aws", "--delete"]);
    assert.equal(imported.code, 0, imported.stderr);
    const after = await client.run("secrets", ["setup", "aws", "robot"]);
    assert.deepEqual([after.stdout, after.stderr], ["aws asks os-secrets already\n", ""]);
    for (const { SecretAccessKey } of [alice, bob, robot]) {
      assert.ok(!`${imported.stdout}${imported.stderr}${overview}`.includes(SecretAccessKey));
    }
    assert.equal(client.read("credentials"), "# robots\n[robot]\nregion = us-east-1\n");
    assert.equal(statSync(client.at("credentials")).mode & 0o777, 0o640);
    assert.match(client.read("config"), /^\[profile b\]\noutput = json\n\n\[default\]/);
    await client.succeed("secrets", ["setup", "aws"]);
    assert.equal(await client.identify(), "arn:aws:iam::123456789012:user/alice");
    assert.equal(await client.identify("--profile", "b"), "arn:aws:iam::123456789012:user/bob");
    const role = await client.identify("--profile", "robot");
    assert.equal(role, "arn:aws:sts::123456789012:assumed-role/robot/session");
  });

  it("says how to store the credentials of a profile that has none", async (t) => {
    const client = await begin(t);
    for (const expected of [/^changed /, /^aws asks os-secrets already\n$/]) {
      const { code, stdout, stderr } = await client.run("secrets", ["setup", "aws", "ghost"]);
      assert.equal(code, 0);
      assert.match(stdout, expected);
      assert.match(
        stderr,
        /the profile ghost are stored\. Store them with secrets set --service aws ghost$/m,
      );
    }
    const overview = await client.succeed("secrets", ["setup"]);
    assert.match(
      overview,
      /^aws +asks os-secrets\n +no credentials of the profile ghost are stored\. Store them /m,
    );
    await client.store("aws", "ghost", JSON.stringify(keys.alice));
    assert.equal((await client.run("secrets", ["setup", "aws", "ghost"])).stderr, "");
  });

  it("keeps keys in the file if others are stored", async (t) => {
    const client = await begin(t);
    const text = (secret) => `[default]\naws_access_key_id = i\naws_secret_access_key = ${secret}\n`;
    client.write("credentials", text("hunter2"));
    await client.store("aws", "default", value(keys.alice));
    const kept = await client.run("secrets", ["import", "--from", "aws", "--delete"]);
    assert.equal(kept.code, 1);
    assert.match(kept.stderr, /default.* a different value is stored/);
    assert.equal(client.read("credentials"), text("hunter2"));
    assert.equal(await client.stored("default"), value(keys.alice));
    await client.succeed("secrets", ["import", "--from", "aws", "--delete", "--force"]);
    assert.equal(client.read("credentials"), "");
    assert.equal(await client.stored("default"), '{"AccessKeyId":"i","SecretAccessKey":"hunter2"}');
  });

  it("works as the manual says", async (t) => {
    const client = await begin(t);
    const { AccessKeyId, SecretAccessKey } = keys.alice;
    client.write(
      "credentials",
      `[default]\naws_access_key_id = ${AccessKeyId}\naws_secret_access_key = ${SecretAccessKey}\n`,
    );
    const [move, store] = sectionExamples("docs/helpers.md", "AWS", "bash");
    await client.succeed("bash", ["-euc", move]);
    assert.deepEqual([client.read("config")], sectionExamples("docs/helpers.md", "AWS", "ini"));
    assert.equal(client.read("credentials"), "");
    assert.equal(await client.identify(), "arn:aws:iam::123456789012:user/alice");
    await client.succeed("bash", ["-euc", store]);
    const session = "botocore.session.Session(profile='work')";
    const script = `import botocore.session; print(${session}.get_credentials().token)`;
    const token = await client.succeed(program("python"), ["-c", script]);
    assert.equal(token, "AQoEXAMPLEH4aoAH0gNCAPy\n");
  });
});
