// The types of os-secrets/keytar. __test__/keytar.test.js compares them with those of keytar itself.

import * as all from "os-secrets/keytar";
import keytar, {
  deletePassword,
  findCredentials,
  findPassword,
  getPassword,
  setPassword,
} from "os-secrets/keytar";

export const read: string | null = await getPassword("s", "a");
export const nothing: Promise<void> = setPassword("s", "a", "p");
export const wasThere: boolean = await deletePassword("s", "a");
export const any: string | null = await findPassword("s");
export const [{ account, password } = { account: "", password: "" }] = await findCredentials("s");
export const same: (typeof getPassword)[] = [keytar.getPassword, all.getPassword];

// @ts-expect-error the account is missing
await getPassword("s");
// @ts-expect-error passwords are text
await setPassword("s", "a", 5);
// @ts-expect-error there may be none
export const certain: string = await findPassword("s");
