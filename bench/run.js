// npm run bench [-- options]: measures os-secrets beside Bun.secrets, keytar, @napi-rs/keyring and the
// least that a program can do, on private buses. All take turns in one run, so that they are comparable;
// only ratios within a run are. The tables go to bench/results/. Unknown options print all there are.

const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { fail, isInstalled, root } = require("../scripts/tools.js");
const { prepare } = require("./build.js");
const { readOptions } = require("./options.js");
const operations = require("./operations.js");
const { kinds, otherOurs, Participant } = require("./participants.js");
const { markdown } = require("./report.js");
const { measure } = require("./schedule.js");
const services = require("./services.js");
const { machine } = require("./machine.js");

const say = (text) => process.stderr.write(`${text}\n`);

/** Measures everything that was chosen on one service with so many items. */
async function measureService(name, items, options) {
  const service = services[name];
  say(`\n${service.title}, ${items} items`);
  const { session, filled } = await service.start(items);
  try {
    const chosen = Object.entries(kinds).filter(([id]) => options.implementations.includes(id));
    if (options.other) chosen.push(["other-node", otherOurs(options.other)]);
    const participants = chosen.map(([id, kind]) => new Participant(session, id, kind, items));
    const failures = {};
    for (const participant of participants) {
      await participant.prepare({ filled }).catch((error) => {
        failures[participant.id] = error.message;
      });
    }
    const ready = participants.filter(({ id }) => !failures[id]);
    const results = {};
    for (const id of options.operations) {
      const start = performance.now();
      results[id] = await measure(operations[id], ready, options);
      for (const [failed, error] of Object.entries(failures)) results[id][failed] = { error };
      say(`  ${operations[id].title} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    }
    return { service: service.title, items, results };
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
      measured.push(await measureService(name, items, options));
    }
  }
  if (measured.length === 0) fail("There was nothing to measure.");

  const titles = Object.fromEntries(Object.entries(kinds).map(([id, { title }]) => [id, title]));
  if (options.other) titles["other-node"] = otherOurs(options.other).title;
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
