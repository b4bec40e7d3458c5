// A Python package index on 127.0.0.1 that demands basic authentication: it offers one small package (PEP 503), and takes
// uploads (the API that twine uses).

const { once } = require("node:events");
const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { join } = require("node:path");

/** The package of the index. */
const package = "tiny-package";
const wheelName = "tiny_package-1.0-py3-none-any.whl";

/** Makes the package in a folder of the session. Returns the path of its wheel. */
async function makeWheel(client) {
  const folder = join(client.session.directory, "wheel");
  const information = join(folder, "tiny_package-1.0.dist-info");
  mkdirSync(information, { recursive: true });
  const files = {
    "tiny_package.py": "",
    "tiny_package-1.0.dist-info/METADATA": `Metadata-Version: 2.1\nName: ${package}\nVersion: 1.0\n`,
    "tiny_package-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny_package-1.0.dist-info/RECORD": "tiny_package.py,,\n",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const path = join(client.session.directory, wheelName);
  await client.succeed("/usr/bin/python3", ["-m", "zipfile", "-c", path, "tiny_package.py", information], {
    cwd: folder,
  });
  return path;
}

/**
 * Starts an index for a test. `users` is an object from user to password; change it to change the passwords. Returns its
 * address (`host` with the port), the URLs of its `simple` pages and of `upload`, the `wheel`, and what it has seen: the
 * users whose password was right (`entered`), those whose password was wrong (`refused`), and the `uploads`.
 */
async function startIndex(t, client, users) {
  const wheel = await makeWheel(client);
  const index = { wheel, users, entered: [], refused: [], uploads: [] };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => answer(index, request, Buffer.concat(chunks).toString("latin1"), response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  index.host = `127.0.0.1:${server.address().port}`;
  index.simple = `http://${index.host}/simple/`;
  index.upload = `http://${index.host}/legacy/`;
  return index;
}

function answer(index, request, body, response) {
  const [, credential] = /^Basic (.*)$/.exec(request.headers.authorization ?? "") ?? [];
  const [user, ...password] = Buffer.from(credential ?? "", "base64")
    .toString()
    .split(":");
  if (credential === undefined || index.users[user] !== password.join(":")) {
    if (credential !== undefined) index.refused.push(user);
    response.writeHead(401, { "WWW-Authenticate": 'Basic realm="packages"' }).end("401");
    return;
  }
  index.entered.push(user);
  if (request.method === "POST" && request.url === "/legacy/") {
    index.uploads.push({ user, file: /filename="([^"]*)"/.exec(body)?.[1] });
    response.end("ok");
  } else if (request.url === `/simple/${package}/`) {
    response.writeHead(200, { "Content-Type": "text/html" });
    response.end(`<!DOCTYPE html><a href="/files/${wheelName}">${wheelName}</a>`);
  } else if (request.url.startsWith(`/files/${wheelName}`)) {
    response.end(readFileSync(index.wheel));
  } else {
    response.writeHead(404).end("404");
  }
}

module.exports = { package, startIndex, wheelName };
