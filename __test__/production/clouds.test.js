// The manual's provider for AWS Secrets Manager, with Amazon's SDK. The server is moto.

const assert = require("node:assert/strict");
const { mkdirSync, symlinkSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { after, before, it } = require("node:test");
const { pathToFileURL } = require("node:url");
const { examples } = require("../support/documents.js");
const { startMoto } = require("../support/moto.js");
const { root } = require("../support/runtimes.js");
const {
  CreateSecretCommand,
  SecretsManagerClient,
} = require("./clouds/node_modules/@aws-sdk/client-secrets-manager");
const { makeFolder, collect } = require("./server.js");

const started = collect();
let store;

before(async () => {
  const moto = await startMoto();
  started.after(moto.stop);
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: moto.url,
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "x",
    AWS_SECRET_ACCESS_KEY: "x",
  });
  const folder = makeFolder(started);
  const modules = join(folder, "node_modules");
  mkdirSync(modules);
  symlinkSync(root, join(modules, "os-secrets"));
  symlinkSync(join(__dirname, "clouds", "node_modules", "@aws-sdk"), join(modules, "@aws-sdk"));
  const [source] = examples("docs/api.md", "javascript");
  const file = join(folder, "aws.mjs");
  writeFileSync(file, source);
  ({ store } = await import(pathToFileURL(file).href));
});
after(started.end);

it("AWS Secrets Manager keeps credentials by the manual's provider", async () => {
  const key = { service: "my app/prod", name: "api_key" };
  assert.equal(await store.get(key), null);
  assert.equal(await store.delete(key), false);
  await store.set({ ...key, value: "first" });
  await store.set({ ...key, value: "second" });
  // Secrets of other programs, whose names are not this store's.
  const client = new SecretsManagerClient();
  for (const Name of ["/prod", "team/a=b", "team/=FF", "one", "a/b/c"])
    await client.send(new CreateSecretCommand({ Name, SecretString: "x" }));
  assert.equal(await store.get(key), "second");
  assert.equal(await store.has(key), true);
  await store.set({ service: "é!'()*~%=", name: "bytes", value: Buffer.from([0xff, 0]) });
  assert.deepEqual(
    await store.get({ service: "é!'()*~%=", name: "bytes", encoding: "buffer" }),
    Buffer.from([0xff, 0]),
  );
  assert.deepEqual(await store.list(), [key, { service: "é!'()*~%=", name: "bytes" }]);
  assert.deepEqual(await store.list({ service: key.service }), [key]);
  assert.equal(await store.update(key, (old) => `${old}+`), "second+");
  const first = { service: "raced", name: "key" };
  await Promise.all(["one", "two"].map((value) => store.set({ ...first, value })));
  assert.match(await store.get(first), /^(one|two)$/);
  await store.delete(first);
  assert.equal(await store.delete(key), true);
  assert.equal(await store.get(key), null);
  await store.set({ ...key, value: "again" });
  assert.equal(await store.get(key), "again");
});
