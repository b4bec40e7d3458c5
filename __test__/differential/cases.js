// The cases of the differential suite. Each case is [label, body]. A body gets { secrets, attempt, service }:
// `attempt` runs one call and returns its whole outcome, and `service` is unique to the case. The results of
// a body are compared between the implementations, so they must not contain anything that differs between
// engines.

const { isWindows } = require("../support/platform.js");

/** Values that are wrong as service, name or value: [label, maker, isString]. */
const wrongValues = [
  ["undefined", () => undefined],
  ["null", () => null],
  ["true", () => true],
  ["0", () => 0],
  ["42", () => 42],
  ["NaN", () => Number.NaN],
  ["10n", () => 10n],
  ["a symbol", () => Symbol("s")],
  ["a String object", () => new String("text")],
  ["an array of a string", () => ["text"]],
  ["an object with toString", () => ({ toString: () => "text" })],
  ["a function", () => () => "text"],
  ["a Proxy", () => new Proxy({}, {})],
  ["a Uint8Array", () => new Uint8Array([116])],
  ["the empty string", () => ""],
  ["a NUL", () => "\0"],
  ["a text with a NUL", () => "a\0b"],
];

/** First arguments that are not options. */
const wrongOptions = [
  ...wrongValues,
  ["an empty object", () => ({})],
  ["an object without prototype", () => Object.create(null)],
  ["a Date", () => new Date(0)],
  ["a RegExp", () => /x/],
  ["a Map", () => new Map([["service", "s"]])],
  ["a promise", () => Promise.resolve({ service: "s", name: "n" })],
  ["a text", () => "text"],
];

const methods = ["get", "set", "delete"];

function makeOptions(service) {
  return { service, name: "name", value: "value" };
}

/** Calls that must be refused. None of them may write or delete anything. */
const misuse = [];

for (const method of methods) {
  misuse.push([`${method} without arguments`, ({ secrets, attempt }) => attempt(() => secrets[method]())]);
  for (const [label, make] of wrongOptions) {
    misuse.push([`${method}(${label})`, ({ secrets, attempt }) => attempt(() => secrets[method](make()))]);
  }
  for (const [label, make] of wrongValues) {
    for (const property of ["service", "name"]) {
      misuse.push([
        `${method} with ${label} as ${property}`,
        ({ secrets, attempt, service }) =>
          attempt(() => secrets[method]({ ...makeOptions(service), [property]: make() })),
      ]);
    }
    misuse.push([
      `${method} with ${label} as service and name`,
      ({ secrets, attempt }) => attempt(() => secrets[method]({ service: make(), name: make(), value: "v" })),
    ]);
  }
  misuse.push(
    [
      `${method} with service missing`,
      ({ secrets, attempt }) => attempt(() => secrets[method]({ name: "n", value: "v" })),
    ],
    [
      `${method} with name missing`,
      ({ secrets, attempt, service }) => attempt(() => secrets[method]({ service, value: "v" })),
    ],
    [
      `${method} with an empty service and a NUL in the name`,
      ({ secrets, attempt }) => attempt(() => secrets[method]({ service: "", name: "\0", value: "v" })),
    ],
    [
      `${method} with a getter of service that throws`,
      ({ secrets, attempt }) =>
        attempt(() =>
          secrets[method]({
            get service() {
              throw new RangeError("from the getter");
            },
          }),
        ),
    ],
    [
      `${method} with a getter of name that throws what is no error`,
      ({ secrets, attempt }) =>
        attempt(() =>
          secrets[method]({
            service: 1,
            get name() {
              throw "from the getter";
            },
          }),
        ),
    ],
    [
      `${method} with a function that has service but an empty name of its own`,
      ({ secrets, attempt, service }) =>
        attempt(() => secrets[method](Object.assign(() => {}, { service, value: "v" }))),
    ],
    [
      `${method} with a revoked Proxy`,
      ({ secrets, attempt }) => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return attempt(() => secrets[method](proxy));
      },
    ],
    [
      `${method} as a constructor`,
      ({ secrets, attempt, service }) => attempt(() => new secrets[method](makeOptions(service))),
    ],
    [
      `${method} with options from a polluted Object.prototype`,
      withPollutedPrototype(makeOptions("polluted"), ({ secrets, attempt }) =>
        attempt(() => secrets[method]({})),
      ),
    ],
    [
      `${method} with an instance under a polluted Object.prototype`,
      withPollutedPrototype(makeOptions("polluted"), ({ secrets, attempt }) =>
        attempt(() => secrets[method](new (class {})())),
      ),
    ],
    [
      `${method} with a name from a polluted Object.prototype`,
      withPollutedPrototype({ name: "name" }, ({ secrets, attempt, service }) =>
        attempt(() => secrets[method]({ service, value: "v" })),
      ),
    ],
    [
      `${method} with options on String.prototype`,
      ({ secrets, attempt, service }) => {
        Object.assign(String.prototype, makeOptions(service));
        try {
          return attempt(() => secrets[method]("text"));
        } finally {
          for (const property of Object.keys(makeOptions(service))) delete String.prototype[property];
        }
      },
    ],
  );
}

