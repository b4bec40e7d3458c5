// Rounds: everybody takes part in each, so that what disturbs the machine disturbs all alike.

/** The first call is no measure of the others where it takes no longer than this, in milliseconds. */
const SHORT = 100;
/** How many calls are one. */
const SEVERAL = 10;

/** The numbers of calls for each round, where `total` are spread over them as evenly as can be. */
function spread(total, rounds) {
  const until = (round) => Math.floor((total * round) / rounds);
  return Array.from({ length: rounds }, (_, round) => until(round + 1) - until(round));
}

/** Makes an operation, to warm up: what it gave, and how many milliseconds one takes. */
async function warmUp(participant, operation) {
  const make = async (count) => {
    const start = performance.now();
    const values = await participant.run(operation, count);
    return { values, took: (performance.now() - start) / count };
  };
  const first = await make(1);
  return first.took < SHORT ? make(Math.min(SEVERAL, operation.most)) : first;
}

/**
 * Measures an operation: { id: { values } or { error } } of all participants. Each has an equal share of
 * `seconds`; who is too slow for even one more call has its first one counted.
 */
async function measure(operation, participants, { seconds, rounds }) {
  const able = participants.filter((participant) => participant.can(operation));
  const share = (seconds * 1000 * (operation.weight ?? 1)) / able.length;
  const results = {};
  const plans = [];
  for (const participant of able) {
    const { id } = participant;
    try {
      const { values, took } = await warmUp(participant, operation);
      const total = Math.min(Math.floor(share / took), operation.most);
      const counted = total === 0 || operation.most === 1;
      results[id] = { values: counted ? values : [] };
      if (!counted) plans.push({ participant, counts: spread(total, rounds) });
    } catch (error) {
      results[id] = { error: error.message };
    }
  }
  for (let round = 0; round < rounds; round++) {
    const turns = [...plans.slice(round % plans.length), ...plans.slice(0, round % plans.length)];
    for (const { participant, counts } of turns) {
      const result = results[participant.id];
      if (counts[round] === 0 || result.error) continue;
      try {
        result.values.push(...(await participant.run(operation, counts[round])));
      } catch (error) {
        result.error = error.message;
      }
    }
  }
  return results;
}

module.exports = { measure };
