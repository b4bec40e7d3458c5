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
     * The application or service that the credential belongs to. A reverse domain name avoids clashes
     * with other programs: `"com.example.my-cli-tool"`. It must not be empty or contain NUL.
     */
    service: string;

    /**
     * The account, address or purpose within the service, such as `"github-token"` or
     * `"alice@example.com"`. It must not be empty or contain NUL.
     */
    name: string;
  }

  /** `Type`, or `Otherwise` if it is `any`. */
  type Known<Type, Otherwise> = 0 extends 1 & Type ? Otherwise : Type;

  /** `Buffer` if the program's types declare it (those of Node, Bun and Deno do), else `Uint8Array`. */
  type Bytes = typeof globalThis extends { Buffer: { alloc(size: number): infer Type extends Uint8Array } }
    ? Known<Type, Uint8Array>
    : Uint8Array;

  /** `AbortSignal` if the program's types declare it. */
  type Signal = typeof globalThis extends { AbortSignal: { prototype: infer Type extends object } }
    ? Known<Type, object>
    : object;

  /** The limits of a call. `Bun.secrets` ignores these options. */
  interface CallOptions {
    /**
     * Cancels the call: it rejects with an `AbortError` (`code` `"ABORT_ERR"`) whose `cause` is the
     * signal's reason. The error of a `set` or `delete` says whether the change may have been made.
     */
    signal?: Signal | undefined;

    /**
     * The maximum time for the whole call, prompts included: at least 1 millisecond. Without it, each
     * message to the store may take 25 seconds (or `OS_SECRETS_TIMEOUT` milliseconds), and a prompt stays
     * until the user answers it.
     */
    timeout?: number | undefined;

    /**
     * Whether the store may ask the user for its password or a confirmation. If this is `false`, a call
     * that needs to ask rejects with `ERR_SECRETS_INTERACTION_NOT_ALLOWED`.
     *
     * @default true
     */
    interactive?: boolean | undefined;
  }

  /** The options of {@link Secrets.set}: what to store, and how. */
  interface SetOptions extends SecretOptions {
    /** The secret: any text without NUL. The empty string deletes the credential. */
    value: string;

    /**
     * macOS only: lets every application of the same developer read the credential without asking. Programs of
     * other developers are still asked about. Meant for continuous integration, where nobody can answer a
     * prompt. It applies to a new credential; replacing one does not change which applications are trusted.
     *
     * @default false
     */
    allowUnrestrictedAccess?: boolean;

    /**
     * Windows only: whether the credential stays on this machine (`"local"`) or follows the user to
     * other machines of the domain (`"enterprise"`). Any other value throws, on every platform.
     *
     * @default "enterprise"
     */
    persist?: "local" | "enterprise" | undefined;
  }

  /**
   * The `code` of an error. `ERR_INVALID_ARG_TYPE` and `ERR_INVALID_ARG_VALUE` are on the `TypeError`s
   * that calls throw synchronously; the other codes are on the `Error`s that promises reject with.
   * `openStore` also throws `ERR_SECRETS_INVALID_SETTING` synchronously.
   */
  type ErrorCode =
    | "ERR_INVALID_ARG_TYPE"
    | "ERR_INVALID_ARG_VALUE"
    /** The store is missing, unreachable or failed; the message says which, and what to do. */
    | "ERR_SECRETS_PLATFORM_ERROR"
    /**
     * The store refused the call, cannot be written, or its file is accessible to other users. Also: other
     * users can have written the repository's `datapackage.json`.
     */
    | "ERR_SECRETS_ACCESS_DENIED"
    /**
     * The passphrase or identity does not open the encrypted file, the identity is not in the operating system's store any
     * more, or a server has refused the token or the log-in.
     */
    | "ERR_SECRETS_AUTH_FAILED"
    /** The user dismissed the store's prompt. */
    | "ERR_SECRETS_USER_CANCELED"
    /** The store is locked, and no prompt could be shown. */
    | "ERR_SECRETS_INTERACTION_REQUIRED"
    /** The store needs to ask the user, but the call has `interactive: false`. */
    | "ERR_SECRETS_INTERACTION_NOT_ALLOWED"
    /**
     * An environment setting or an option of `openStore` is wrong, or `process.env` names a store that the
     * environment of the process does not; the message names it.
     */
    | "ERR_SECRETS_INVALID_SETTING"
    /** A deadline passed (`name` is `"TimeoutError"`). */
    | "ERR_SECRETS_TIMEOUT"
    /** The call's signal fired (`name` is `"AbortError"`). */
    | "ABORT_ERR"
    /** The store cannot hold a value of this size; nothing was changed. */
    | "ERR_SECRETS_TOO_LARGE"
    /** The stored bytes are not UTF-8 text, a store's file is damaged, or the store would not keep the value. */
    | "ERR_SECRETS_INVALID_DATA"
    /** A reference names a secret that does not exist. */
    | "ERR_SECRETS_NOT_FOUND";

  /**
   * The `reason` of an error: what the `code` leaves open. It is on every error whose code begins with
   * `ERR_SECRETS_`, and on an `AbortError`. A reason that begins with `no-` means that there is no store here, or
   * that it was not set up; nothing broke.
   */
  type ErrorReason =
    /** Linux: there is no usable D-Bus session bus. */
    | "no-bus"
    /** No service provides the store: the Secret Service on Linux, Credential Manager on Windows. */
    | "no-service"
    /** This logon session has no store (Windows, macOS), as with SSH or a service. */
    | "no-session"
    /** macOS: there is no default keychain, or its file is missing or damaged. */
    | "no-keychain"
    /** The program of the provider `exec` or of an age plugin cannot be started. */
    | "no-helper"
    /** No identity or passphrase is set up for the encrypted file; see {@link FileStoreOptions.identity}. */
    | "no-key"
    /** The encrypted file does not exist, and `mustExist` is set; see {@link FileStoreOptions.mustExist}. */
    | "no-file"
    /** The server has no secrets engine at the mount. */
    | "no-mount"
    /** The native binary of this package is missing or cannot be loaded. */
    | "no-binary"
    /** The store is locked or wants a confirmation, and the user cannot or must not be asked. */
    | "locked"
    /** The user dismissed the prompt. */
    | "dismissed"
    /** The store or the system refused, or the store is read-only. */
    | "denied"
    /** Other users have access to a file that must be private. */
    | "not-private"
    /**
     * Other users can have written a file that the call would trust, only a file names the plugin that it needs, or the
     * certificate of a server is not of an authority that is trusted.
     */
    | "untrusted"
    /** The passphrase, identity or password is wrong, or the identity is lost. */
    | "wrong-key"
    /** The token of a server is wrong or has expired, or the log-in was refused. */
    | "token"
    /** The server is sealed. */
    | "sealed"
    /** The store cannot be reached, or the connection to it was lost, and lost again when the call was repeated. */
    | "unreachable"
    /** The store is there, but failed. */
    | "failed"
    /** A deadline passed. */
    | "timeout"
    /** The call's signal fired. */
    | "aborted"
    /** The store was closed. */
    | "closed"
    /** The function of an update has started an update of the same credential, or has closed the store. */
    | "nested-update"
    /** The store cannot hold a value of this size. */
    | "too-large"
    /** The store cannot keep this value, such as bytes in a store for text. */
    | "unsupported-value"
    /** The stored bytes are not UTF-8 text. */
    | "not-text"
    /** A file is damaged, or is not of the kind that it should be. */
    | "damaged"
    /** A reference names a secret that does not exist. */
    | "not-found"
    /** A file that must not be replaced exists. */
    | "exists"
    /** An environment setting or an option of `openStore` is wrong. */
    | "invalid-setting"
    /** os-secrets itself failed. */
    | "internal";

  /** Reads, stores and deletes credentials. The methods work detached: `const { get } = secrets`. */
  interface Secrets {
    /**
     * Reads a credential.
     *
     * @returns its value, or `null` if there is no such credential. If the store stays locked, the call
     * rejects.
     * @throws a `TypeError`, synchronously, if the arguments are wrong
     *
     * @example
     * ```ts
     * const password = await secrets.get({ service: "my-app", name: "alice@example.com" });
     * if (password === null) console.log("Log in first");
     * ```
     */
    get(options: SecretOptions & CallOptions): Promise<string | null>;

    /**
     * Reads a credential. Takes its service and name as two strings.
     *
     * @example
     * ```ts
     * const password = await secrets.get("my-app", "alice@example.com");
     * ```
     */
    get(service: string, name: string): Promise<string | null>;

    /**
     * Stores a credential, or replaces it. An empty value deletes it.
     *
     * @throws a `TypeError`, synchronously, if the arguments are wrong
     *
     * @example
     * ```ts
     * await secrets.set({ service: "my-cli-tool", name: "github-token", value: token });
     * ```
     */
    set(options: SetOptions & CallOptions): Promise<void>;

    /**
     * Stores a credential. Takes its service, name and value as strings.
     *
     * @example
     * ```ts
     * await secrets.set("my-cli-tool", "github-token", token);
     * ```
     */
    set(service: string, name: string, value: string): Promise<void>;

    /**
     * Stores a credential. The second argument is its value if `options.value` is undefined; otherwise
     * it is ignored.
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
     * @returns whether there was such a credential
     * @throws a `TypeError`, synchronously, if the arguments are wrong
     *
     * @example
     * ```ts
     * const wasThere = await secrets.delete({ service: "my-cli-tool", name: "github-token" });
     * ```
     */
    delete(options: SecretOptions & CallOptions): Promise<boolean>;

    /**
     * Deletes a credential. Takes its service and name as two strings.
     *
     * @example
     * ```ts
     * const wasThere = await secrets.delete("my-cli-tool", "github-token");
     * ```
     */
    delete(service: string, name: string): Promise<boolean>;
  }

  /**
   * The operating system's credential store: the Secret Service on Linux, Credential Manager on Windows,
   * Keychain on macOS. It uses exactly the items that `Bun.secrets` reads and writes. If the environment
   * has `OS_SECRETS_PROVIDER=file`, or else the user's settings file (`~/.config/os-secrets/config.toml`)
   * has `store = "file"`, the whole process uses an encrypted file instead; see {@link FileStoreOptions}.
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

  /** A value in a {@link Store}: text or bytes. */
  type Value = string | Uint8Array;

  /**
   * The options of {@link openStore}. The default provider is `OS_SECRETS_PROVIDER`, else the store that the user's
   * settings file names, else `"os"`.
   */
  type StoreOptions =
    | { provider?: undefined }
    | OsStoreOptions
    | FileStoreOptions
    | VaultStoreOptions
    | MemoryStoreOptions
    | ExecStoreOptions
    | CustomStoreOptions;

  /** The operating system's own store. Neither the environment nor the settings file changes it. */
  interface OsStoreOptions {
    provider: "os";
  }

  /**
   * One file, encrypted with age (https://age-encryption.org/v1), for servers, containers and continuous
   * integration. Other age tools can open it. It is read only if no other user can have written it, and
   * created so that only its owner has access to it and its directory.
   */
  interface FileStoreOptions {
    provider: "file";

    /**
     * The path of the file. The first `set` creates the file and its directory.
     *
     * @default `OS_SECRETS_FILE`, else the path in the user's settings file, else `os-secrets/secrets.age` under
     * `$XDG_DATA_HOME` or `~/.local/share`
     */
    path?: string | undefined;

    /**
     * The identity that decrypts the file: an X25519 identity from `age-keygen` or `npx os-secrets init`, the
     * private key of an SSH key pair (ed25519 or RSA), or an identity of an age plugin, as its text, the path of its file or pipe, or the service and the
     * name of an item in the operating system's store that holds its text. The first `set` creates that item if neither it nor the file exists; see
     * {@link OsIdentityOptions}. If neither this nor `passphrase` is given, the first of these is used:
     *
     * 1. `OS_SECRETS_IDENTITY`, opened with `OS_SECRETS_PASSPHRASE` if that is set as well (text or path, or `os` for the item `identity` of the service `os-secrets`)
     * 2. `OS_SECRETS_PASSPHRASE`
     * 3. `os-secrets.identity` in `$CREDENTIALS_DIRECTORY` (systemd)
     * 4. the path or `os` that the settings file names
     * 5. `os-secrets.identity` in `/run/secrets` (containers)
     * 6. the identity that `npx os-secrets init` or {@link createIdentity} created
     */
    identity?: string | OsIdentityOptions | undefined;

    /**
     * The passphrase of the file, or if `identity` is given as well, the one that protects that identity: an SSH key, or an
     * age file with identities (`age -p`). The store's first call then takes about a second. Not for an identity in the
     * operating system's store.
     */
    passphrase?: string | undefined;

    /**
     * Whether every call rejects with `ERR_SECRETS_PLATFORM_ERROR` while the file does not exist. Otherwise
     * the store is then empty, and the first `set` creates the file.
     *
     * @default false
     */
    mustExist?: boolean | undefined;
  }

  /**
   * An identity in the operating system's store, which may ask the user to unlock it. The file then holds values of any
   * size and lists all its credentials on every system, and the operating system protects its key.
   *
   * If the file exists and the item does not, calls reject with `ERR_SECRETS_AUTH_FAILED`: a new identity would not open
   * the file.
   */
  interface OsIdentityOptions {
    /** The service of the item. */
    service: string;
    /** The name of the item. Several files may share it. */
    name: string;
  }

  /**
   * A server of HashiCorp Vault or OpenBao, with the secrets engine KV of version 1 or 2. The service is the path of a
   * secret, whose segments are separated by `/`; they must not be empty or `.`, or contain `..`. The name is a field of the secret.
   * What is left out comes from the environment.
   *
   * A call without `timeout` takes at most 25 s (`OS_SECRETS_TIMEOUT`), in which it is repeated if the server is sealed or
   * has no leader.
   */
  interface VaultStoreOptions {
    provider: "vault";

    /**
     * The address: `https://HOST:PORT`, or `http://` for this machine (127.0.0.1, ::1 or localhost).
     *
     * @default `BAO_ADDR`, else `VAULT_ADDR`
     */
    address?: string | undefined;

    /**
     * The mount of the secrets engine.
     *
     * @default `OS_SECRETS_VAULT_MOUNT`, else `secret`
     */
    mount?: string | undefined;

    /**
     * The path before the services, such as `apps/prod`.
     *
     * @default `OS_SECRETS_VAULT_PREFIX`, else none
     */
    prefix?: string | undefined;

    /**
     * The namespace.
     *
     * @default `BAO_NAMESPACE`, else `VAULT_NAMESPACE`
     */
    namespace?: string | undefined;

    /**
     * The authorities that may have signed the server's certificate: the path of a PEM file, or its text. It is always
     * verified.
     *
     * @default `BAO_CACERT`, else `VAULT_CACERT`, else the authorities that the operating system trusts
     */
    caCert?: string | undefined;

    /**
     * A token. It is renewed before it ends. At most one of this, `appRole`, `kubernetes` and `jwt` may be given.
     *
     * @default the log-in of the environment: `OS_SECRETS_VAULT_ROLE_ID` with `OS_SECRETS_VAULT_SECRET_ID`,
     * `OS_SECRETS_VAULT_KUBERNETES_ROLE`, or `OS_SECRETS_VAULT_JWT_ROLE` with `OS_SECRETS_VAULT_JWT`; else `BAO_TOKEN`,
     * `VAULT_TOKEN`, and the file `~/.vault-token`
     */
    token?: string | undefined;

    /** A log-in by the auth method AppRole. It is repeated if its token has ended. */
    appRole?: VaultAppRole | undefined;

    /** A log-in by the auth method Kubernetes. It is repeated if its token has ended. */
    kubernetes?: VaultKubernetes | undefined;

    /** A log-in by the auth method JWT. It is repeated if its token has ended. */
    jwt?: VaultJwt | undefined;
  }

  /** A log-in by AppRole. */
  interface VaultAppRole {
    /** The path at which the method is mounted. The default is `approle`. */
    mount?: string | undefined;
    /** The ID of the role. */
    roleId: string;
    /** The secret ID, unless the role needs none. */
    secretId?: string | undefined;
  }

  /** A log-in by the service account of a Kubernetes pod. */
  interface VaultKubernetes {
    /** The path at which the method is mounted. The default is `kubernetes`. */
    mount?: string | undefined;
    /** The name of the role. */
    role: string;
    /**
     * The file of the service account's token, which is read at each log-in. The default is
     * `/var/run/secrets/kubernetes.io/serviceaccount/token`.
     */
    jwtFile?: string | undefined;
  }

  /** A log-in by a JSON Web Token. */
  interface VaultJwt {
    /** The path at which the method is mounted. The default is `jwt`. */
    mount?: string | undefined;
    /** The name of the role. */
    role: string;
    /** The JSON Web Token. */
    token: string;
  }

  /**
   * A store in the memory of the process, for tests. It is empty at first. With `OS_SECRETS_PROVIDER=memory` in the
   * environment, {@link secrets} and `openStore()` use one, too, which the whole process shares.
   */
  interface MemoryStoreOptions {
    provider: "memory";
  }

  /**
   * A program that stores credentials and speaks the protocol of Docker's credential helpers. It stores
   * text only; bytes that are not UTF-8 text reject with `ERR_SECRETS_INVALID_DATA`.
   */
  interface ExecStoreOptions {
    provider: "exec";

    /** The program's absolute path, such as `"/usr/bin/docker-credential-pass"`. */
    command: string;

    /**
     * Variables for the program's environment. From this process's environment it gets only the variables
     * that programs need to find their files, the session and the user: `PATH`, `HOME`, `DISPLAY` and
     * the like.
     */
    env?: Readonly<Record<string, string | undefined>> | undefined;

    /**
     * The maximum time for one run of the program, in milliseconds. After that it is killed.
     *
     * @default 25_000
     */
    timeout?: number | undefined;
  }

  /** A store of the program's own code, for a service that this package does not know. */
  interface CustomStoreOptions {
    provider: CustomProvider;
  }

  /** What names a credential. */
  interface CredentialKey {
    service: string;
    name: string;
  }

  /**
   * The functions of a store that the program has written. Arguments are checked before they are called, and every call has
   * its deadline and signal, and at most 25 s (`OS_SECRETS_TIMEOUT`). What a function returns may be a promise. What it
   * throws is the `cause` of the call's error, except for errors of this package, which the caller gets as they are. An
   * answer of another type rejects with `ERR_SECRETS_INVALID_DATA`.
   */
  interface CustomProvider {
    /** Returns a credential, or null if there is none. */
    get(credential: CredentialKey): Value | null | Promise<Value | null>;

    /**
     * Stores a credential, or replaces it. `value` is a string, or a `Buffer` if it is not UTF-8 text. It is never empty:
     * storing an empty value deletes.
     */
    set(credential: CredentialKey & { value: Value }): unknown;

    /** Deletes a credential. Returns whether there was one. */
    delete(credential: CredentialKey): boolean | Promise<boolean>;

    /** Returns all credentials, in any order. Without this function, `list` rejects. */
    list?(): readonly CredentialKey[] | Promise<readonly CredentialKey[]>;
  }

  /** The options of {@link Store.update}. */
  interface UpdateOptions extends Omit<SetOptions, "value">, CallOptions {}

  /** The new value of a credential, or a promise of it: `null` and empty values delete, `undefined` changes nothing. */
  type NewValue<T> = T | null | undefined | Promise<T | null | undefined>;

  /**
   * A credential store: {@link Secrets}, plus bytes as values, `update`, `has`, `list` and `close`. The store of the
   * operating system holds the same credentials as `secrets`. The methods work detached: `const { get } = store`.
   *
   * @example
   * ```ts
   * await using store = openStore();
   * await store.set({ service: "my-vpn", name: "key", value: crypto.getRandomValues(new Uint8Array(32)) });
   * const key = await store.get({ service: "my-vpn", name: "key", encoding: "buffer" });
   * ```
   */
  interface Store {
    /** Reads a credential as bytes, into a new `Buffer`. */
    get(options: SecretOptions & CallOptions & { encoding: "buffer" }): Promise<Bytes | null>;
    /** Reads a credential as text. If it is not UTF-8, the call rejects with `ERR_SECRETS_INVALID_DATA`. */
    get(options: SecretOptions & CallOptions & { encoding?: "utf8" | undefined }): Promise<string | null>;
    /** Reads a credential as text. Takes its service and name as two strings. */
    get(service: string, name: string): Promise<string | null>;

    /**
     * Stores a credential, or replaces it. An empty value deletes it. A `Uint8Array` may hold any bytes. On
     * Linux, the operating system's store gives bytes that are not UTF-8 text the content type
     * `application/octet-stream`.
     */
    set(options: Omit<SetOptions, "value"> & { value: Value } & CallOptions): Promise<void>;
    /** Stores a credential. Takes its service and name as two strings. */
    set(service: string, name: string, value: Value): Promise<void>;
    /** Stores a credential. The second argument is its value. */
    set(
      options: Omit<SetOptions, "value"> & { value?: undefined } & CallOptions,
      value: Value,
    ): Promise<void>;

    /**
     * Replaces a credential by what a function makes of it, while no other `update` of the credential runs in any
     * process of the user. So no process loses the change of another one. `set` and `delete` do not wait for it; what
     * they store while the function runs is replaced. On a server of Vault or OpenBao, it is not: if the value was changed
     * meanwhile by anybody, the function is called again with the new one (not on a mount of version 1).
     *
     * The wait and the read have `timeout`, and storing has it again; the function has no limit. If the signal fires while
     * the function runs, the new value is discarded: a token that was exchanged by then is lost. A process that ends, or
     * is killed, holds up nobody.
     *
     * @param change gets the value, or `null` if there is no such credential. It returns the new value: `null` or `""`
     * deletes the credential, and `undefined` changes nothing.
     * @returns the value that was stored, or `null` if it was deleted. If the function returns `undefined`, the value that
     * was read. If the function fails, nothing is changed, and the promise rejects with its error. Within the function,
     * a call for the same credential and `close` reject at once, with the `reason` `"nested-update"`.
     * @throws a `TypeError`, synchronously, if the arguments are wrong
     *
     * @example
     * ```ts
     * const token = await store.update({ service: "my-tool", name: "token" }, async (old) => {
     *   return old === null || isExpired(old) ? await refresh(old) : undefined;
     * });
     * ```
     */
    update(
      options: UpdateOptions & { encoding: "buffer" },
      change: (old: Bytes | null) => NewValue<Value>,
    ): Promise<Bytes | null>;
    /** Replaces a text by what a function makes of it. */
    update(
      options: UpdateOptions & { encoding?: "utf8" | undefined },
      change: (old: string | null) => NewValue<string>,
    ): Promise<string | null>;

    /** Deletes a credential. Returns whether there was such a credential. */
    delete(options: SecretOptions & CallOptions): Promise<boolean>;
    /** Deletes a credential. Takes its service and name as two strings. */
    delete(service: string, name: string): Promise<boolean>;

    /**
     * Returns whether there is such a credential. Only a server with version 1 of KV and a provider of your own read its
     * value for that.
     */
    has(options: SecretOptions & CallOptions): Promise<boolean>;
    /** Returns whether there is such a credential. Takes its service and name as two strings. */
    has(service: string, name: string): Promise<boolean>;

    /**
     * Lists the names of all credentials, or of one service's credentials, sorted. It reads no value, except on a server
     * with version 1 of KV, and never asks the user. If a locked store hides its credentials, the call rejects.
     *
     * On Windows and macOS, the operating system's store throws if no service is given, because it cannot
     * tell the credentials of this package and `Bun.secrets` from those of other programs.
     */
    list(
      options?: { service?: string | undefined } & Omit<CallOptions, "interactive">,
    ): Promise<SecretOptions[]>;

    /**
     * Waits for the calls in progress, including those that wait for the user. If that may take too long,
     * give those calls a `timeout` or a `signal`. Every later call rejects.
     */
    close(): Promise<void>;

    /** Does the same as {@link close}, for `await using`. */
    [Symbol.asyncDispose](): Promise<void>;
  }

  /**
   * Opens a store. It reads and creates nothing before its first call.
   *
   * @throws an `Error` with `code` `ERR_SECRETS_INVALID_SETTING`, synchronously, if the provider is unknown or
   * an option is wrong
   *
   * @example
   * ```ts
   * const store = openStore({ provider: "file", path: "/var/lib/my-server/secrets.age" });
   * const token = await store.get("my-server", "github-token");
   * ```
   */
  function openStore(options?: StoreOptions): Store;

  /** Something that is wrong with a store, or worth knowing. */
  interface Problem {
    /** What is wrong. */
    what: string;
    /** The command that fixes it, or advice. */
    fix: string;
    /** Whether credentials cannot be read or stored because of it. */
    fatal: boolean;
  }

  /** The state of a store, from {@link diagnose}. `store` tells which kind of store it is. */
  type Diagnosis =
    | SecretServiceDiagnosis
    | CredentialManagerDiagnosis
    | KeychainDiagnosis
    | FileDiagnosis
    | MemoryDiagnosis
    | HelperDiagnosis
    | VaultDiagnosis
    | CustomDiagnosis;

  /** What every {@link Diagnosis} has. */
  interface BaseDiagnosis {
    /** Whether credentials can be read and stored: no problem is fatal. */
    works: boolean;
    problems: Problem[];
  }

  /** The state of the operating system's store on Linux. A property is `null` if it is not known. */
  interface SecretServiceDiagnosis extends BaseDiagnosis {
    store: "Secret Service";
    /** The program that provides the Secret Service. */
    provider: string | null;
    /** The address of the session bus. */
    bus: string | null;
    /** Whether the service answers. */
    reachable: boolean;
    /** The default collection, or `null` if there is none yet. */
    collection: string | null;
    /** Whether the default collection is unlocked. */
    unlocked: boolean | null;
    /** Whether credentials can be stored now, without asking the user. */
    writable: boolean;
    /** Whether credentials are kept when the session ends. */
    persistent: boolean | null;
    /** Whether secrets are encrypted on the bus. */
    encrypted_on_bus: boolean | null;
    /** Whether the file of the default collection is encrypted. `null` if it is not known; it is of gnome-keyring only. */
    encrypted_at_rest: boolean | null;
    /** Whether there is a display for prompts. */
    display: boolean;
    /** What kind of session the process runs in. */
    place: "WSL" | "container" | "SSH" | "desktop" | "headless";
  }

  /** The state of the operating system's store on Windows. */
  interface CredentialManagerDiagnosis extends BaseDiagnosis {
    store: "Credential Manager";
    /** Whether Credential Manager answers. */
    reachable: boolean;
    /** Whether credentials can be stored now, without asking the user. */
    writable: boolean;
    /** Whether credentials are kept when the logon session ends, or `null` if that is not known. */
    persistent: boolean | null;
    /** The largest value, in bytes. */
    largest: number;
  }

  /** The state of the operating system's store on macOS. A property is `null` if it is not known. */
  interface KeychainDiagnosis extends BaseDiagnosis {
    store: "Keychain";
    /** The file of the default keychain. */
    keychain: string | null;
    /** Whether Keychain answers. */
    reachable: boolean;
    /** Whether the default keychain is unlocked. */
    unlocked: boolean | null;
    /** Whether credentials can be stored now, without asking the user. */
    writable: boolean;
    /** Whether there is a desktop for prompts. */
    display: boolean;
  }

  /** The state of an encrypted file. A property is `null` if it is not known. */
  interface FileDiagnosis extends BaseDiagnosis {
    store: "encrypted file";
    /** The path of the file. */
    path: string;
    /** Whether the file exists. */
    exists: boolean;
    /** Whether credentials can be stored now, without asking the user. */
    writable: boolean;
    /** What unlocks it: the name of a variable, the path of an identity or of the settings file, or `"option"`. */
    key: string | null;
    /**
     * The service and the name of the identity in the operating system's store, with a slash between them. `null` if
     * something else unlocks it.
     */
    os_identity: string | null;
    /** The recipients that the file is encrypted for; none if it has a passphrase. */
    recipients: string[] | null;
    /** The number of credentials. */
    credentials: number | null;
    /** The path of the previous version, or `null` if there is none. */
    backup: string | null;
  }

  /** The state of a store in memory. */
  interface MemoryDiagnosis extends BaseDiagnosis {
    store: "memory";
    writable: true;
    persistent: false;
  }

  /** The state of a helper program, which is not run. */
  interface HelperDiagnosis extends BaseDiagnosis {
    store: "helper program";
    /** The path of the program. */
    command: string;
    /** Whether the program exists and may be run. */
    reachable: boolean;
    /** `false` if the program cannot be run. Otherwise `null`: only the program knows. */
    writable: false | null;
  }

  /** The state of a store on a server, which is asked for its mount. */
  interface VaultDiagnosis extends BaseDiagnosis {
    store: "Vault or OpenBao";
    /** The address of the server. */
    address: string;
    /** The mount, and the path before the services. */
    place: string;
    /** Whether the server answers. `null` if it was not asked, because a setting is wrong. */
    reachable: boolean | null;
    /** The version of the secrets engine KV. It is missing if the server does not say. */
    kvVersion?: 1 | 2;
    /** `false` if the server cannot be used. Otherwise `null`: each path has its own policies. */
    writable: false | null;
  }

  /** The state of a store of the program's own code, which is not called. */
  interface CustomDiagnosis extends BaseDiagnosis {
    store: "custom provider";
    writable: null;
  }

  /**
   * Examines a store: what `secrets doctor --json` prints. It never asks the user and changes nothing.
   *
   * @param options the store, as for {@link openStore}; without them, the store of {@link secrets}
   * @returns the store's state. It rejects with `ERR_SECRETS_INVALID_SETTING` if a setting of the user is wrong.
   * @throws an `Error` with `code` `ERR_SECRETS_INVALID_SETTING`, synchronously, if the provider is unknown or
   * an option is wrong
   *
   * @example
   * ```ts
   * const { works, problems } = await diagnose();
   * if (!works) for (const { what, fix } of problems) console.error(`${what}. Try: ${fix}`);
   * ```
   */
  function diagnose(options?: StoreOptions): Promise<Diagnosis>;

  /** An identity that {@link createIdentity} has created. */
  interface NewIdentity {
    /** The path of its file. */
    path: string;
    /** Its public half, which files are encrypted for: `age1…`. It is no secret. */
    recipient: string;
  }

  /**
   * Creates an identity, the key of encrypted files, in a new file: what `secrets init` does. Whoever has that file can
   * read what is encrypted for the identity, and without it nobody can.
   *
   * @param options `path`: the file. By default it is the one that the encrypted file uses if nothing else is set up.
   * @returns where it is. If the file exists, it is not replaced: the promise rejects with the `reason` `"exists"`.
   * @throws an `Error` with `code` `ERR_SECRETS_INVALID_SETTING`, synchronously, if an option is wrong
   *
   * @example
   * ```ts
   * const store = openStore({ provider: "file" });
   * try {
   *   await store.list();
   * } catch (error) {
   *   if (error.reason !== "no-key") throw error;
   *   const { path } = await createIdentity();
   *   console.log(`The key of your credentials is in ${path}. Keep it safe.`);
   * }
   * ```
   */
  function createIdentity(options?: { path?: string | undefined }): Promise<NewIdentity>;

  /** The options of {@link resolve} and {@link resolveEnv}: where they look for secrets. */
  interface ResolveOptions extends CallOptions {
    /**
     * - `"repo"`: `busdk.secrets` in the workspace's `datapackage.json`. It is plain text, and everybody who
     *   has the repository can read it. A file that other users can have written is refused.
     * - `"user"`: the store of `secrets` with the service `"os-secrets"`. The program `secrets` stores its
     *   secrets there.
     * - `"auto"`: first the repository, then the user. If both have a secret of one name, the repository's
     *   is used, and `process.emitWarning` tells so once (code `OS_SECRETS_SHADOWED`).
     *
     * @default "auto"
     */
    scope?: "auto" | "user" | "repo" | undefined;

    /**
     * The workspace: the directory that may contain a `datapackage.json`. Its parents are not searched.
     *
     * @default process.cwd()
     */
    cwd?: string | undefined;

    /** The store with the user's secrets. Without it, it is that of {@link secrets}. */
    store?: Store | undefined;
  }

  /**
   * Resolves a value: `"secret:<name>"` becomes the secret with that name; any other text stays as it is.
   * A secret that is itself a reference is not resolved again.
   *
   * @returns the secret or the value; rejects with `ERR_SECRETS_NOT_FOUND` if there is no such secret
   * @throws a `TypeError`, synchronously, if the arguments are wrong or the name in a reference is not valid
   * (only `a-z`, `0-9`, `.`, `_` and `-` are allowed)
   *
   * @example
   * ```ts
   * const key = await resolve(config.apiKey); // "secret:openai_api_key" in the configuration
   * ```
   */
  function resolve(value: string, options?: ResolveOptions): Promise<string>;

  /**
   * Resolves the values of an environment and returns them in a new object, which has no prototype. It does
   * not change `env`, and leaves out variables that are `undefined`. Errors name the variable.
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