for (const method of ["get", "set"]) {
  for (const [label, make] of wrongValues) {
    misuse.push(
      [
        `${method}(${label}, name, value)`,
        ({ secrets, attempt }) => attempt(() => secrets[method](make(), "name", "value")),
      ],
      [
        `${method}(service, ${label}, value)`,
        ({ secrets, attempt, service }) => attempt(() => secrets[method](service, make(), "value")),
      ],
    );
  }
}

for (const [label, make] of wrongValues.filter(([label]) => label !== "the empty string")) {
  misuse.push(
    [
      `set with ${label} as value`,
      ({ secrets, attempt, service }) => attempt(() => secrets.set({ service, name: "name", value: make() })),
    ],
    [
      `set with ${label} as value and an empty service`,
      ({ secrets, attempt }) => attempt(() => secrets.set({ service: "", name: "name", value: make() })),
    ],
    [
      `set(service, name, ${label})`,
      ({ secrets, attempt, service }) => attempt(() => secrets.set(service, "name", make())),
    ],
  );
}

for (const [label, make] of wrongValues.filter(([label]) => label !== "undefined")) {
  misuse.push([
    `set with ${label} as persist`,
    ({ secrets, attempt, service }) =>
      attempt(() => secrets.set({ ...makeOptions(service), persist: make() })),
  ]);
}

misuse.push(
  ...["LOCAL", "session", "local ", "enterprise\0"].map((persist) => [
    `set with persist ${JSON.stringify(persist)}`,
    ({ secrets, attempt, service }) => attempt(() => secrets.set({ ...makeOptions(service), persist })),
  ]),
  [
    "set with a bad persist and an empty service",
    ({ secrets, attempt }) => attempt(() => secrets.set({ ...makeOptions(""), persist: "x" })),
  ],
  [
    "set with a bad persist and a bad value",
    ({ secrets, attempt, service }) =>
      attempt(() => secrets.set({ service, name: "n", value: 1, persist: 1 })),
  ],
  [
    "set without value",
    ({ secrets, attempt, service }) => attempt(() => secrets.set({ service, name: "name" })),
  ],
  [
    "set with a value from a polluted Object.prototype",
    withPollutedPrototype({ value: "value" }, ({ secrets, attempt, service }) =>
      attempt(() => secrets.set({ service, name: "name" })),
    ),
  ],
  ...["value", "allowUnrestrictedAccess", "persist"].map((property) => [
    `set with a getter of ${property} that throws`,
    ({ secrets, attempt, service }) =>
      attempt(() =>
        secrets.set(
          Object.defineProperty({ ...makeOptions(service) }, property, {
            get() {
              throw new RangeError(`from ${property}`);
            },
          }),
        ),
      ),
  ]),
  [
    "the secrets object cannot be changed",
    async ({ secrets, attempt }) => [
      Reflect.set(secrets, "get", 1),
      Reflect.deleteProperty(secrets, "delete"),
      await attempt(() => Object.defineProperty(secrets, "set", { value: 1 })),
      typeof secrets.get,
      typeof secrets.delete,
    ],
  ],
);

