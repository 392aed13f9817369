// The events of a connection of this page's own, until they are read.

import { Connection } from "./connection.js";
import { Queue } from "./queue.js";
import { warn } from "./stream.js";

/** How many events may wait to be read unless the option says otherwise. */
const CAPACITY = 1024;
/** How often it is told at most that events were dropped, in milliseconds. */
const TELL = 1000;

/**
 * @typedef {import("./stream.js").Parts} Parts
 * @typedef {import("./stream.js").Source} EventsSource
 * @typedef {import("./options.js").Plan} Plan
 */

/** @implements {EventsSource} */
export class Source {
  /** @type {Queue<Parts>} */ #queue;
  #connection;
  #plan;
  #tell;
  /** What is listened for, unless that is everything. @type {Set<string> | undefined} */ #names;
  #hasWarned = false;
  /** How many dropped events were told of. */
  #told = 0;
  #isTelling = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /**
   * @param {Plan} plan
   * @param {import("./connection.js").Dial} dial
   * @param {(signal: import("./index.js").Signal) => void} tell
   */
  constructor(plan, dial, tell) {
    this.#plan = plan;
    this.#tell = tell;
    this.#queue = new Queue(plan.capacity ?? CAPACITY);
    this.#names = plan.allEvents ? undefined : new Set(["message", ...plan.events]);
    this.#connection = new Connection(plan, dial, {
      event: (...parts) => this.#take(parts),
      signal: signal => {
        if (signal.type === "state" && signal.state.kind === "closed") this.#end();
        tell(signal);
      },
      // Over EventSource nobody waits, and tabs that share a connection don't wait for one another.
      room: () => (plan.shared ? undefined : this.#queue.room()),
    });
  }

  get state() {
    return this.#connection.state;
  }

  get lastEventId() {
    return this.#connection.lastEventId;
  }

  get dropped() {
    return this.#queue.dropped;
  }

  take() {
    return this.#queue.take();
  }

  next() {
    return this.#queue.next();
  }

  clear() {
    this.#queue.clear();
  }

  close() {
    this.#connection.close();
  }

  retryNow() {
    this.#connection.retryNow();
  }

  /** @param {Parts} parts */
  #take(parts) {
    const [name] = parts;
    if (this.#names && !this.#names.has(name)) {
      if (!this.#hasWarned) warn(this.#plan, `an event "${name}" has arrived that is not listened for: name it in the option events`);
      this.#hasWarned = true;
      return;
    }
    this.#queue.push(parts);
    if (this.dropped > this.#told && !this.#isTelling) this.#tellDropped();
  }

  /** At once, and then of all that follow within a second together. */
  #tellDropped() {
    const count = this.dropped - this.#told;
    this.#told = this.dropped;
    this.#isTelling = count > 0;
    if (!count) return;
    this.#tell({ type: "dropped", count });
    if (this.state.kind !== "closed") this.#timer = setTimeout(() => this.#tellDropped(), TELL);
  }

  #end() {
    clearTimeout(this.#timer);
    this.#queue.end();
    this.#tellDropped();
  }
}
