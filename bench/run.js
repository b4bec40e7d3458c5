// npm run bench [-- options]: compares os-secrets with Bun.secrets, keytar, @napi-rs/keyring and a minimal
// program (the floor) on private buses. All of them take turns in one run. Only ratios within a run are
// comparable. The tables are written to bench/results/. An unknown option prints all options.

const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { fail, isInstalled, root } = require("../tools/process.js");
const { prepareBench } = require("./build.js");
const { describeMachine } = require("./machine.js");
const { readOptions } = require("./options.js");
const operations = require("./operations.js");
const { kinds, Participant } = require("./participants.js");
const { formatReport } = require("./report.js");
const { measureOperation } = require("./schedule.js");
const { services, startService } = require("./services.js");

const printProgress = (text) => process.stderr.write(`${text}\n`);

/** Starts the processes of all participants. Returns those that are ready, and the errors of the others. */
async function startParticipants(session, items, { implementations }) {
  const ready = [];
  const failures = {};
  for (const id of implementations) {
    const participant = new Participant(session, id, items);
    try {
      if (participant.hasOwnItems) await participant.fill();
      // The first call of a process is measured separately.
      await participant.run(operations.get, 1, 0);
      ready.push(participant);
    } catch (error) {
      printProgress(`  ${kinds[id].title} is left out: ${error.message}`);
      failures[id] = error.message;
    }
  }
  return { ready, failures };
}

/** Measures all chosen operations on one service with a number of items. */
async function measureService(service, items, options) {
  printProgress(`\n${service.title}, ${items} items`);
  const session = await startService(service, items);
  try {
    const { ready, failures } = await startParticipants(session, items, options);
    const results = {};
    for (const name of options.operations) {
      const operation = operations[name];
      if (items > (operation.mostItems ?? items)) continue;
      const start = performance.now();
      results[name] = await measureOperation(operation, ready, options);
      printProgress(`  ${operation.title} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    }
    return { service: service.title, items, results, failures };
  } finally {
    await session.stop();
  }
}

async function main() {
  const options = readOptions();
  prepareBench(options);
  const start = new Date();
  const measured = [];
  for (const name of options.services) {
    const service = services[name];
    if (!isInstalled(service.program)) {
      printProgress(
        `\n${service.title} is left out because it is not installed. Run npm run test:services to install it.`,
      );
      continue;
    }
    for (const items of options.items ?? service.items) {
      try {
        measured.push(await measureService(service, items, options));
      } catch (error) {
        // The other services are still measured.
        printProgress(`${service.title} with ${items} items is left out: ${error.message}`);
      }
    }
  }
  if (measured.length === 0) fail("No service could be measured.");

  const titles = Object.fromEntries(Object.entries(kinds).map(([id, { title }]) => [id, title]));
  const run = { start, machine: describeMachine(), options, titles, measured };
  const folder = join(root, "bench", "results");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, start.toISOString().replace(/:|\..*/g, ""));
  writeFileSync(`${file}.json`, JSON.stringify(run));
  writeFileSync(`${file}.md`, formatReport(run));
  console.log(formatReport(run));
  printProgress(`The tables are in ${file}.md, and all measurements in ${file}.json`);
}

main();