/** Runs a body while `Object.prototype` has these properties. The body must start all its calls at once. */
function withPollutedPrototype(properties, body) {
  return (context) => {
    Object.assign(Object.prototype, properties);
    try {
      return body(context);
    } finally {
      for (const property of Object.keys(properties)) delete Object.prototype[property];
    }
  };
}

/** Stores a value, reads it, deletes it twice, and reads it again. */
async function runRoundTrip({ secrets, attempt }, key, value) {
  return [
    await attempt(() => secrets.set({ ...key, value })),
    await attempt(() => secrets.get(key)),
    await attempt(() => secrets.delete(key)),
    await attempt(() => secrets.delete(key)),
    await attempt(() => secrets.get(key)),
  ];
}

const strings = [
  ["a word", "hunter2"],
  ["one character", "x"],
  ["spaces at both ends", "  x  "],
  ["lines", "a\nb\r\nc\n"],
  ["control characters", "\x01\x02\x07\x1b[31m\x7f"],
  ["Latin-1", "pässwörd ÿ"],
  ["C1 controls", "\x80\x9f"],
  ["a euro sign", "€"],
  ["an emoji with joiners", "👩‍👩‍👧‍👦"],
  ["right-to-left text", "‮שלום"],
  ["combining characters", "e\u0301"],
  ["the same, composed", "\u00e9"],
  ["a byte order mark in front", "\ufefftext"],
  ["a byte order mark behind", "text\ufeff"],
  ["only a byte order mark", "\ufeff"],
  ["a non-character", "\uffff"],
  ["the highest code point", "\u{10ffff}"],
  ["a lone high surrogate", "a\ud800b"],
  ["a lone low surrogate", "\udc00"],
  ["surrogates in the wrong order", "\udc00\ud800"],
  ["a high surrogate at the end", "x\ud83d"],
  ["slashes", "a/b//c/"],
  ["quotes and backslashes", "\"'`\\"],
  ["shell and format characters", "$(id) %s %n {0}"],
  ["JSON", '{"a":[1,null]}'],
];

/** A case for stores that tell such names apart. */
const slashes = [
  "slashes do not confuse one name with another",
  async ({ secrets, attempt, service }) => [
    await attempt(() => secrets.set({ service: `${service}/b`, name: "c", value: "one" })),
    await attempt(() => secrets.get({ service, name: "b/c" })),
    await attempt(() => secrets.set({ service, name: "b/c", value: "two" })),
    await attempt(() => secrets.get({ service: `${service}/b`, name: "c" })),
    await attempt(() => secrets.delete({ service, name: "b/c" })),
    await attempt(() => secrets.get({ service: `${service}/b`, name: "c" })),
  ],
];

/**
 * The maximum length of values in bytes, and of names in characters. Credential Manager's are short, Wine's
 * shortest.
 */
const [longestValue, longestName] = isWindows ? [2560, 110] : [100_000, 5000];

