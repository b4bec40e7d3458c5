// Code that must compile, and lines marked with @ts-expect-error that must not. It is never run.

import osSecrets, {
  createIdentity,
  type Diagnosis,
  diagnose,
  type ErrorCode,
  openStore,
  type ResolveOptions,
  resolve,
  resolveEnv,
  type SecretOptions,
  type Secrets,
  type SetOptions,
  type Store,
  type StoreOptions,
  secrets,
} from "os-secrets";

const read: string | null = await secrets.get({ service: "s", name: "n" });
const readPositional: string | null = await secrets.get("s", "n");
const nothing: Promise<void> = secrets.set({ service: "s", name: "n", value: "v" });
const wasThere: boolean = await secrets.delete({ service: "s", name: "n" });
const wasTherePositional: boolean = await secrets.delete("s", "n");
await secrets.set("s", "n", "v");
await secrets.set({ service: "s", name: "n" }, "v");
await secrets.set({ service: "s", name: "n", persist: "local", allowUnrestrictedAccess: true, value: "v" });
await secrets.set({ service: "s", name: "n", persist: undefined, value: "v" });

// As in Bun's documentation, options may have more than the method needs.
const options: SetOptions = { service: "s", name: "n", value: "v" };
await secrets.delete(options);

await secrets.get({ service: "s", name: "n", timeout: 1000, interactive: false });
await secrets.delete({ service: "s", name: "n", signal: AbortSignal.timeout(1000) });

const store: Store = openStore();
const bytes: Buffer | null = await store.get({ service: "s", name: "n", encoding: "buffer" });
const text: string | null = await store.get({ service: "s", name: "n" });
await store.set("s", "n", new Uint8Array(3));
await store.set({ service: "s", name: "n" }, Buffer.from("v"));
const updated: string | null = await store.update({ service: "s", name: "n", timeout: 5 }, async (old) =>
  old === null ? undefined : `${old}!`,
);
const updatedBytes: Uint8Array | null = await store.update(
  { service: "s", name: "n", encoding: "buffer", persist: "local" },
  (old) => (old === null ? null : old.subarray(1)),
);
// @ts-expect-error the function returns text
await store.update({ service: "s", name: "n" }, () => 5);
// @ts-expect-error bytes need the encoding buffer
await store.update({ service: "s", name: "n" }, () => new Uint8Array(3));
const found: boolean = await store.has("s", "n");
const names: SecretOptions[] = await store.list({ service: "s", timeout: 5 });
await store.close();
await using disposed = openStore({ provider: "os" });

const where: ResolveOptions = { scope: "auto", cwd: "/work", timeout: 1000 };
const resolved: string = await resolve("secret:name", where);
const environment: Record<string, string> = await resolveEnv(process.env, { scope: "user" });
// @ts-expect-error no such scope
await resolve("secret:name", { scope: "all" });
// @ts-expect-error values are text
await resolveEnv({ A: 5 });

openStore({ provider: "file", identity: { service: "s", name: "n" } });
// @ts-expect-error an identity in the operating system's store has a name
openStore({ provider: "file", identity: { service: "s" } });

const diagnosis: Diagnosis = await diagnose({ provider: "os" });
const fixes: string[] = diagnosis.problems.filter(({ fatal }) => fatal).map(({ fix }) => fix);
const unlocked: boolean | null = diagnosis.store === "Keychain" ? diagnosis.unlocked : null;
const version: 1 | 2 | undefined = diagnosis.store === "Vault or OpenBao" ? diagnosis.kvVersion : undefined;
// @ts-expect-error only files have recipients
diagnosis.recipients;

const created: { path: string; recipient: string } = await createIdentity({ path: "/x/identity" });
// @ts-expect-error no such option
await createIdentity({ paht: "/x/identity" });

const same: Secrets = osSecrets.secrets;
const code: ErrorCode = "ERR_SECRETS_USER_CANCELED";

// @ts-expect-error a value is needed
await secrets.set({ service: "s", name: "n" });
// @ts-expect-error a name is needed
await secrets.get({ service: "s" });
// @ts-expect-error a name is needed
await secrets.get("s");
// @ts-expect-error values are text
await secrets.set("s", "n", new Uint8Array());
// @ts-expect-error persist has no such value
await secrets.set({ service: "s", name: "n", value: "v", persist: "session" });
// @ts-expect-error the encoding utf8 gives a string
const wrong: Buffer | null = await store.get({ service: "s", name: "n", encoding: "utf8" });
openStore({ provider: "file" });
openStore({ provider: "file", mustExist: true });
openStore({ provider: "file", path: "/x/secrets.age", identity: "AGE-SECRET-KEY-1" });
openStore({ provider: "memory" });
openStore({ provider: "vault" });
openStore({
  provider: "vault",
  address: "https://vault",
  mount: "kv",
  prefix: "a",
  namespace: "n",
  token: "t",
});
openStore({ provider: "vault", caCert: "/ca.pem", appRole: { roleId: "r", secretId: "s", mount: "m" } });
openStore({ provider: "vault", kubernetes: { role: "r", jwtFile: "/token" } });
openStore({ provider: "vault", jwt: { role: "r", token: "t" } });
// @ts-expect-error a role is required
openStore({ provider: "vault", kubernetes: {} });
// @ts-expect-error certificates are always verified
openStore({ provider: "vault", skipVerify: true });
openStore({ provider: "exec", command: "/usr/bin/docker-credential-pass", env: { A: "b" }, timeout: 1000 });
const values = new Map<string, string | Uint8Array>();
openStore({
  provider: {
    get: ({ service, name }) => values.get(`${service} ${name}`) ?? null,
    set: async ({ service, name, value }) => void values.set(`${service} ${name}`, value),
    delete: async ({ service, name }) => values.delete(`${service} ${name}`),
  },
});
// @ts-expect-error a provider has three functions, and perhaps list
openStore({ provider: { get: () => null } });
const stores: StoreOptions[] = [{}, { provider: "file", passphrase: process.env.P }];
// @ts-expect-error no such provider
openStore({ provider: "cloud" });
// @ts-expect-error only the provider file has a path
openStore({ path: "/x/secrets.age" });
// @ts-expect-error the provider exec needs a command
openStore({ provider: "exec" });
// @ts-expect-error list never asks the user
await store.list({ interactive: true });
// @ts-expect-error the methods are read-only
secrets.get = same.get;
// @ts-expect-error it may be null
const certain: string = await secrets.get("s", "n");
// @ts-expect-error no such code
const unknown: ErrorCode = "ERR_OTHER";

export {
  bytes,
  certain,
  code,
  created,
  disposed,
  environment,
  fixes,
  found,
  names,
  nothing,
  read,
  readPositional,
  resolved,
  same,
  stores,
  text,
  unknown,
  unlocked,
  updated,
  updatedBytes,
  version,
  wasThere,
  wasTherePositional,
  wrong,
};
