// The operations to measure: `title` in the tables, the name that clients know (`tells`), the number of calls
// at once (`size`), and the maximum number of repetitions (`most`). `weight` is the share of the time, 1 by
// default. An operation does not run on keyrings with more than `mostItems` items, because it would take too
// long.

module.exports = {
  get: { title: "get, one after another", tells: "get", most: 400 },
  missing: { title: "get of what is missing", tells: "missing", most: 400 },
  new: { title: "set, new", tells: "new", most: 100 },
  "new-after-miss": { title: "set, new, after a get", tells: "new-after-miss", most: 100 },
  replace: { title: "set, replacing", tells: "replace", most: 100 },
  "set-secret": { title: "set, replacing by search and SetSecret", tells: "set-secret", most: 100 },
  delete: { title: "delete", tells: "delete", most: 100 },
  "gets-100": { title: "100 gets at once", tells: "gets", size: 100, most: 50 },
  "gets-1000": { title: "1,000 gets at once", tells: "gets", size: 1000, most: 20, weight: 2 },
  "sets-100": { title: "100 sets at once", tells: "sets", size: 100, most: 10, mostItems: 1000 },
  "gap-100": { title: "event-loop gap, 100 gets at once", tells: "gap", size: 100, most: 30 },
  "gap-1000": { title: "event-loop gap, 1,000 gets at once", tells: "gap", size: 1000, most: 20, weight: 3 },
  cpu: { title: "client's processor time for a get", tells: "cpu", most: 40 },
  first: { title: "load and first get, in the process", tells: "first", most: 30 },
  cold: { title: "process with one get, beyond the bare runtime", tells: "cold", most: 30, weight: 2 },
  memory: { title: "memory (RSS) after all of this, MiB", tells: "memory", most: 1 },
};
