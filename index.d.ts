/// <reference lib="esnext.disposable" />

/**
 * The `Bun.secrets` API for every runtime with Node-API, over the operating system's own credential
 * store.
 *
 * @example
 * ```ts
 * import { secrets } from "os-secrets";
 *
 * const token = await secrets.get({ service: "my-cli-tool", name: "github-token" });
 * ```
 */
declare namespace osSecrets {
  /** Names a credential: the application it belongs to, and the account or purpose within it. */
  interface SecretOptions {
    /**
     * The application or service the credential belongs to. A reverse domain name keeps it apart
     * from others': `"com.example.my-cli-tool"`. Neither empty nor with a NUL in it.
     */
    service: string;

    /**
     * The account, address or purpose within the service, such as `"github-token"` or
     * `"alice@example.com"`. Neither empty nor with a NUL in it.
     */
    name: string;
  }

  /** `Buffer`, where the program's types know it (those of Node, Bun or Deno). */
  type Bytes = typeof globalThis extends { Buffer: { prototype: infer Known } } ? Known : Uint8Array;

  /** `AbortSignal`, where the program's types know it. */
  type Signal = typeof globalThis extends { AbortSignal: { prototype: infer Known } } ? Known : object;

  /** What bounds a call. Beyond `Bun.secrets`, which ignores it. */
  interface CallOptions {
    /**
     * Cancels the call: it rejects with an `AbortError` (`code` `"ABORT_ERR"`) whose `cause` is the
     * signal's reason. That of a `set` or `delete` says whether it may have happened.
     */
    signal?: Signal | undefined;

    /**
     * The time for the whole call in milliseconds, from 1, prompts included. Without it each message
     * to the store may take 25 seconds (or `OS_SECRETS_TIMEOUT` milliseconds), and a prompt as long as the person.
     */
    timeout?: number | undefined;

    /**
     * Whether the store may ask the person, for its password or a confirmation. With `false` a call
     * that would need it rejects with `ERR_SECRETS_INTERACTION_NOT_ALLOWED`.
     *
     * @default true
     */
    interactive?: boolean | undefined;
  }

  /** What {@link Secrets.set} stores, and how. */
  interface SetOptions extends SecretOptions {
    /** The secret: any text without a NUL. The empty string deletes the credential. */
    value: string;

    /**
     * macOS only: let every application of the user read the credential without asking, for
     * continuous-integration machines where nobody can answer. It counts for a credential that is
     * new; replacing one changes its value alone.
     *
     * @default false
     */
    allowUnrestrictedAccess?: boolean;

    /**
     * Windows only: whether the credential stays on this machine (`"local"`) or follows the user
     * to others of the domain (`"enterprise"`). A value outside the two is refused everywhere.
     *
     * @default "enterprise"
     */
    persist?: "local" | "enterprise" | undefined;
  }

  /**
   * The `code` of an error: `ERR_INVALID_ARG_TYPE` and `ERR_INVALID_ARG_VALUE` on the `TypeError`s
   * that calls throw at once, the others on the `Error`s that promises are rejected with.
   */
  type ErrorCode =
    | "ERR_INVALID_ARG_TYPE"
    | "ERR_INVALID_ARG_VALUE"
    /** The store is missing, unreachable or failed; the message says which, and what to do. */
    | "ERR_SECRETS_PLATFORM_ERROR"
    /** The store refused, cannot be written, or its file is open to other users. */
    | "ERR_SECRETS_ACCESS_DENIED"
    /** The passphrase or identity does not open the encrypted file. */
    | "ERR_SECRETS_AUTH_FAILED"
    /** The person dismissed the store's prompt. */
    | "ERR_SECRETS_USER_CANCELED"
    /** The store is locked, and no prompt could be shown. */
    | "ERR_SECRETS_INTERACTION_REQUIRED"
    /** The store must ask the person, and the call forbids it. */
    | "ERR_SECRETS_INTERACTION_NOT_ALLOWED"
    /** An environment setting or an option of `openStore` is wrong; the message names it. */
    | "ERR_SECRETS_INVALID_SETTING"
    /** A deadline passed (`name` is `"TimeoutError"`). */
    | "ERR_SECRETS_TIMEOUT"
    /** The call's signal fired (`name` is `"AbortError"`). */
    | "ABORT_ERR"
    /** The platform cannot hold the value; nothing was changed. */
    | "ERR_SECRETS_TOO_LARGE"
    /** The stored bytes are not UTF-8 text, or a store's file is damaged. */
    | "ERR_SECRETS_INVALID_DATA"
    /** A reference names a secret that there is none of. */
    | "ERR_SECRETS_NOT_FOUND";

  /** Reads, stores and deletes credentials. The methods work detached: `const { get } = secrets`. */
  interface Secrets {
    /**
     * Reads a credential.
     *
     * @returns its value; `null` only where there is no such credential. A store that is locked and
     * stays so rejects.
     * @throws a `TypeError`, at once, for arguments that are wrong
     *
     * @example
     * ```ts
     * const password = await secrets.get({ service: "my-app", name: "alice@example.com" });
     * if (password === null) console.log("Log in first");
     * ```
     */
    get(options: SecretOptions & CallOptions): Promise<string | null>;

