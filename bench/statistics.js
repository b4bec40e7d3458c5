// What many measurements come to.

/** The smallest measured value that this part of all do not exceed. */
function quantile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)];
}

const median = (values) => quantile(values, 0.5);
const p99 = (values) => quantile(values, 0.99);

module.exports = { median, p99 };
