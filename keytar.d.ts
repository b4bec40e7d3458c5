/**
 * The API of the package `keytar` 7.9, over the store of `os-secrets`.
 *
 * Passwords are stored as credentials of `Bun.secrets`, with the account as the name. On Linux, those that `keytar` itself
 * has stored are found, too. Wrong arguments throw at once, with the messages of `keytar`. Failures of the store reject
 * with an `Error` that has a `code` of `ErrorCode`.
 */

/**
 * Reads the password of an account.
 *
 * @param service The application. It must not be empty or contain a NUL.
 * @param account The account within the application. It must not be empty or contain a NUL.
 * @returns A promise of the password, or of `null` only if there is none. If the store is locked and stays locked, it
 * rejects.
 */
export declare function getPassword(service: string, account: string): Promise<string | null>;

/**
 * Stores the password of an account, in place of one that was there. On Linux, it then deletes the one that `keytar`
 * itself has stored for the account.
 *
 * @param service The application. It must not be empty or contain a NUL.
 * @param account The account within the application. It must not be empty or contain a NUL.
 * @param password The password. It must not be empty or contain a NUL.
 * @returns A promise that resolves when the password is stored.
 */
export declare function setPassword(service: string, account: string, password: string): Promise<void>;

/**
 * Deletes the password of an account. On Linux, it also deletes the one that `keytar` itself has stored for the account.
 *
 * @param service The application. It must not be empty or contain a NUL.
 * @param account The account within the application. It must not be empty or contain a NUL.
 * @returns A promise of whether there was one.
 */
export declare function deletePassword(service: string, account: string): Promise<boolean>;

/**
 * Reads the password of any account of a service. Those that `keytar` itself has stored come last.
 *
 * @param service The application. It must not be empty or contain a NUL.
 * @returns A promise of the password, or of `null` only if the service has none.
 */
export declare function findPassword(service: string): Promise<string | null>;

/**
 * Reads the passwords of all accounts of a service.
 *
 * @param service The application. It must not be empty or contain a NUL.
 * @returns A promise of the accounts with their passwords, each account once.
 */
export declare function findCredentials(
  service: string,
): Promise<Array<{ account: string; password: string }>>;
