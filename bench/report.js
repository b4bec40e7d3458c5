// The tables of a run, in Markdown.

const operations = require("./operations.js");
const { median, p99 } = require("./statistics.js");

const OURS = "ours-node";
const REFERENCE = "bun";
const FLOOR = "floor";

/** The targets: the maximum ratios of our time under Node to Bun's and to the floor's. */
const targets = {
  get: { bun: 0.6, floor: 1.25 },
  missing: { bun: 0.8 },
  new: { bun: 1 },
  "new-after-miss": { bun: 0.9 },
  replace: { bun: 0.6 },
  delete: { bun: 0.85 },
  "gets-100": { bun: 0.3, floor: 0.9 },
  "gets-1000": { bun: 0.15, floor: 0.8 },
  first: { bun: 0.55 },
  "gap-1000": { bun: 1.5 },
};

function formatRow(cells) {
  return `| ${cells.join(" | ")} |`;
}

function formatTable(head, rows) {
  return [
    formatRow(head),
    formatRow(head.map((_, column) => (column === 0 ? "---" : "--:"))),
    ...rows.map(formatRow),
  ].join("\n");
}

function formatFigure(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function hasValues(result) {
  return result?.values?.length > 0 && !result.error;
}

/** Returns the ratio of one result's median to another's. */
function computeRatio(result, reference) {
  if (!hasValues(result) || !hasValues(reference)) return undefined;
  return median(result.values) / median(reference.values);
}

function medianCell(results, id) {
  const result = results[id];
  if (result?.error) return "failed";
  if (!hasValues(result)) return "";
  const part = id === REFERENCE ? undefined : computeRatio(result, results[REFERENCE]);
  return `${formatFigure(median(result.values))}${part === undefined ? "" : ` (${part.toFixed(2)})`}`;
}

function tailCell(results, id) {
  const result = results[id];
  return hasValues(result) ? `${formatFigure(p99(result.values))} of ${result.values.length}` : "";
}

const firstLine = (text) => text.split("\n")[0];

/** Returns the title of a service with a number of items. */
function formatSetting({ service, items }) {
  return `${service}, ${items.toLocaleString("en")} items`;
}

function formatDetails({ titles }, measured) {
  const { results, failures } = measured;
  const ids = Object.keys(titles).filter((id) => Object.values(results).some((result) => result[id]));
  const rows = (cell) =>
    Object.entries(results).map(([name, result]) => [
      operations[name].title,
      ...ids.map((id) => cell(result, id)),
    ]);
  const inPart = Object.entries(results).flatMap(([name, result]) =>
    ids
      .filter((id) => result[id]?.error)
      .map((id) => `- ${titles[id]}, ${operations[name].title}: ${firstLine(result[id].error)}`),
  );
  const altogether = Object.entries(failures).map(([id, error]) => `- ${titles[id]}: ${firstLine(error)}`);
  const failed = [...altogether, ...inPart];
  const head = ids.map((id) => titles[id]);
  return [
    `## ${formatSetting(measured)}`,
    "Medians in ms. Their ratios to Bun's are in brackets:",
    formatTable(["operation", ...head], rows(medianCell)),
    "99th percentiles in ms, and the number of measurements:",
    formatTable(["operation", ...head], rows(tailCell)),
    ...(failed.length > 0 ? ["Failures:", failed.join("\n")] : []),
  ].join("\n\n");
}

/**
 * Makes a table with one column per setting: the ratio of one to another, in bold if it misses its target.
 */
function formatSummary({ measured }, title, of, to, targetOf) {
  const rows = Object.entries(targets).map(([name, target]) => {
    const aim = targetOf(target);
    const cells = measured.map(({ results }) => {
      const part = computeRatio(results[name]?.[of], results[name]?.[to]);
      if (part === undefined) return "";
      return aim !== undefined && part > aim ? `**${part.toFixed(2)}**` : part.toFixed(2);
    });
    return [operations[name].title, aim === undefined ? "" : `≤ ${aim}`, ...cells];
  });
  const measuredRows = rows.filter(([, , ...cells]) => cells.some((cell) => cell !== ""));
  if (measuredRows.length === 0) return [];
  return [`### ${title}`, formatTable(["operation", "target", ...measured.map(formatSetting)], measuredRows)];
}

/** Makes the whole report. */
function formatReport(run) {
  const { start, machine, options } = run;
  const versions = Object.entries(machine.versions).filter(([, version]) => version !== undefined);
  const elsewhere = [
    ["Ours", options.measured],
    ["Other", options.other],
  ].flatMap(([who, folder]) => (folder ? [`${who} is the package in ${folder}.`] : []));
  return [
    `# Measured on ${start.toISOString().slice(0, 16).replace("T", " ")} UTC`,
    `${machine.processor}, ${machine.memory}, ${machine.kernel}, ${machine.system}; ` +
      `${versions.map(([name, version]) => `${name} ${version}`).join(", ")}. ` +
      `${options.rounds} rounds, ${options.seconds} s per operation.`,
    ...elsewhere,
    "## Targets",
    "Ratios of medians. A ratio that misses its target is bold.",
    ...formatSummary(run, "ours under Node / Bun", OURS, REFERENCE, ({ bun }) => bun),
    ...formatSummary(run, "ours under Bun / Bun", "ours-bun", REFERENCE, ({ bun }) => bun),
    ...formatSummary(run, "ours under Node / floor", OURS, FLOOR, ({ floor }) => floor),
    ...formatSummary(run, "other under Node / ours under Node", "other-node", OURS, () => undefined),
    ...run.measured.map((measured) => formatDetails(run, measured)),
    "",
  ].join("\n\n");
}

module.exports = { formatReport };
