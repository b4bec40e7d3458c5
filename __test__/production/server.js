// Starts real servers of HashiCorp Vault: a development server, and clusters with TLS. A test stops them at its end, by
// their process ids. Every server has an address and a folder of its own.

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} = require("node:fs");
const https = require("node:https");
const http = require("node:http");
const { connect, createServer } = require("node:net");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { setTimeout: sleep } = require("node:timers/promises");
const { place } = require("../../tools/install.js");
const { makeAuthority } = require("../support/certificates.js");

const program = join(place("vault"), "vault");

/** Returns ports that nobody listens on. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** Sends a request to a server's API. Returns { status, data }, with the parsed answer. */
function request(address, method, path, { token, body, ca, type } = {}) {
  const { request: send } = address.startsWith("https:") ? https : http;
  const headers = { "x-vault-request": "true", "content-type": type ?? "application/json" };
  if (token !== undefined) headers["x-vault-token"] = token;
  return new Promise((resolve, reject) => {
    const sent = send(`${address}/v1/${path}`, { method, headers, ca, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part) => (text += part));
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({ status: answer.statusCode, data: text === "" ? undefined : parse(text) }),
      );
    });
    sent.on("error", reject).setTimeout(10_000, () => sent.destroy(new Error("no answer")));
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Waits until a function returns something that is true. */
async function until(what, check) {
  for (let tries = 0; tries < 600; tries++) {
    try {
      const found = await check();
      if (found) return found;
    } catch {
      // The server does not listen yet.
    }
    await sleep(100);
  }
  throw new Error(`waited for ${what} in vain`);
}

/** Starts a server's program. Returns { child, log() }. */
function startProgram(t, args, folder) {
  const env = { PATH: process.env.PATH, HOME: folder };
  const child = spawn(program, ["server", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part) => (log += part));
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  };
  t.after(stop);
  return { child, stop, log: () => log };
}

function makeFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), "os-secrets-vault-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Starts a development server, whose mount `secret` is of version 2 and whose mount `kv1` is of version 1. Returns
 * { address, token, child, api(method, path, body) }.
 */