const use = [
  ...strings.map(([label, text]) => [
    `${label} as value`,
    (context) => runRoundTrip(context, { service: context.service, name: "name" }, text),
  ]),
  ...strings.map(([label, text]) => [
    `${label} as service and name`,
    (context) => runRoundTrip(context, { service: `${context.service}${text}`, name: text }, "value"),
  ]),
  ...[1000, ...(isWindows ? [] : [4096]), longestValue].map((length) => [
    `a value of ${length} characters`,
    (context) => runRoundTrip(context, { service: context.service, name: "name" }, "x".repeat(length)),
  ]),
  [
    "a long value of characters of three bytes",
    (context) => {
      const length = isWindows ? Math.floor(longestValue / 3) : longestValue;
      return runRoundTrip(context, { service: context.service, name: "name" }, "€".repeat(length));
    },
  ],
  [
    "long service and name",
    (context) => {
      const key = { service: context.service.padEnd(longestName, "s"), name: "n".repeat(longestName) };
      return runRoundTrip(context, key, "value");
    },
  ],
  [
    "a lone surrogate and U+FFFD are the same name",
    async ({ secrets, attempt, service }) => [
      await attempt(() => secrets.set({ service, name: "\ud800", value: "value" })),
      await attempt(() => secrets.get({ service, name: "\ufffd" })),
      await attempt(() => secrets.delete({ service, name: "\udbff" })),
    ],
  ],
  // Bun on Windows confuses them: see windows.test.js.
  ...(isWindows ? [] : [slashes]),
  [
    "names differ by case and by trailing space",
    async ({ secrets, attempt, service }) => [
      await attempt(() => secrets.set({ service, name: "Name", value: "one" })),
      await attempt(() => secrets.get({ service, name: "name" })),
      await attempt(() => secrets.get({ service, name: "Name " })),
      await attempt(() => secrets.get({ service, name: "Name" })),
    ],
  ],
  [
    "positional forms of get and set",
    async ({ secrets, attempt, service }) => [
      await attempt(() => secrets.set(service, "name", "value")),
      await attempt(() => secrets.get(service, "name")),
      await attempt(() => secrets.get({ service, name: "name" })),
    ],
  ],
  [
    "positional forms ignore further arguments",
    async ({ secrets, attempt, service }) => [
      await attempt(() => secrets.set(service, "name", "value", { value: "other" }, 5)),
      await attempt(() => secrets.get(service, "name", 5, Symbol("s"))),
      await attempt(() => secrets.get(service, "name", { service: "other" })),
    ],
  ],
  [
    "options with further arguments",
    async ({ secrets, attempt, service }) => [
      await attempt(() => secrets.set({ service, name: "name", value: "value" }, "other", 1)),
      await attempt(() => secrets.set({ service, name: "name", value: "value" }, 5)),
      await attempt(() => secrets.get({ service, name: "name" }, "other")),
      await attempt(() => secrets.get({ service, name: "name" }, null)),
      await attempt(() => secrets.delete({ service, name: "name" }, "other")),
    ],
  ],
  [
    "set replaces",
    async ({ secrets, attempt, service }) => {
      const outcomes = [];
      for (const value of ["one", "two", "three", "two"]) {
        outcomes.push(await attempt(() => secrets.set({ service, name: "name", value })));
        outcomes.push(await attempt(() => secrets.get({ service, name: "name" })));
      }
      outcomes.push(await attempt(() => secrets.delete({ service, name: "name" })));
      outcomes.push(await attempt(() => secrets.get({ service, name: "name" })));
      return outcomes;
    },
  ],
  [
    "set with an empty value deletes",
    async ({ secrets, attempt, service }) => [
      await attempt(() => secrets.set({ service, name: "name", value: "value" })),
      await attempt(() => secrets.set({ service, name: "name", value: "" })),
      await attempt(() => secrets.get({ service, name: "name" })),
      await attempt(() => secrets.set({ service, name: "name", value: "" })),
      await attempt(() => secrets.set(service, "name", "")),
      await attempt(() => secrets.delete({ service, name: "name" })),
    ],
  ],
  [
    "get and delete where there is nothing",
    async ({ secrets, attempt, service }) => [
      await attempt(() => secrets.get({ service, name: "name" })),
      await attempt(() => secrets.delete({ service, name: "name" })),
    ],
  ],
  [
    "get and delete do not look at value, persist and allowUnrestrictedAccess",
    async ({ secrets, attempt, service }) => {
      const options = {
        service,
        name: "name",
        get value() {
          throw new Error("value was read");
        },
        get persist() {
          throw new Error("persist was read");
        },
        get allowUnrestrictedAccess() {
          throw new Error("allowUnrestrictedAccess was read");
        },
      };
      return [await attempt(() => secrets.get(options)), await attempt(() => secrets.delete(options))];
    },
  ],
  ...["local", "enterprise", undefined].map((persist) => [
    `set with persist ${persist}`,
    async ({ secrets, attempt, service }) => [
      await attempt(() => secrets.set({ service, name: "name", value: "value", persist })),
      await attempt(() => secrets.get({ service, name: "name", persist: "nonsense" })),
    ],
  ]),
  ...[true, false, 0, "yes", null, Symbol.iterator].map((allowUnrestrictedAccess) => [
    `set with allowUnrestrictedAccess ${String(allowUnrestrictedAccess)}`,
    ({ secrets, attempt, service }) =>
      attempt(() => secrets.set({ service, name: "name", value: "value", allowUnrestrictedAccess })),
  ]),
  [
    "unknown options are ignored",
    async ({ secrets, attempt, service }) => [
      await attempt(() => secrets.set({ service, name: "n", value: "value", foo: 1, [Symbol("x")]: 2 })),
      await attempt(() => secrets.get({ service, name: "n", label: "x", account: "y" })),
    ],
  ],
  [
    "options that are a class instance with getters",
    async ({ secrets, attempt, service }) => {
      class Options {
        get service() {
          return service;
        }
        get name() {
          return "name";
        }
        get value() {
          return "value";
        }
      }
      return [
        await attempt(() => secrets.set(new Options())),
        await attempt(() => secrets.get(new Options())),
        await attempt(() => secrets.delete(new Options())),
      ];
    },
  ],
  [
    "options that are inherited",
    async ({ secrets, attempt, service }) => [
      await attempt(() => secrets.set(Object.create({ service, name: "name", value: "value" }))),
      await attempt(() => secrets.get(Object.create(Object.create({ service, name: "name" })))),
    ],
  ],
  [
    "options that are an array, a function, an object without prototype, frozen",
    async ({ secrets, attempt, service }) => {
      const own = { service, name: "name", value: "value" };
      const named = Object.defineProperty(() => {}, "name", { value: "name" });
      return [
        await attempt(() => secrets.set(Object.assign([], own))),
        await attempt(() => secrets.get(Object.assign(named, { service }))),
        await attempt(() => secrets.get(Object.assign(Object.create(null), own))),
        await attempt(() => secrets.delete(Object.freeze({ ...own }))),
      ];
    },
  ],
  [
    "options whose getter sees the options as this",
    async ({ secrets, attempt, service }) => {
      const parent = {
        get service() {
          return this.own;
        },
        name: "name",
        value: "value",
      };
      const options = Object.assign(Object.create(parent), { own: service });
      return [await attempt(() => secrets.set(options)), await attempt(() => secrets.get(service, "name"))];
    },
  ],
  ...methods.map((method) => [
    `${method} reads each property of a Proxy once, in order`,
    async ({ secrets, attempt, service }) => {
      const log = [];
      const traps = {};
      for (const trap of ["get", "has", "getOwnPropertyDescriptor", "getPrototypeOf", "ownKeys"]) {
        traps[trap] = (target, property, ...rest) => {
          // Bun does not read these.
          const beyond = ["signal", "timeout", "interactive"].includes(property);
          if (!beyond) log.push(`${trap} ${String(property)}`);
          return Reflect[trap](target, property, ...rest);
        };
      }
      const outcome = await attempt(() => secrets[method](new Proxy(makeOptions(service), traps)));
      return [
        outcome,
        log,
        await attempt(() => secrets[method](Object.create(new Proxy(makeOptions(service), traps)))),
      ];
    },
  ]),
  ...methods.map((method) => [
    `${method} reads each getter once, in order`,
    async ({ secrets, attempt, service }) => {
      const log = [];
      const options = {};
      const properties = {
        persist: "local",
        value: "value",
        allowUnrestrictedAccess: true,
        name: "name",
        service,
      };
      for (const [property, value] of Object.entries(properties)) {
        Object.defineProperty(options, property, {
          get() {
            log.push(property);
            return value;
          },
        });
      }
      return [await attempt(() => secrets[method](options)), log];
    },
  ]),
  ...methods.map((method) => [
    `${method} of an own property of Object.prototype, and through Proxies, under pollution`,
    async (context) => {
      const { secrets, attempt, service } = context;
      const calls = [
        () => secrets[method](Object.prototype),
        () => secrets[method](new Proxy({}, {})),
        () => secrets[method](Object.create(new Proxy({}, {}))),
        () => secrets[method](Object.create({ service, name: "name", value: "value" })),
        () => secrets[method]({ service, name: "name", value: undefined }),
        () => secrets[method](Object.assign([], { service, name: "name", value: "value" })),
      ];
      return Promise.all(
        withPollutedPrototype(makeOptions(service), () => calls.map((call) => attempt(call)))(context),
      );
    },
  ]),
  [
    "a bad persist on Object.prototype is not read",
    withPollutedPrototype({ persist: "nonsense" }, ({ secrets, attempt, service }) =>
      attempt(() => secrets.set({ service, name: "name", value: "value" })),
    ),
  ],
  [
    "arguments are read when the call is made",
    async ({ secrets, attempt, service }) => {
      const options = { service, name: "name", value: "before" };
      const set = attempt(() => secrets.set(options));
      Object.assign(options, { service: "elsewhere", value: "after" });
      return [await set, await attempt(() => secrets.get(service, "name"))];
    },
  ],
  [
    "detached methods, and methods with another this",
    async ({ secrets, attempt, service }) => {
      const { get, set } = secrets;
      return [
        await attempt(() => set(service, "name", "value")),
        await attempt(() => get(service, "name")),
        await attempt(() => get.call(null, service, "name")),
        await attempt(() => Reflect.apply(get, 5, [{ service, name: "name" }])),
      ];
    },
  ],
  [
    "fifty sets and gets at once",
    async ({ secrets, attempt, service }) => {
      const numbers = Array.from({ length: 50 }, (_, number) => number);
      return [
        await Promise.all(numbers.map((n) => attempt(() => secrets.set(service, `${n}`, `value ${n}`)))),
        await Promise.all(numbers.map((n) => attempt(() => secrets.get(service, `${n}`)))),
        await Promise.all(numbers.map((n) => attempt(() => secrets.delete({ service, name: `${n}` })))),
        await Promise.all(numbers.map((n) => attempt(() => secrets.get(service, `${n}`)))),
      ];
    },
  ],
  [
    "many sets of one name at once leave one of the values",
    async ({ secrets, attempt, service }) => {
      const values = Array.from({ length: 20 }, (_, number) => `value ${number}`);
      await Promise.all(values.map((value) => secrets.set(service, "name", value)));
      return [
        values.includes(await secrets.get(service, "name")),
        await attempt(() => secrets.delete({ service, name: "name" })),
        await attempt(() => secrets.delete({ service, name: "name" })),
      ];
    },
  ],
  [
    "a call's result is a Promise of its own",
    async ({ secrets, service }) => {
      const calls = [secrets.get(service, "n"), secrets.get(service, "n"), secrets.set(service, "n", "")];
      const kinds = calls.map((call) => [call instanceof Promise, Object.prototype.toString.call(call)]);
      await Promise.all(calls);
      return [kinds, calls[0] === calls[1]];
    },
  ],
  [
    "the shape of the secrets object",
    ({ secrets }) => {
      const shape = (name) => {
        const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(secrets, name);
        const own = Object.getOwnPropertyNames(value);
        return [
          name,
          writable,
          enumerable,
          configurable,
          value.name,
          value.length,
          own,
          "prototype" in value,
        ];
      };
      return [
        Object.getOwnPropertyNames(secrets).map(shape),
        Object.getOwnPropertySymbols(secrets).length,
        Object.getPrototypeOf(secrets) === Object.prototype,
        Object.prototype.toString.call(secrets),
        Object.isExtensible(secrets),
        Object.keys(secrets),
      ];
    },
  ],
];

module.exports = { misuse, use };
