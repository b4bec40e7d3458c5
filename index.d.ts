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

  /** What {@link Secrets.set} stores, and how. */
  interface SetOptions extends SecretOptions {
    /** The secret: any text without a NUL. The empty string deletes the credential. */
    value: string;

    /**
     * macOS only: let every application of the user read the credential without asking, for
     * continuous-integration machines where nobody can answer.
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
    /** The store refused. */
    | "ERR_SECRETS_ACCESS_DENIED"
    /** The person dismissed the store's prompt. */
    | "ERR_SECRETS_USER_CANCELED"
    /** The store is locked, and no prompt could be shown. */
    | "ERR_SECRETS_INTERACTION_REQUIRED"
    /** The store did not answer in time. */
    | "ERR_SECRETS_TIMEOUT"
    /** The platform cannot hold the value; nothing was changed. */
    | "ERR_SECRETS_TOO_LARGE"
    /** The stored bytes are not UTF-8 text. */
    | "ERR_SECRETS_INVALID_DATA";

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
    get(options: SecretOptions): Promise<string | null>;

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
    set(options: SetOptions): Promise<void>;

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
    set(options: Omit<SetOptions, "value"> & { value?: undefined }, value: string): Promise<void>;

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
    delete(options: SecretOptions): Promise<boolean>;

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
   * the Secret Service on Linux.
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
}

export = osSecrets;
