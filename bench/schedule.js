// Measures in rounds. All participants take part in each round, so that other load on the machine affects all
// equally.

/** The measurements of one participant and one operation. */
class Turns {
  values = [];
  error;
  #used = 0;
  #participant;
  #operation;

  constructor(participant, operation) {
    this.id = participant.id;
    this.#participant = participant;
    this.#operation = operation;
  }

  /** Makes the operation at most `most` times, for `slice` milliseconds. Returns the times. */
  async #makeCalls(most, slice) {
    const start = performance.now();
    try {
      return await this.#participant.run(this.#operation, most, slice);
    } catch (error) {
      this.error = error.message;
      return [];
    } finally {
      this.#used += performance.now() - start;
    }
  }

  /** Makes the operation once. The time counts only if it uses the participant's whole share. */
  async warmUp(share) {
    const values = await this.#makeCalls(1, 0);
    if (this.#used >= share || this.#operation.most === 1) this.values = values;
    else this.#used = 0;
  }

  /** Makes the operation until `due` milliseconds were used in all rounds, but at most `most` times. */
  async take(most, due) {
    const left = due - this.#used;
    if (this.error || left <= 0 || this.values.length >= this.#operation.most) return;
    this.values.push(...(await this.#makeCalls(most, left)));
  }
}

/**
 * Measures an operation. All participants that support it share the time equally: { id: { values, error } }.
 */
async function measureOperation(operation, participants, { seconds, rounds }) {
  const able = participants.filter((participant) => participant.can(operation));
  const share = (seconds * 1000 * (operation.weight ?? 1)) / able.length;
  const turns = able.map((participant) => new Turns(participant, operation));
  for (const each of turns) await each.warmUp(share);
  for (let round = 0; round < rounds; round++) {
    const first = round % turns.length;
    for (const each of [...turns.slice(first), ...turns.slice(0, first)]) {
      await each.take(Math.ceil(operation.most / rounds), (share * (round + 1)) / rounds);
    }
  }
  return Object.fromEntries(turns.map(({ id, values, error }) => [id, { values, error }]));
}

module.exports = { measureOperation };
