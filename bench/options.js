// The options of npm run bench.

const { resolve } = require("node:path");
const { parseArgs } = require("node:util");
const { fail } = require("../tools/process.js");
const operations = require("./operations.js");
const { addOther, kinds } = require("./participants.js");
const { services } = require("./services.js");

const USAGE = `npm run bench -- [options]
  --services a,b         of ${Object.keys(services).join(", ")}
  --items a,b            how many items the keyrings hold
  --implementations a,b  of ${Object.keys(kinds).join(", ")}
  --only a,b             of ${Object.keys(operations).join(", ")}
  --rounds n             rounds of each operation, 10 by default
  --seconds n            time for each operation, 5 by default
  --quick                a quarter of that time, and 10 items
  --other folder         another folder with this package, to be measured beside this one
  --no-build             takes the addon as it was built
OS_SECRETS_BENCH in the environment names a folder with this package, to be measured instead of this one.`;

/** The words of a list, each of which must be known. */
function words(option, text, known) {
  const chosen = text.split(",");
  const unknown = chosen.filter((word) => !known.includes(word));
  if (unknown.length > 0) fail(`--${option} does not know ${unknown.join(", ")}.\n\n${USAGE}`);
  return chosen;
}

function number(option, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) fail(`--${option} wants whole numbers from 1.\n\n${USAGE}`);
  return value;
}

function parse() {
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

/** What this run is to do. */
function readOptions() {
  const options = parse();
  const list = (option, all) => {
    const known = Object.keys(all);
    return options[option] === undefined ? known : words(option, options[option], known);
  };
  const implementations = list("implementations", kinds);
  if (options.other) implementations.push(addOther(resolve(options.other)));
  const items = options.items?.split(",").map((text) => number("items", text));
  return {
    services: list("services", services),
    items: items ?? (options.quick ? [10] : undefined),
    implementations,
    operations: list("only", operations),
    rounds: number("rounds", options.rounds ?? "10"),
    seconds: number("seconds", options.seconds ?? "5") / (options.quick ? 4 : 1),
    measured: process.env.OS_SECRETS_BENCH,
    other: options.other,
    addon: !options["no-build"],
  };
}

module.exports = { readOptions };