async function startVault(t) {
  const folder = makeFolder(t);
  const [port] = await freePorts(1);
  const token = "root";
  const address = `http://127.0.0.1:${port}`;
  const args = [
    "-dev",
    `-dev-root-token-id=${token}`,
    `-dev-listen-address=127.0.0.1:${port}`,
    "-dev-no-store-token",
  ];
  const { child, stop, log } = startProgram(t, args, folder);
  const api = async (method, path, body, options) => {
    const answer = await request(address, method, path, { token, body, ...options });
    if (answer.status >= 400 && answer.status !== 404)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.data)}`);
    return answer.data;
  };
  await until("the server", async () => (await request(address, "GET", "sys/health")).status === 200).catch(
    (error) => {
      throw new Error(`${error.message}: ${log()}`);
    },
  );
  // It mounts its first secrets engine after it says that it is ready.
  await until(
    "the mount",
    async () => (await request(address, "GET", "sys/mounts/secret", { token })).status === 200,
  );
  await api("POST", "sys/mounts/kv1", { type: "kv", options: { version: "1" } });
  return { address, token, child, stop, api, folder };
}

/** The configuration of a node. */
const configuration = ({ name, folder, port, peers, ca }) => `
disable_mlock = true
ui = false
api_addr = "https://127.0.0.1:${port.api}"
cluster_addr = "https://127.0.0.1:${port.proxy}"
listener "tcp" {
  address = "127.0.0.1:${port.api}"
  cluster_address = "127.0.0.1:${port.cluster}"
  tls_cert_file = "${join(folder, "server.crt")}"
  tls_key_file = "${join(folder, "server.key")}"
}
storage "raft" {
  path = "${join(folder, "raft")}"
  node_id = "${name}"
  performance_multiplier = "1"
${peers
  .map(
    (peer) => `  retry_join {
    leader_api_addr = "https://127.0.0.1:${peer.api}"
    leader_ca_cert_file = "${ca}"
  }`,
  )
  .join("\n")}
}
`;

const isRunning = ({ child }) => child !== undefined && child.exitCode === null && child.signalCode === null;

/** Finds the process that has a TCP socket with a local port. */
function findOwner(port, pids) {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const lines = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  const inode = lines.find(([, local]) => local?.endsWith(`:${hex}`))?.[9];
  return pids.find((pid) => {
    const folder = `/proc/${pid}/fd`;
    try {
      return readdirSync(folder).some((fd) => readlinkSync(join(folder, fd)) === `socket:[${inode}]`);
    } catch {
      // The process has ended, or closed a file meanwhile.
      return false;
    }
  });
}

/**
 * Starts a proxy before the port at which the other nodes reach a node. If the node or the one that connects to it is cut
 * off, nothing is passed on any more, and nothing is closed either.
 */
async function startProxy(t, node, nodes) {
  const sockets = new Set();
  const proxy = createServer((inner) => {
    const pid = findOwner(
      inner.remotePort,
      nodes.filter(isRunning).map(({ child }) => child.pid),
    );
    const other = nodes.find(({ child }) => child?.pid === pid);
    const outer = connect(node.port.cluster, "127.0.0.1");
    const isCut = () => node.isCut || other?.isCut;
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ]) {
      sockets.add(from);
      from.on("data", (part) => isCut() || to.write(part));
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  }).listen(node.port.proxy, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
}

/**
 * Starts a cluster of three nodes with TLS and integrated storage, and waits until all of them vote. Returns { nodes, ca,
 * caPath, token, api, leader(), cut(node) }. A node is { name, address, child, stop(), start(), unseal() }.
 */
async function startCluster(t) {
  const folder = makeFolder(t);
  const authority = makeAuthority(folder);
  const ports = await freePorts(9);
  const ca = authority.certificate;
  const nodes = [];
  for (const index of [0, 1, 2]) {
    const own = join(folder, `node${index}`);
    mkdirSync(join(own, "raft"), { recursive: true });
    const { certificate, key } = authority.issue(
      `node${index}`,
      "subjectAltName=IP:127.0.0.1,DNS:localhost\n",
    );
    writeFileSync(join(own, "server.crt"), certificate);
    writeFileSync(join(own, "server.key"), key, { mode: 0o600 });
    const port = { api: ports[index], cluster: ports[index + 3], proxy: ports[index + 6] };
    nodes.push({ name: `node${index}`, folder: own, port, address: `https://127.0.0.1:${port.api}` });
  }
  const api = async (node, method, path, body, options) => {
    const answer = await request(node.address, method, path, { ca, body, ...options });
    if (answer.status >= 400)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.data)}`);
    return answer.data;
  };
  const cluster = { nodes, ca, caPath: authority.path, token: undefined, keys: undefined, api };
  for (const node of nodes) {
    const peers = nodes.filter((other) => other !== node).map(({ port }) => port);
    const path = join(node.folder, "config.hcl");
    writeFileSync(path, configuration({ ...node, peers, ca: authority.path }));
    node.health = async () => (await request(node.address, "GET", "sys/health", { ca })).status;
    node.start = () => {
      Object.assign(node, startProgram(t, [`-config=${path}`], node.folder));
      return until(node.name, async () => [200, 429, 501, 503].includes(await node.health()));
    };
    node.unseal = () =>
      until(`${node.name} to unseal`, async () => {
        await api(node, "POST", "sys/unseal", { key: cluster.keys[0] });
        return [200, 429].includes(await node.health());
      });
    await startProxy(t, node, nodes);
    await node.start();
  }
  const [first, ...others] = nodes;
  const made = await api(first, "POST", "sys/init", { secret_shares: 1, secret_threshold: 1 });
  Object.assign(cluster, { token: made.root_token, keys: made.keys });
  for (const node of [first, ...others]) await node.unseal();
  /** The node that all nodes that run take for the leader. */
  cluster.leader = () =>
    until("a leader", async () => {
      const running = nodes.filter(isRunning);
      const named = await Promise.all(running.map((node) => api(node, "GET", "sys/leader")));
      const [address, ...others] = new Set(named.map((answer) => answer.leader_address));
      const node = nodes.find((each) => each.address === address);
      return others.length === 0 && node !== undefined && (await node.health()) === 200 ? node : undefined;
    });
  /** Cuts a node off from the others. Clients still reach it. */
  cluster.cut = (node) => {
    node.isCut = true;
  };
  const leader = await cluster.leader();
  const { token } = cluster;
  await api(leader, "POST", "sys/mounts/secret", { type: "kv", options: { version: "2" } }, { token });
  await until("all nodes to vote", async () => {
    const { data } = await api(leader, "GET", "sys/storage/raft/autopilot/state", undefined, { token });
    return data.healthy && data.voters.length === 3;
  });
  return cluster;
}

/**
 * Starts the part of the API of Kubernetes by which Vault checks the token of a service account. Returns
 * { url, reviewed, makeToken(id) }, with the tokens that were checked. The service account is my-app in prod.
 */
async function startTokenReview(t) {
  const reviewed = [];
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      const { token } = JSON.parse(body).spec;
      reviewed.push(token);
      const user = { username: "system:serviceaccount:prod:my-app", uid: "1", groups: [] };
      const status = token === "" ? { authenticated: false } : { authenticated: true, user };
      response.setHeader("content-type", "application/json").writeHead(201);
      response.end(JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", status }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const makeToken = (id) => {
    const account = { namespace: "prod", serviceaccount: { name: "my-app", uid: "1" } };
    const now = Math.floor(Date.now() / 1000);
    const claims = { "kubernetes.io": account, jti: id, nbf: now - 60, exp: now + 600 };
    return `${encode({ alg: "RS256" })}.${encode(claims)}.${Buffer.from("signature").toString("base64url")}`;
  };
  return { url: `http://127.0.0.1:${server.address().port}`, reviewed, makeToken };
}

/** Collects what must be stopped after all tests of a suite. Pass it in place of a test; `end` is for `after`. */
function collect() {
  const stops = [];
  return {
    after: (stop) => stops.push(stop),
    async end() {
      for (const stop of stops.splice(0).reverse()) await stop();
    },
  };
}

module.exports = {
  collect,
  freePorts,
  makeFolder,
  request,
  startCluster,
  startTokenReview,
  startVault,
  until,
};
