const sortValues = (values) => values.toSorted((a, b) => a - b);

function median(values) {
  const sorted = sortValues(values);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** Returns the smallest value that 99 of 100 values do not exceed. */
function p99(values) {
  return sortValues(values)[Math.ceil(values.length * 0.99) - 1];
}

module.exports = { median, p99 };
