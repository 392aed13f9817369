// The last events that a leader has sent.

import { order } from "./seen_ids.js";

/** @import { Delivery } from "./wire.js" */

/** A few seconds of a busy stream: enough for a tab that missed some events, or was just reloaded. */
const EVENTS = 512;

/** The length of all events together. A replay is one message of about this size. */
const SIZE = 512 * 1024;

/** The last events of a term, by their numbers. The oldest are dropped for new ones. */
export class ReplayBuffer {
  /**
   * At most `EVENTS` of at most `SIZE` in all. Their numbers are consecutive, from `floor + 1`.
   *
   * @type {Delivery[]}
   */
  #events = [];
  /** The last event ID as of `floor`. */
  #floorId;
  #size = 0;
  /** The number before the oldest event here. */
  floor = 0;

  /** @param {string} start the ID after which the stream resumes */
  constructor(start) {
    this.#floorId = start;
  }

  /** The number of the last event; 0 before the first. */
  get last() {
    return this.floor + this.#events.length;
  }

  /**
   * Adds the next event and returns its number.
   *
   * @param {Delivery} event
   */
  push(event) {
    this.#size += size(event);
    this.#events.push(event);
    while (this.#events.length > EVENTS || this.#size > SIZE) {
      const oldest = /** @type {Delivery} */ (this.#events.shift());
      this.#size -= size(oldest);
      this.floor += 1;
      this.#floorId = oldest.id || this.#floorId;
    }
    return this.last;
  }

  /**
   * The events after `number`, if all of them are here.
   *
   * @param {number} number
   */
  after(number) {
    if (number >= this.floor && number <= this.last) return this.#events.slice(number - this.floor);
  }

  /**
   * The highest number up to which a tab whose last ID is `id` has had everything, if all that follows is here. Also
   * returns whether the tab has had more than that, so that it may have had the next events.
   *
   * @param {string} id
   * @returns {[number, boolean] | undefined}
   */
  find(id) {
    for (let at = this.#events.length; at >= 0; at -= 1) {
      const by = order(at ? /** @type {Delivery} */ (this.#events[at - 1]).id : this.#floorId, id);
      if (by <= 0) return [this.floor + at, by < 0];
    }
  }
}

/** @param {Delivery} event */
function size({ name, data, id, origin }) {
  return name.length + data.length + id.length + origin.length;
}
