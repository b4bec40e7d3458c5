// No type that the package exports is `any` or contains it, whatever types a program has.

import type osSecrets from "os-secrets";
import { openStore } from "os-secrets";
import { type Anys, expectNone, type Same } from "./anys.mjs";

expectNone<Anys<typeof osSecrets, "os-secrets">>();
expectNone<Anys<osSecrets.Bytes, "Bytes">>();
expectNone<Anys<osSecrets.Signal, "Signal">>();

const read = openStore().get({ service: "s", name: "n", encoding: "buffer" });
export const bytes: Uint8Array | null = await read;
// @ts-expect-error bytes are no text
export const text: string | null = await read;

// The check finds what it looks for.
// biome-ignore lint/suspicious/noExplicitAny: this is what it looks for
type Loose = any;
interface Faulty {
  field?: { list: [string, Loose][] };
  method(text: string): Promise<string>;
  method(options: { deep: Loose }): Promise<void>;
  other(): Promise<Loose>;
}
type Places =
  | "Faulty.field.list[…][1]"
  | "Faulty.method's parameters[0].deep"
  | "Faulty.other's result's value";
export const finds: Same<Anys<Faulty, "Faulty">, Places> = true;
