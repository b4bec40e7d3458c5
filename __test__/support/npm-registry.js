// A registry of npm on loopback with one package, which answers nobody without one of its Authorization headers.

const { createHash } = require("node:crypto");
const { once } = require("node:events");
const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { join } = require("node:path");

const NAME = "needs-a-token";

/** Starts a registry for a test. Returns its URL, the name of its package, and the headers that it was sent. */
async function startNpmRegistry(t, client, ...headers) {
  const folder = join(client.session.directory, "packed");
  mkdirSync(folder, { recursive: true });
  const manifest = { name: NAME, version: "1.0.0" };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  await client.succeed("npm", ["pack", "--silent"], { cwd: folder });
  const tarball = readFileSync(join(folder, `${NAME}-1.0.0.tgz`));
  const sent = [];
  let url;
  const server = createServer((request, response) => {
    sent.push(request.headers.authorization);
    if (!headers.includes(request.headers.authorization)) {
      response.writeHead(401, { "www-authenticate": "Bearer" });
      return response.end(JSON.stringify({ error: "unauthorized" }));
    }
    if (request.url.endsWith(".tgz")) return response.end(tarball);
    const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    const shasum = createHash("sha1").update(tarball).digest("hex");
    const dist = { tarball: `${url}${NAME}/-/${NAME}-1.0.0.tgz`, integrity, shasum };
    response.setHeader("content-type", "application/json");
    const version = { ...manifest, dist };
    if (request.url.endsWith(`/${NAME}/latest`)) return response.end(JSON.stringify(version));
    if (!request.url.endsWith(`/${NAME}`)) {
      response.writeHead(404);
      return response.end("{}");
    }
    const versions = { "1.0.0": version };
    const time = { created: "2020-01-01T00:00:00.000Z", "1.0.0": "2020-01-01T00:00:00.000Z" };
    response.end(JSON.stringify({ name: NAME, "dist-tags": { latest: "1.0.0" }, versions, time }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  url = `http://127.0.0.1:${server.address().port}/npm/`;
  return { url, key: url.slice("http:".length), name: NAME, sent };
}

module.exports = { startNpmRegistry };