    /**
     * Reads a credential, named in two words.
     *
     * @example
     * ```ts
     * const password = await secrets.get("my-app", "alice@example.com");
     * ```
     */
    get(service: string, name: string): Promise<string | null>;

    /**
     * Stores a credential, in place of one that was there. An empty value deletes.
     *
     * @throws a `TypeError`, at once, for arguments that are wrong
     *
     * @example
     * ```ts
     * await secrets.set({ service: "my-cli-tool", name: "github-token", value: token });
     * ```
     */
    set(options: SetOptions & CallOptions): Promise<void>;

    /**
     * Stores a credential, named in two words.
     *
     * @example
     * ```ts
     * await secrets.set("my-cli-tool", "github-token", token);
     * ```
     */
    set(service: string, name: string, value: string): Promise<void>;

    /**
     * Stores a credential, its value beside the options. It counts only where `options.value` is
     * undefined.
     *
     * @example
     * ```ts
     * await secrets.set({ service: "my-cli-tool", name: "github-token" }, token);
     * ```
     */
    set(
      options: Omit<SetOptions, "value"> & { value?: undefined } & CallOptions,
      value: string,
    ): Promise<void>;

    /**
     * Deletes a credential.
     *
     * @returns whether there was one
     * @throws a `TypeError`, at once, for arguments that are wrong
     *
     * @example
     * ```ts
     * const wasThere = await secrets.delete({ service: "my-cli-tool", name: "github-token" });
     * ```
     */
    delete(options: SecretOptions & CallOptions): Promise<boolean>;

    /**
     * Deletes a credential, named in two words.
     *
     * @example
     * ```ts
     * const wasThere = await secrets.delete("my-cli-tool", "github-token");
     * ```
     */
    delete(service: string, name: string): Promise<boolean>;
  }

  /**
   * The operating system's credential store, in the very items that `Bun.secrets` reads and writes:
   * the Secret Service on Linux. `OS_SECRETS_PROVIDER=file` in the environment puts an encrypted file in its
   * place, for the whole process; see {@link FileStoreOptions}.
   *
   * @example
   * ```ts
   * import { secrets } from "os-secrets";
   *
   * let token = await secrets.get({ service: "my-cli-tool", name: "github-token" });
   * if (token === null) {
   *   token = await askForToken();
   *   await secrets.set({ service: "my-cli-tool", name: "github-token", value: token });
   * }
   * ```
   */
  const secrets: Readonly<Secrets>;

  /** A value that a {@link Store} holds: text, or bytes. */
  type Value = string | Uint8Array;

  /** What {@link openStore} opens. Without a provider: what `OS_SECRETS_PROVIDER` says, else `"os"`. */
  type StoreOptions =
    | { provider?: undefined }
    | OsStoreOptions
    | FileStoreOptions
    | MemoryStoreOptions
    | ExecStoreOptions;

  /** The operating system's own store, whatever the environment says. */
  interface OsStoreOptions {
    provider: "os";
  }

  /**
   * One file, encrypted with age (https://age-encryption.org/v1), which other tools can open: for servers,
   * containers and continuous integration. Nobody but its owner may have access to it and to its directory.
   */
  interface FileStoreOptions {
    provider: "file";

    /**
     * The file; it and its directory are made by the first `set`.
     *
     * @default `OS_SECRETS_FILE`, else `os-secrets/secrets.age` under `$XDG_DATA_HOME` or `~/.local/share`
     */
    path?: string | undefined;

    /**
     * What unlocks it: an X25519 identity as `age-keygen` and `secrets init` make it, its text or the path of its
     * file. Where neither this nor `passphrase` is given, the first of these counts: `OS_SECRETS_IDENTITY`
     * (text or path), `OS_SECRETS_PASSPHRASE`, `os-secrets.identity` in `$CREDENTIALS_DIRECTORY` (systemd) or
     * `/run/secrets` (containers), and the identity that `secrets init` has made.
     */
    identity?: string | undefined;

    /** A passphrase, in place of an identity. The store's first call takes about a second with one. */
    passphrase?: string | undefined;
  }

  /** A store in the memory of the process, which is empty at first: for tests of programs. */
  interface MemoryStoreOptions {
    provider: "memory";
  }

  /**
   * A program that keeps credentials, and speaks the protocol of Docker's credential helpers. It keeps text
   * only; other bytes reject with `ERR_SECRETS_INVALID_DATA`.
   */
  interface ExecStoreOptions {
    provider: "exec";

    /** The program's absolute path, such as `"/usr/bin/docker-credential-pass"`. */
    command: string;

    /**
     * Variables for the program's environment. Of ours it gets only those by which programs find their files,
     * the session and the person: `PATH`, `HOME`, `DISPLAY` and the like.
     */
    env?: Readonly<Record<string, string | undefined>> | undefined;

    /**
     * How long one run of it may take, in milliseconds; then it is killed.
     *
     * @default 25_000
     */
    timeout?: number | undefined;
  }

