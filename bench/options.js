// The options of npm run bench.

const { resolve } = require("node:path");
const { parseArgs } = require("node:util");
const { fail } = require("../tools/process.js");
const operations = require("./operations.js");
const { addOther, kinds } = require("./participants.js");
const { services } = require("./services.js");

const USAGE = `npm run bench -- [options]
  --services a,b         services to measure, from ${Object.keys(services).join(", ")}
  --items a,b            numbers of items in the keyrings
  --implementations a,b  implementations to measure, from ${Object.keys(kinds).join(", ")}
  --only a,b             operations to measure, from ${Object.keys(operations).join(", ")}
  --rounds n             rounds per operation, 10 by default
  --seconds n            seconds per operation, 5 by default
  --quick                use a quarter of that time, and 10 items
  --other folder         also measure the copy of this package in another folder
  --no-build             use the addon that was built before
If OS_SECRETS_BENCH is set in the environment, the package in that folder is measured instead of this one.`;

/** Splits a list of words, each of which must be known. */
function splitWords(option, text, known) {
  const chosen = text.split(",");
  const unknown = chosen.filter((word) => !known.includes(word));
  if (unknown.length > 0) fail(`Unknown values for --${option}: ${unknown.join(", ")}.\n\n${USAGE}`);
  return chosen;
}

function parseNumber(option, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    fail(`--${option} takes whole numbers of at least 1.\n\n${USAGE}`);
  return value;
}

function parseOptions() {
  const text = { type: "string" };
  const flag = { type: "boolean", default: false };
  try {
    const { values } = parseArgs({
      options: {
        services: text,
        items: text,
        implementations: text,
        only: text,
        rounds: text,
        seconds: text,
        other: text,
        quick: flag,
        "no-build": flag,
      },
    });
    return values;
  } catch (error) {
    return fail(`${error.message}\n\n${USAGE}`);
  }
}

/** Reads the options of this run. */
function readOptions() {
  const options = parseOptions();
  const list = (option, all) => {
    const known = Object.keys(all);
    return options[option] === undefined ? known : splitWords(option, options[option], known);
  };
  const implementations = list("implementations", kinds);
  if (options.other) implementations.push(addOther(resolve(options.other)));
  const items = options.items?.split(",").map((text) => parseNumber("items", text));
  return {
    services: list("services", services),
    items: items ?? (options.quick ? [10] : undefined),
    implementations,
    operations: list("only", operations),
    rounds: parseNumber("rounds", options.rounds ?? "10"),
    seconds: parseNumber("seconds", options.seconds ?? "5") / (options.quick ? 4 : 1),
    measured: process.env.OS_SECRETS_BENCH,
    other: options.other,
    addon: !options["no-build"],
  };
}

module.exports = { readOptions };
