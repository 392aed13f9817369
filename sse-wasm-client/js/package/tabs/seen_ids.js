// The IDs of the events that a tab has had.

/**
 * How many IDs that do not compare are remembered: twice what a replay buffer holds, so that what a leader replays is
 * recognized. Those of one epoch count as one.
 */
const IDS = 1024;

/** A position of a hub: 12 digits of an epoch, and 11 of a place in it. */
const POSITION = /^[0-9a-v]{12}-[0-9a-v]{11}$/;

/**
 * How two IDs compare, as for sorting: any two that are equal, and positions of a hub within one epoch. NaN for others.
 *
 * @param {string} one
 * @param {string} other
 */
export function order(one, other) {
  if (one === other) return 0;
  const compare = POSITION.test(one) && POSITION.test(other) && one.slice(0, 12) === other.slice(0, 12);
  return compare ? (one < other ? -1 : 1) : NaN;
}

/**
 * The IDs that a tab has had, the last one last.
 *
 * IDs of a hub compare within an epoch, so the last of each epoch stands for all before it. Other IDs are remembered
 * one by one, and recognized if they are among the last 1,024.
 */
export class SeenIds {
  /**
   * At most `IDS`, none of them empty. Of neighbours that compare only the later is here.
   *
   * @type {string[]}
   */
  #ids = [];

  /** @param {string} start the ID to begin after; empty for none */
  constructor(start) {
    this.push(start);
  }

  /** The last ID; empty if there was none. */
  get last() {
    return this.#ids[this.#ids.length - 1] ?? "";
  }

  /**
   * The IDs up to `id`, which is included; none if it is not here.
   *
   * @param {string} id
   */
  through(id) {
    return this.#ids.slice(0, this.#find(id) + 1);
  }

  /**
   * Adds IDs that lie before those that are here.
   *
   * @param {string[]} before
   */
  recall(before) {
    const own = this.#ids;
    this.#ids = [];
    for (const id of [...before.filter(id => !own.includes(id)), ...own]) this.push(id);
  }

  /**
   * Adds the ID of an event that the program gets. An empty one leaves the position as it was.
   *
   * @param {string} id
   */
  push(id) {
    if (!id) return;
    if (order(id, this.last) >= 0) this.#ids.pop();
    if (this.#ids.length === IDS) this.#ids.shift();
    this.#ids.push(id);
  }

  /**
   * Where `id` lies, relative to the last one: negative if it has been had, and others since; 0 if it is the last one;
   * positive if it is yet to come. NaN if it is of another epoch than any seen ID, or does not compare and is not
   * remembered.
   *
   * @param {string} id
   */
  relation(id) {
    const relation = order(id, this.last); // of two that are empty nothing tells them apart
    return Number.isNaN(relation) && this.#find(id) >= 0 ? -1 : relation;
  }

  /**
   * Returns true if `one` is known to lie before `other`. An ID that is not here lies nowhere.
   *
   * @param {string} one
   * @param {string} other
   */
  isBefore(one, other) {
    const by = order(one, other);
    const at = this.#find(one);
    return Number.isNaN(by) ? at >= 0 && at < this.#find(other) : by < 0;
  }

  /**
   * The index of the entry that stands for this ID; -1 if there is none.
   *
   * @param {string} id
   */
  #find(id) {
    let at = this.#ids.length - 1;
    while (at >= 0 && Number.isNaN(order(id, /** @type {string} */ (this.#ids[at])))) at -= 1;
    return at;
  }
}
