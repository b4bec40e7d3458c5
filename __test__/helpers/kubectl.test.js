// kubectl and a program over client-go ask os-secrets. The server is an HTTPS server that knows the tokens of its users,
// and takes client certificates of its authority.

const assert = require("node:assert/strict");
const { once } = require("node:events");
const {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { createServer } = require("node:https");
const { tmpdir } = require("node:os");
const { dirname, join } = require("node:path");
const { after, before, it } = require("node:test");
const { place } = require("../../tools/install.js");
const { makeAuthority } = require("../support/certificates.js");
const { describeClient } = require("../support/clients.js");
const { sectionExamples } = require("../support/documents.js");

/** Debian's kubectl, which speaks v1beta1 only, and a program over client-go, which speaks both. */
const kubectl = place("kubectl", "usr", "bin", "kubectl");
const clientGo = place("go-clients", "kubernetes-client");
const [v1, v1beta1] = ["v1", "v1beta1"].map((version) => `client.authentication.k8s.io/${version}`);

/** The folder of the certificates, the authority, the server, its URL, and the certificate of alice. */
let folder;
let authority;
let server;
let url;
let alice;
/** What the server does before it answers. */
let beforeAnswer;
/** The users by their tokens. */
const tokens = new Map([
  ["token-of-bob", "bob"],
  ["token-of-carol", "carol"],
]);

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "os-secrets-kubernetes-"));
  authority = makeAuthority(folder);
  const { certificate, key } = authority.issue("server", "subjectAltName = IP:127.0.0.1");
  alice = authority.issue("alice", "extendedKeyUsage = clientAuth");
  const options = {
    cert: certificate,
    key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: false,
  };
  server = createServer(options, async ({ headers, socket }, response) => {
    const token = /^Bearer (.*)$/.exec(headers.authorization)?.[1];
    const user = tokens.get(token) ?? (socket.authorized && socket.getPeerCertificate().subject.CN);
    await beforeAnswer?.();
    response.writeHead(user ? 200 : 401).end(user || "unknown");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `https://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const base64 = (text) => Buffer.from(text).toString("base64");

/** A name in YAML. */
const quoted = (name) => (/^\d/.test(name) ? `"${name}"` : name);

/** A kubeconfig as kubectl writes it. `users` are the lines under `user:` of each user; each has a context. */
function kubeconfig(users, { server = url, current = Object.keys(users)[0] } = {}) {
  const contexts = Object.keys(users).map(
    (name) => `- context:\n    cluster: test\n    user: ${quoted(name)}\n  name: ${quoted(name)}\n`,
  );
  const own = Object.entries(users).map(
    ([name, lines]) =>
      `- name: ${quoted(name)}\n  user:${lines === "{}" ? " {}" : lines.replace(/^(?=.)/gm, "    ").replace(/^/, "\n")}\n`,
  );
  return [
    `apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: ${base64(authority.certificate)}\n`,
    `    server: ${server}\n  name: test\ncontexts:\n${contexts.join("")}current-context: ${quoted(current)}\nkind: Config\n`,
    `preferences: {}\nusers:\n${own.join("")}`,
  ].join("");
}

describeClient("kubectl", (start) => {
  /** Starts a client, with functions for kubectl and the kubeconfig. */
  async function begin(t) {
    const client = await start(t);
    const path = join(client.session.home, ".kube", "config");
    // `secrets setup kubectl` asks the kubectl in PATH what it speaks.
    symlinkSync(kubectl, join(client.bin, "kubectl"));
    const get = ["get", "--raw", "/"];
    return {
      ...client,
      path,
      service: `kubernetes:${url}`,
      stored: (user) => client.read(`kubernetes:${url}`, user),
      read: () => readFileSync(path, "utf8"),
      write(text, mode = 0o600) {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text, { mode });
        chmodSync(path, mode);
      },
      /** Who the server says that kubectl is, in a context. */
      async identify(context) {
        const args = context ? ["--context", context, ...get] : get;
        const { code, stdout, stderr } = await client.run(kubectl, args);
        return code === 0 ? stdout : { stderr };
      },
      /** The same with client-go, in the current context: the answers to some requests. */
      async identifyOften(count, env = {}) {
        const { code, stdout, stderr } = await client.run(clientGo, ["/", `${count}`], { env });
        return code === 0 ? stdout.trim().split("\n") : { stderr };
      },
    };
  }

  const certificate = () =>
    JSON.stringify({ clientCertificateData: alice.certificate, clientKeyData: alice.key });

  it("gives kubectl a token and a client certificate", async (t) => {
    const client = await begin(t);
    client.write(kubeconfig({ bob: "{}", alice: "{}" }));
    await client.store(client.service, "bob", "token-of-bob");
    await client.store(client.service, "alice", certificate());
    await client.succeed("secrets", ["setup", "kubectl"]);
    assert.match(client.read(), new RegExp(`apiVersion: ${v1beta1}\n`));
    assert.equal(await client.identify(), "bob");
    assert.equal(await client.identify("alice"), "alice");
    await client.store(client.service, "bob", "token-of-mallory");
    const { stderr } = await client.identify();
    assert.match(stderr, /Unauthorized|You must be logged in/);
    assert.doesNotMatch(stderr, /token-of-mallory/);
    // kubectl does not say that it was refused, so it stays.
    assert.equal(await client.stored("bob"), "token-of-mallory");
  });

  for (const version of [v1, v1beta1]) {
    it(`gives client-go a token and a client certificate in ${version}`, async (t) => {
      const client = await begin(t);
      const expirationTimestamp = new Date(Date.now() + 3_600_000).toISOString();
      for (const [user, value] of [
        ["bob", JSON.stringify({ token: "token-of-bob", expirationTimestamp })],
        ["alice", certificate()],
      ]) {
        await client.store(client.service, user, value);
        const exec = `exec:\n  apiVersion: ${version}\n  command: secrets\n  args: [helper, kubectl, ${user}]\n  interactiveMode: Never\n  provideClusterInfo: true`;
        client.write(kubeconfig({ [user]: exec }));
        assert.deepEqual(await client.identifyOften(2), [`200 ${user}`, `200 ${user}`]);
      }
    });
  }

  it("gives client-go the token of each of two users, and keeps one that the server refuses", async (t) => {
    const client = await begin(t);
    const users = { bob: "{}", carol: "{}" };
    client.write(kubeconfig(users));
    for (const user of ["bob", "carol"]) await client.store(client.service, user, `token-of-${user}`);
    await client.succeed("secrets", ["setup", "kubectl"]);
    const both = client.read();
    for (const user of ["bob", "carol"]) {
      client.write(both.replace(/^current-context: .*$/m, `current-context: ${user}`));
      assert.deepEqual(await client.identifyOften(1), [`200 ${user}`]);
    }
    await client.store(client.service, "carol", "token-of-mallory");
    assert.deepEqual(await client.identifyOften(2), ["401 unknown", "401 unknown"]);
    assert.equal(await client.stored("carol"), "token-of-mallory");
    assert.equal(await client.stored("bob"), "token-of-bob");
  });

  it("writes the newest version that the installed kubectl speaks, and the newest of all without one", async (t) => {
    const client = await begin(t);
    rmSync(join(client.bin, "kubectl"));
    await client.store(client.service, "bob", "token-of-bob");
    const newer = '{"clientVersion": {"major": "1", "minor": "22+"}}';
    for (const script of [null, `echo '${newer}'`, "exit 1", "echo hunter2"]) {
      const text = kubeconfig({ bob: "{}" });
      client.write(text);
      const program = join(client.bin, "kubectl");
      if (script !== null) writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
      const env = { PATH: script === null ? client.bin : client.session.env.PATH };
      const { code, stderr } = await client.run("secrets", ["setup", "kubectl"], { env });
      assert.equal(code, 0, stderr);
      assert.match(client.read(), new RegExp(`apiVersion: ${v1}\n`));
      assert.deepEqual(await client.identifyOften(1), ["200 bob"]);
      await client.succeed("secrets", ["setup", "kubectl", "--undo"]);
      assert.equal(client.read(), text);
    }
  });

  it("is asked again by client-go after the server has refused a token", async (t) => {
    const client = await begin(t);
    client.write(kubeconfig({ bob: "{}" }));
    await client.store(client.service, "bob", "token-of-bob");
    await client.succeed("secrets", ["setup", "kubectl", "bob"]);
    // Between the first question and its answer, bob gets another token.
    beforeAnswer = async () => {
      beforeAnswer = undefined;
      tokens.delete("token-of-bob");
      tokens.set("second-token-of-bob", "bob");
      await client.store(client.service, "bob", "second-token-of-bob");
    };
    t.after(() => {
      tokens.delete("second-token-of-bob");
      tokens.set("token-of-bob", "bob");
    });
    assert.deepEqual(await client.identifyOften(3), ["200 bob", "401 unknown", "200 bob"]);
  });

  it("takes the only user of the server if none is named", async (t) => {
    const client = await begin(t);
    const exec = `exec:\n  apiVersion: ${v1beta1}\n  command: secrets\n  args:\n  - helper\n  - kubectl\n  provideClusterInfo: true`;
    client.write(kubeconfig({ any: exec }));
    assert.match(
      (await client.identify()).stderr,
      /no credential for https:\S+ is stored\. Store one with secrets set/,
    );
    await client.store(client.service, "bob", "token-of-bob");
    assert.equal(await client.identify(), "bob");
    await client.store(client.service, "carol", "token-of-carol");
    assert.match((await client.identify()).stderr, /has several users: bob, carol\. Name one of them/);
  });

  it("gives a credential to no other server, and to none that is not verified", async (t) => {
    const client = await begin(t);
    const exec = `exec:\n  apiVersion: ${v1beta1}\n  command: secrets\n  args:\n  - helper\n  - kubectl\n  - bob\n  provideClusterInfo: true`;
    await client.store(client.service, "bob", "token-of-bob");
    await client.store("kubernetes:https://production.example", "bob", "token-of-bob");
    await client.store("kubernetes:http://production.example", "bob", "token-of-bob");
    const other = url.replace("127.0.0.1", "localhost");
    client.write(kubeconfig({ bob: exec }, { server: other }));
    assert.match((await client.identify()).stderr, /no credential of the user bob for https:\/\/localhost:/);
    const skips = kubeconfig({ bob: exec }, { server: "https://production.example" }).replace(
      /certificate-authority-data: .*/,
      "insecure-skip-tls-verify: true\n    proxy-url: http://127.0.0.1:9",
    );
    client.write(skips);
    assert.match(
      (await client.identify()).stderr,
      /others could read the credential for https:\/\/production\.example/,
    );
    // kubectl itself asks for no credential here.
    const cluster = { server: "http://production.example" };
    const KUBERNETES_EXEC_INFO = JSON.stringify({ apiVersion: v1, spec: { cluster } });
    const plain = await client.run("secrets", ["helper", "kubectl", "bob"], {
      env: { KUBERNETES_EXEC_INFO },
    });
    assert.deepEqual([plain.code, plain.stdout], [1, ""]);
    assert.match(plain.stderr, /others could read the credential for http:\/\/production\.example/);
    client.write(kubeconfig({ bob: exec.replace("true", "false") }));
    assert.match((await client.identify()).stderr, /Set provideClusterInfo: true/);
    const alone = await client.run("secrets", ["helper", "kubectl", "bob"]);
    assert.deepEqual([alone.code, alone.stdout], [1, ""]);
    assert.match(alone.stderr, /KUBERNETES_EXEC_INFO is missing/);
  });

  it("tells the user why a stored credential cannot be used", async (t) => {
    const client = await begin(t);
    client.write(kubeconfig({ bob: "{}" }));
    await client.succeed("secrets", ["setup", "kubectl", "bob"]);
    for (const [value, reason] of [
      [
        JSON.stringify({ token: "hunter2", expirationTimestamp: "2020-01-01T00:00:00Z" }),
        /they expired at 2020-01/,
      ],
      ['{"token": "hunter2"', /it is not a JSON object/],
      ["hunter2\nX-Other: 1", /token has a space, a line break/],
      [JSON.stringify({ clientKeyData: "hunter2" }), /one is missing/],
    ]) {
      await client.store(client.service, "bob", value);
      const { stderr } = await client.identify();
      assert.match(stderr, reason);
      assert.match(stderr, /the stored credential of the user bob of https:/);
      assert.doesNotMatch(stderr, /hunter2/);
    }
  });

  it("fails if the store is locked, and if it is gone", async (t) => {
    const client = await begin(t);
    client.write(kubeconfig({ bob: "{}" }));
    await client.store(client.service, "bob", "token-of-bob");
    await client.succeed("secrets", ["setup", "kubectl"]);
    const tell = async () => {
      for (const { stderr } of [await client.identify(), await client.identifyOften(1)]) {
        assert.match(stderr, /exit code 3|exit status 3/);
        assert.doesNotMatch(stderr, /no credential/);
      }
    };
    await client.lock();
    await tell();
    await client.end();
    await tell();
  });

  it("changes only the users that it should, and takes that back byte for byte", async (t) => {
    const client = await begin(t);
    const text = kubeconfig({
      carol: "token: token-of-carol",
      bob: "{}",
      1: "exec:\n  command: other",
      dave: "",
    })
      .replaceAll("\n", "\r\n")
      .replace("users:", "# my users\r\nusers:");
    client.write(text, 0o640);
    const real = join(client.session.home, "real");
    await client.succeed("mv", [client.path, real]);
    symlinkSync(real, client.path);
    for (const user of ["carol", "bob", "1"]) await client.store(client.service, user, "token-of-bob");
    const dry = await client.succeed("secrets", ["setup", "kubectl", "--dry-run"]);
    assert.match(dry, /^would change .*\n\+ +exec:\n/);
    assert.equal(client.read(), text);
    const { code, stderr } = await client.run("secrets", ["setup", "kubectl"]);
    assert.equal(code, 0);
    assert.match(stderr, /the user 1 in .* asks another program already/);
    assert.match(
      stderr,
      /kubectl prefers the token of the user carol in .*run secrets import --from kube --delete/,
    );
    assert.equal(statSync(real).mode & 0o777, 0o640);
    const changed = client.read();
    assert.equal(changed.match(/provideClusterInfo: true\r\n/g).length, 2);
    assert.equal(await client.identify("bob"), "bob");
    // The token in the file takes precedence.
    assert.equal(await client.identify("carol"), "carol");
    // kubectl's lock stands beside the link.
    writeFileSync(`${client.path}.lock`, "");
    const locked = await client.run("secrets", ["setup", "kubectl", "dave"]);
    assert.equal(locked.code, 1);
    assert.ok(
      locked.stderr.includes(`another program has locked it with ${client.path}.lock`),
      locked.stderr,
    );
    rmSync(`${client.path}.lock`);
    const again = await client.run("secrets", ["setup", "kubectl"]);
    assert.equal(again.stdout, "kubectl asks os-secrets already\n");
    assert.match(again.stderr, /kubectl prefers the token of the user carol in /);
    assert.equal(client.read(), changed);
    const ghost = await client.run("secrets", ["setup", "kubectl", "dave"]);
    assert.equal(ghost.code, 0, ghost.stderr);
    assert.match(
      ghost.stderr,
      /no credential of the user dave is stored\. Store it with secrets set --service kubernetes:\S+ dave$/m,
    );
    const refused = await client.run("secrets", ["setup", "kubectl", "1"]);
    assert.equal(refused.code, 1);
    writeFileSync(real, `${client.read()}# later\r\n`);
    await client.succeed("secrets", ["setup", "kubectl", "--undo"]);
    assert.equal(client.read(), `${text}# later\r\n`);
  });

  it("takes its change back after kubectl has written the file anew, and after others have added to it", async (t) => {
    const client = await begin(t);
    for (const change of [
      () => client.succeed(kubectl, ["config", "set", "users.bob.username", "x"]),
      () => client.write(client.read().replace("interactiveMode:", "env: []\n      interactiveMode:")),
      () => client.write(`${client.read()}    username: x\n`),
      () => client.write(client.read().replace(/(provideClusterInfo: true\n)/, "$1      env: []\n")),
    ]) {
      client.write(kubeconfig({ bob: "{}" }));
      await client.store(client.service, "bob", "token-of-bob");
      await client.succeed("secrets", ["setup", "kubectl"]);
      await change();
      await client.succeed("secrets", ["setup", "kubectl", "--undo"]);
      assert.doesNotMatch(client.read(), /exec|kubectl/);
      const view = JSON.parse(await client.succeed(kubectl, ["config", "view", "-o", "json"]));
      assert.ok(
        ["{}", '{"username":"x"}'].includes(JSON.stringify(view.users[0].user)),
        JSON.stringify(view.users),
      );
    }
  });

  it("refuses a kubeconfig that kubectl has not written, and names the line", async (t) => {
    const client = await begin(t);
    await client.store(client.service, "bob", "token-of-bob");
    const written = kubeconfig({ bob: "token: hunter2" });
    for (const [text, reason] of [
      [
        written.replace(/ {4}token: hunter2/, "    token: &a hunter2"),
        /an anchor, an alias or a tag in line 18/,
      ],
      [written.replace(/user:\n {4}token: hunter2/, "user: {token: hunter2}"), /flow style in line 17/],
      [JSON.stringify({ users: [] }), /is JSON, and os-secrets reads only YAML/],
      [written.replace("users:", "users:\n\t- name: x"), /a tab in the indentation in line 16/],
    ]) {
      client.write(text);
      for (const command of [
        ["import", "--from", "kube", "--delete"],
        ["setup", "kubectl"],
      ]) {
        const { code, stderr } = await client.run("secrets", command);
        if (command[0] === "import" || !reason.source.includes("anchor")) {
          assert.equal(code, 1, stderr);
          assert.match(stderr, reason);
        }
        assert.doesNotMatch(stderr, /hunter2/);
        if (code !== 0) assert.equal(client.read(), text);
      }
    }
  });

  it("imports tokens and client keys, and deletes exactly their lines", async (t) => {
    const client = await begin(t);
    const data = `client-certificate-data: ${base64(alice.certificate)}\nclient-key-data: ${base64(alice.key)}`;
    const text = kubeconfig({
      bob: "token: token-of-bob",
      alice: data,
      dave: "username: dave\npassword: hunter2",
      carol: "# mine\nas: x\ntoken: token-of-carol",
    });
    client.write(text, 0o640);
    const overview = await client.succeed("secrets", ["setup"]);
    assert.match(overview, new RegExp(`the user bob for ${url}`));
    const imported = await client.run("secrets", ["import", "--from", "kube", "--delete"]);
    assert.equal(imported.code, 0, imported.stderr);
    assert.match(imported.stderr, /skipped the user dave in \S+: it has a password/);
    const expected = kubeconfig({
      bob: "",
      alice: "",
      dave: "username: dave\npassword: hunter2",
      carol: "# mine\nas: x",
    });
    assert.equal(client.read(), expected.replaceAll(/user:\n\n/g, "user:\n"));
    assert.equal(statSync(client.path).mode & 0o777, 0o640);
    for (const secret of ["token-of-", "hunter2", base64(alice.key), "PRIVATE"]) {
      assert.ok(!`${overview}${imported.stdout}${imported.stderr}`.includes(secret));
    }
    assert.equal(
      await client.succeed("secrets", ["get", "--raw", "--service", client.service, "bob"]),
      "token-of-bob",
    );
    await client.succeed("secrets", ["setup", "kubectl"]);
    assert.equal(await client.identify("bob"), "bob");
    assert.equal(await client.identify("alice"), "alice");
  });

  it("keeps a token in the file until it is stored for every server", async (t) => {
    const client = await begin(t);
    const second = "- cluster:\n    server: https://second.example\n  name: second\ncontexts:\n";
    const context = "- context:\n    cluster: second\n    user: bob\n  name: second\ncurrent-context:";
    const text = kubeconfig({ bob: "token: token-of-bob" })
      .replace("contexts:\n", second)
      .replace("current-context:", context);
    client.write(text);
    await client.store("kubernetes:https://second.example", "bob", "another");
    const kept = await client.run("secrets", ["import", "--from", "kube", "--delete"]);
    assert.equal(kept.code, 1);
    assert.match(kept.stderr, /the user bob for https:\/\/second\.example.*a different value is stored/);
    assert.equal(client.read(), text);
    await client.succeed("secrets", ["import", "--from", "kube", "--delete", "--force"]);
    assert.doesNotMatch(client.read(), /token/);
    for (const service of [client.service, "kubernetes:https://second.example"]) {
      assert.equal(await client.succeed("secrets", ["get", "--service", service, "bob"]), "token-of-bob\n");
    }
  });

  it("finds a user in the first file of KUBECONFIG that has it", async (t) => {
    const client = await begin(t);
    const at = (name) => join(client.session.home, name);
    writeFileSync(at("one"), kubeconfig({ carol: "{}" }));
    writeFileSync(at("two"), kubeconfig({ carol: "{}", bob: "{}" }));
    client.session.env.KUBECONFIG = `${at("none")}:${at("one")}::${at("two")}`;
    await client.store(client.service, "bob", "token-of-bob");
    await client.store(client.service, "carol", "token-of-carol");
    await client.succeed("secrets", ["setup", "kubectl"]);
    assert.match(readFileSync(at("one"), "utf8"), /- carol\n/);
    const two = readFileSync(at("two"), "utf8");
    assert.ok(!two.includes("- carol\n") && two.includes("- bob\n"), two);
    assert.equal(await client.identify("bob"), "bob");
    assert.equal(await client.identify("carol"), "carol");
    assert.equal(existsSync(client.path), false);
  });

  it("works as the manual says", async (t) => {
    const client = await begin(t);
    client.write(kubeconfig({ bob: "token: token-of-bob" }));
    const [move, store] = sectionExamples("docs/helpers.md", "kubectl", "bash");
    await client.succeed("bash", ["-euc", move]);
    assert.equal(await client.identify(), "bob");
    const [shown] = sectionExamples("docs/helpers.md", "kubectl", "yaml");
    assert.ok(
      client.read().endsWith(shown.replace(v1, v1beta1).replaceAll("dev-user", "bob")),
      client.read(),
    );
    await client.succeed("bash", ["-euc", store]);
    const info = {
      apiVersion: v1,
      kind: "ExecCredential",
      spec: { cluster: { server: "https://dev.example:6443" } },
    };
    const env = { KUBERNETES_EXEC_INFO: JSON.stringify(info) };
    const { stdout } = await client.run("secrets", ["helper", "kubectl"], { env });
    assert.equal(JSON.parse(stdout).status.expirationTimestamp, "2038-01-31T12:00:00Z");
  });
});