  /**
   * A credential store: {@link Secrets} with bytes as values, and with what a tool needs to manage
   * credentials. That of the operating system holds the same credentials as `secrets`.
   *
   * @example
   * ```ts
   * await using store = openStore();
   * await store.set({ service: "my-vpn", name: "key", value: crypto.getRandomValues(new Uint8Array(32)) });
   * const key = await store.get({ service: "my-vpn", name: "key", encoding: "buffer" });
   * ```
   */
  interface Store {
    /** Reads a credential as bytes, in a `Buffer` of its own. */
    get(options: SecretOptions & CallOptions & { encoding: "buffer" }): Promise<Bytes | null>;
    /** Reads a credential as text. Bytes that are not UTF-8 reject: `ERR_SECRETS_INVALID_DATA`. */
    get(options: SecretOptions & CallOptions & { encoding?: "utf8" | undefined }): Promise<string | null>;
    /** Reads a credential as text, named in two words. */
    get(service: string, name: string): Promise<string | null>;

    /**
     * Stores a credential, in place of one that was there. An empty value deletes. Bytes may hold
     * anything; the operating system's store marks those that are no UTF-8 text `application/octet-stream`.
     */
    set(options: Omit<SetOptions, "value"> & { value: Value } & CallOptions): Promise<void>;
    /** Stores a credential, named in two words. */
    set(service: string, name: string, value: Value): Promise<void>;
    /** Stores a credential, its value beside the options. */
    set(
      options: Omit<SetOptions, "value"> & { value?: undefined } & CallOptions,
      value: Value,
    ): Promise<void>;

    /** Deletes a credential; whether there was one. */
    delete(options: SecretOptions & CallOptions): Promise<boolean>;
    /** Deletes a credential, named in two words. */
    delete(service: string, name: string): Promise<boolean>;

    /** Whether there is such a credential. Its value is not read. */
    has(options: SecretOptions & CallOptions): Promise<boolean>;
    /** Whether there is such a credential, named in two words. */
    has(service: string, name: string): Promise<boolean>;

    /**
     * The names of all credentials, or of one service's, sorted. No value is read, and the person is
     * never asked: where a locked store hides what it holds, it rejects.
     *
     * On Windows and macOS, the operating system's store wants a service, and throws without one: it does not
     * tell the credentials of this package and `Bun.secrets` from all others.
     */
    list(
      options?: { service?: string | undefined } & Omit<CallOptions, "interactive">,
    ): Promise<SecretOptions[]>;

    /**
     * Waits for the calls in progress, also for those that wait for a person: give them a `timeout` or
     * a `signal` where that may take too long. Every later call rejects.
     */
    close(): Promise<void>;

    /** As {@link close}, for `await using`. */
    [Symbol.asyncDispose](): Promise<void>;
  }

  /**
   * Opens a store. Nothing is read or made before its first call.
   *
   * @throws an `Error` with `code` `ERR_SECRETS_INVALID_SETTING`, at once, for an unknown provider and for options
   * that cannot be right
   *
   * @example
   * ```ts
   * const store = openStore({ provider: "file", path: "/var/lib/my-server/secrets.age" });
   * const token = await store.get("my-server", "github-token");
   * ```
   */
  function openStore(options?: StoreOptions): Store;

  /** Where {@link resolve} and {@link resolveEnv} look. */
  interface ResolveOptions extends CallOptions {
    /**
     * `"repo"` is `busdk.secrets` in the workspace's `datapackage.json`, plain and shared by all who
     * have the repository; `"user"` is the store of `secrets`, service `"os-secrets"`, where
     * the program `secrets` stores; `"auto"` is the repository first, then the user.
     *
     * @default "auto"
     */
    scope?: "auto" | "user" | "repo" | undefined;

    /**
     * The workspace: the directory that may hold a `datapackage.json`. Those above it are not searched.
     *
     * @default process.cwd()
     */
    cwd?: string | undefined;
  }

  /**
   * Resolves a value: `"secret:<name>"` gives the secret of that name, every other text itself. What a
   * secret holds is not resolved again.
   *
   * @returns the secret or the value; rejects with `ERR_SECRETS_NOT_FOUND` where there is no such secret
   * @throws a `TypeError`, at once, for arguments that are wrong, and for a reference whose name is none
   * (`a-z`, `0-9`, `.`, `_`, `-`)
   *
   * @example
   * ```ts
   * const key = await resolve(config.apiKey); // "secret:openai_api_key" in the configuration
   * ```
   */
  function resolve(value: string, options?: ResolveOptions): Promise<string>;

  /**
   * Resolves the values of an environment, into a new object; `env` stays as it is. Variables that are
   * `undefined` are left out. Errors name the variable.
   *
   * @example
   * ```ts
   * spawn("my-server", { env: await resolveEnv(process.env) });
   * ```
   */
  function resolveEnv(
    env: Readonly<Record<string, string | undefined>>,
    options?: ResolveOptions,
  ): Promise<Record<string, string>>;
}

export = osSecrets;
