// A registry of container images that demands a user and a password, and a tiny image for it.

const assert = require("node:assert/strict");
const { createHash } = require("node:crypto");
const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

/** The users of the registry, with their passwords. */
const users = { alice: "pässwörd: one", bob: "password-two" };

/** Starts a registry in a session: it ends with the session. Returns its address, such as 127.0.0.1:1234. */
async function startRegistry(session) {
  const at = (name) => join(session.directory, name);
  const lines = await Promise.all(
    Object.entries(users).map(async ([user, password]) => {
      const { code, stdout } = await session.run("htpasswd", ["-niB", "-C", "4", user], { input: password });
      assert.equal(code, 0);
      return stdout.trim();
    }),
  );
  writeFileSync(at("htpasswd"), `${lines.join("\n")}\n`);
  const settings = {
    version: "0.1",
    storage: { filesystem: { rootdirectory: at("registry") } },
    http: { addr: "127.0.0.1:0" },
    auth: { htpasswd: { realm: "test", path: at("htpasswd") } },
  };
  writeFileSync(at("registry.yml"), JSON.stringify(settings));
  const server = session.start("docker-registry", ["serve", at("registry.yml")]);
  server.stdout.resume();
  const port = await new Promise((resolve, reject) => {
    let text = "";
    server.once("exit", () => reject(new Error(`the registry ended: ${text}`)));
    server.stderr.setEncoding("utf8").on("data", (part) => {
      text += part;
      const found = /listening on 127\.0\.0\.1:(\d+)/.exec(text);
      if (found) resolve(found[1]);
    });
  });
  return `127.0.0.1:${port}`;
}

/** Makes an image with one empty layer in a folder, in the OCI layout. Returns its name for skopeo. */
function makeImage(folder) {
  const blobs = join(folder, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const add = (mediaType, content) => {
    const hash = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(blobs, hash), content);
    return { mediaType, digest: `sha256:${hash}`, size: content.length };
  };
  const type = (name) => `application/vnd.oci.image.${name}`;
  const layer = add(type("layer.v1.tar"), Buffer.alloc(1024));
  const config = add(
    type("config.v1+json"),
    Buffer.from(
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        rootfs: { type: "layers", diff_ids: [layer.digest] },
      }),
    ),
  );
  const manifest = { schemaVersion: 2, mediaType: type("manifest.v1+json"), config, layers: [layer] };
  const described = add(manifest.mediaType, Buffer.from(JSON.stringify(manifest)));
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const index = {
    schemaVersion: 2,
    manifests: [{ ...described, annotations: { "org.opencontainers.image.ref.name": "tiny" } }],
  };
  writeFileSync(join(folder, "index.json"), JSON.stringify(index));
  return `oci:${folder}:tiny`;
}

module.exports = { makeImage, startRegistry, users };
