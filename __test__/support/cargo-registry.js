// A sparse registry of cargo on loopback, which answers nobody without one of its tokens. It keeps what is published in
// memory. See "Registry Index" and "Registry Web API" in the Cargo Book.

const { createHash } = require("node:crypto");
const { once } = require("node:events");
const { createServer } = require("node:http");

/** The path of a crate's file in an index. */
function indexPath(name) {
  if (name.length <= 2) return `${name.length}/${name}`;
  if (name.length === 3) return `3/${name[0]}/${name}`;
  return `${name.slice(0, 2)}/${name.slice(2, 4)}/${name}`;
}

/** The metadata and the archive in the body of a request to publish. */
function parsePublished(body) {
  const length = body.readUInt32LE(0);
  const metadata = JSON.parse(body.subarray(4, 4 + length).toString());
  return { metadata, archive: body.subarray(8 + length) };
}

/** A dependency as an index has it, from what a request to publish says of it. */
function indexDependency({ version_req, explicit_name_in_toml: alias, ...dependency }) {
  const named = alias ? { name: alias, package: dependency.name } : {};
  return { ...dependency, ...named, req: version_req };
}

/**
 * Starts a registry for a test. Returns its index as cargo spells it, the tokens that it accepts, and the tokens that it
 * was sent: null for a request without one.
 */
async function startCargoRegistry(t, ...tokens) {
  const accepted = new Set(tokens);
  const [sent, crates, archives] = [[], new Map(), new Map()];
  let url;
  const answers = {
    "GET /index/config.json": () => ({ dl: `${url}/crates`, api: url, "auth-required": true }),
    "PUT /api/v1/crates/new": (_, body) => {
      const { metadata, archive } = parsePublished(body);
      const { name, vers, features } = metadata;
      const deps = metadata.deps.map(indexDependency);
      const cksum = createHash("sha256").update(archive).digest("hex");
      const line = { name, vers, deps, cksum, features, yanked: false };
      crates.set(name, [...(crates.get(name) ?? []), line]);
      archives.set(`${name}/${vers}`, archive);
      return { warnings: { invalid_categories: [], invalid_badges: [], other: [] } };
    },
    "DELETE /api/v1/crates/([^/]+)/([^/]+)/yank": ([name, version]) => setYanked(name, version, true),
    "PUT /api/v1/crates/([^/]+)/([^/]+)/unyank": ([name, version]) => setYanked(name, version, false),
    "GET /api/v1/crates/([^/]+)/owners": () => ({ users: [{ id: 1, login: "somebody", name: null }] }),
    "GET /crates/([^/]+)/([^/]+)/download": ([name, version]) => archives.get(`${name}/${version}`),
    "GET /index/(.+)": ([path]) => {
      const [, lines] = [...crates].find(([name]) => indexPath(name) === path) ?? [];
      return lines && Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    },
  };
  function setYanked(name, version, yanked) {
    for (const line of crates.get(name)) if (line.vers === version) line.yanked = yanked;
    return { ok: true };
  }
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const token = request.headers.authorization ?? null;
    sent.push(token);
    if (!accepted.has(token)) {
      response.writeHead(401, { "www-authenticate": `Cargo login_url="${url}/me"` });
      return response.end(JSON.stringify({ errors: [{ detail: "this token is not valid" }] }));
    }
    for (const [pattern, answer] of Object.entries(answers)) {
      const match = new RegExp(`^${pattern}$`).exec(`${request.method} ${request.url}`);
      if (!match) continue;
      const [, ...parts] = match;
      const body = answer(parts, Buffer.concat(chunks));
      response.writeHead(body ? 200 : 404);
      return response.end(Buffer.isBuffer(body) || !body ? body : JSON.stringify(body));
    }
    response.writeHead(404);
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  url = `http://127.0.0.1:${server.address().port}`;
  return { index: `sparse+${url}/index/`, url, accepted, sent };
}

module.exports = { startCargoRegistry };
