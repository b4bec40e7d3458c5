const sort = (values) => values.toSorted((a, b) => a - b);

function median(values) {
  const sorted = sort(values);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** Returns the smallest value that 99 of 100 values do not exceed. */
function p99(values) {
  return sort(values)[Math.ceil(values.length * 0.99) - 1];
}

module.exports = { median, p99 };
