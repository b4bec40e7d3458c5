// npm run bench:mask [-- rounds]: measures what `secrets run --mask` costs per 100 MB of output, for a log and for base64,
// with up to a hundred secrets in the environment. Each text goes through two `cat` for comparison. The commands take
// turns, so that their times are comparable.

const { spawnSync } = require("node:child_process");
const { randomBytes } = require("node:crypto");
const { mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { targetDirectory } = require("../tools/build.js");
const { run } = require("../tools/process.js");
const { provide } = require("../tools/provision.js");
const { describeSystem } = require("./machine.js");
const { median } = require("./statistics.js");

const ROUNDS = 5;
const SIZE = 100e6;
const COUNTS = [1, 10, 100];

const texts = {
  "a log": (index) =>
    `2026-01-02T03:04:05.678Z INFO server: GET /api/v1/items/${index}?page=2 200 ${index % 97} ms "Mozilla/5.0"\n`,
  base64: () => `${randomBytes(57).toString("base64")}\n`,
};

function fill(line) {
  const buffer = Buffer.alloc(SIZE);
  let written = 0;
  for (let index = 0; written < SIZE; index += 1) written += buffer.write(line(index), written);
  return buffer;
}

/** Runs a shell's command to its end. Returns the seconds. */
function measure(command, env) {
  const start = performance.now();
  const { status, stderr } = spawnSync("sh", ["-c", `${command} >/dev/null`], { env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return (performance.now() - start) / 1000;
}

function main() {
  const rounds = Number(process.argv[2] ?? ROUNDS);
  provide("cargo modules");
  run("cargo", ["build", "--release", "--locked", "--bin", "secrets"]);
  const secrets = join(targetDirectory(), "release", "secrets");
  const home = mkdtempSync(join(tmpdir(), "os-secrets-bench-"));
  try {
    const env = { PATH: process.env.PATH, HOME: home, OS_SECRETS_PROVIDER: "file" };
    const values = Array.from({ length: Math.max(...COUNTS) }, (_, index) => [
      `secret${index}`,
      randomBytes(24).toString("base64"),
    ]);
    const input = JSON.stringify(Object.fromEntries(values));
    for (const [args, options] of [[["init"]], [["import", "-"], { input }]]) {
      const { status, stderr } = spawnSync(secrets, args, { env, encoding: "utf8", ...options });
      if (status !== 0) throw new Error(stderr);
    }
    const columns = ["two cat", ...COUNTS.map((count) => `${count} secrets`)];
    const rows = Object.entries(texts).map(([title, line], index) => {
      const file = join(home, `text${index}`);
      writeFileSync(file, fill(line));
      const commands = [
        [`cat ${file} | cat`, env],
        ...COUNTS.map((count) => {
          const references = values.slice(0, count).map(([name], index) => [`S${index}`, `secret:${name}`]);
          return [`'${secrets}' run -q --mask -- cat ${file}`, { ...env, ...Object.fromEntries(references) }];
        }),
      ];
      const times = commands.map(() => []);
      for (let round = 0; round < rounds; round += 1) {
        commands.forEach(([command, env], index) => void times[index].push(measure(command, env)));
      }
      return [title, ...times.map((all) => median(all).toFixed(2))];
    });
    const { processor, system } = describeSystem();
    console.log(`\n${processor}, ${system}; seconds for 100 MB, median of ${rounds} rounds\n`);
    console.log(`| text | ${columns.join(" | ")} |\n| --- | ${columns.map(() => "--:").join(" | ")} |`);
    for (const row of rows) console.log(`| ${row.join(" | ")} |`);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

main();
