// Finds `any` in types.

import type osSecrets from "os-secrets";

type IsAny<T> = 0 extends 1 & T ? true : false;
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** The parameters and the result of each overload of a function, as a union of tuples. */
type Overloads<F> = F extends {
  (...args: infer A1): infer R1;
  (...args: infer A2): infer R2;
  (...args: infer A3): infer R3;
  (...args: infer A4): infer R4;
}
  ? [A1, R1] | [A2, R2] | [A3, R3] | [A4, R4]
  : never;

/** What other libraries declare. Their own `any`, such as `AbortSignal.reason`, is not ours. */
type Foreign = osSecrets.Bytes | osSecrets.Signal | Uint8Array;

/** Where a type contains `any`, as text. It is `never` if the type contains none. */
export type Anys<T, Path extends string> =
  IsAny<T> extends true
    ? Path
    : T extends string | number | boolean | null | undefined
      ? never
      : IsForeign<T, Foreign> extends true
        ? never
        : T extends Promise<infer Value>
          ? Anys<Value, `${Path}'s value`>
          : T extends readonly unknown[]
            ? {
                [Index in keyof T]-?: Anys<T[Index], `${Path}[${Index extends string ? Index : "…"}]`>;
              }[number]
            : T extends (...args: never) => unknown
              ? OfOverloads<Overloads<T>, Path>
              : {
                  [Key in keyof T]-?: Anys<T[Key], `${Path}.${Key extends string ? Key : "symbol"}`>;
                }[keyof T];

type OfOverloads<Each, Path extends string> = Each extends [infer Parameters, infer Result]
  ? Anys<Parameters, `${Path}'s parameters`> | Anys<Result, `${Path}'s result`>
  : never;

type IsForeign<T, Known> = true extends (Known extends unknown ? Same<T, Known> : never) ? true : false;

/** Compiles only if a type contains no `any`. The compiler's error names the places. */
export declare function expectNone<_ extends never>(): void;
