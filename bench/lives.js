// Measures how long programs live that print a credential and end. They take turns, so that their times are comparable.

const { once } = require("node:events");
const { describeSystem } = require("./machine.js");
const { median, p99 } = require("./statistics.js");

/**
 * Runs a program until it ends: { command: [program, ...arguments], input, prints }. Returns the milliseconds. What it
 * prints must contain `prints`.
 */
async function measureLife(session, { command: [program, ...args], input = "", prints }) {
  const start = performance.now();
  const child = session.start(program, args, { cwd: session.directory });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    printed += text;
  });
  // A program may end without reading its input.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  await once(child, "exit");
  const lived = performance.now() - start;
  if (child.stdout.readable) await once(child.stdout, "close");
  if (!printed.includes(prints)) throw new Error(`${program} did not print the value`);
  return lived;
}

/** Measures programs by their titles, and prints a table that compares each with the one named `reference`. */
async function compareLives(session, programs, reference, rounds) {
  const all = Object.entries(programs);
  const lives = Object.fromEntries(all.map(([title]) => [title, []]));
  for (let round = -2; round < rounds; round++) {
    for (let turn = 0; turn < all.length; turn++) {
      const [title, program] = all[(turn + Math.max(round, 0)) % all.length];
      const lived = await measureLife(session, program);
      // The first rounds warm up.
      if (round >= 0) lives[title].push(lived);
    }
  }
  const { processor, system } = describeSystem();
  console.log(`\n${processor}, ${system}; ${rounds} rounds\n`);
  console.log(`| program | median, ms | 99th percentile | of ${reference} |\n| --- | --: | --: | --: |`);
  for (const [title, times] of Object.entries(lives)) {
    const ratio = (median(times) / median(lives[reference])).toFixed(2);
    const figures = [median(times), p99(times)].map((value) => value.toFixed(1));
    console.log(`| ${[title, ...figures, ratio].join(" | ")} |`);
  }
}

module.exports = { compareLives };
