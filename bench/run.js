// npm run bench [-- options]: measures os-secrets beside Bun.secrets, keytar, @napi-rs/keyring and the
// least that a program can do, on private buses. All take turns in one run, so that they are comparable;
// only ratios within a run are. The tables go to bench/results/. Unknown options print all there are.

const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { fail, isInstalled, root } = require("../tools/process.js");
const { prepare } = require("./build.js");
const { machine } = require("./machine.js");
const { readOptions } = require("./options.js");
const operations = require("./operations.js");
const { kinds, Participant } = require("./participants.js");
const { markdown } = require("./report.js");
const { measure } = require("./schedule.js");
const { services, startService } = require("./services.js");

const say = (text) => process.stderr.write(`${text}\n`);

/** Starts the processes of all that take part: those that are ready, and why others are not. */
async function startParticipants(session, items, { implementations }) {
  const ready = [];
  const failures = {};
  for (const id of implementations) {
    const participant = new Participant(session, id, items);
    try {
      if (participant.hasOwnItems) await participant.fill();
      // What a process does once is measured apart.
      await participant.run(operations.get, 1, 0);
      ready.push(participant);
    } catch (error) {
      say(`  ${kinds[id].title} is left out: ${error.message}`);
      failures[id] = error.message;
    }
  }
  return { ready, failures };
}

/** Measures everything that was chosen on one service with so many items. */
async function measureService(service, items, options) {
  say(`\n${service.title}, ${items} items`);
  const session = await startService(service, items);
  try {
    const { ready, failures } = await startParticipants(session, items, options);
    const results = {};
    for (const name of options.operations) {
      const operation = operations[name];
      if (items > (operation.mostItems ?? items)) continue;
      const start = performance.now();
      results[name] = await measure(operation, ready, options);
      say(`  ${operation.title} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    }
    return { service: service.title, items, results, failures };
  } finally {
    await session.stop();
  }
}

async function main() {
  const options = readOptions();
  prepare(options);
  const start = new Date();
  const measured = [];
  for (const name of options.services) {
    const service = services[name];
    if (!isInstalled(service.program)) {
      say(`\n${service.title} is left out: npm run test:services installs it.`);
      continue;
    }
    for (const items of options.items ?? service.items) {
      try {
        measured.push(await measureService(service, items, options));
      } catch (error) {
        // The others are measured all the same.
        say(`${service.title} with ${items} items is left out: ${error.message}`);
      }
    }
  }
  if (measured.length === 0) fail("There was nothing to measure.");

  const titles = Object.fromEntries(Object.entries(kinds).map(([id, { title }]) => [id, title]));
  const run = { start, machine: machine(), options, titles, measured };
  const folder = join(root, "bench", "results");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, start.toISOString().replace(/:|\..*/g, ""));
  writeFileSync(`${file}.json`, JSON.stringify(run));
  writeFileSync(`${file}.md`, markdown(run));
  console.log(markdown(run));
  say(`${file}.md, and .json with every measurement`);
}

main();
