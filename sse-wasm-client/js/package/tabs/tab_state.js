// What a tab keeps in every role: what it has had, the state of the stream, and its outputs.

import { SeenIds } from "./seen_ids.js";
import { isSame } from "./wire.js";

/** @import { State } from "../index.js" */
/** @import { Aside, Delivery, Notice, Says, Term } from "./wire.js" */

/**
 * What a tab asks its driver to do:
 *
 * - `request`: Queue for the lock. This ends an earlier request.
 * - `steal`: Take the lock from its holder. This ends an earlier request.
 * - `release`: Release the lock, or leave the queue for it.
 * - `post`: Send this to all other tabs.
 * - `connect`: Open the stream after this ID; empty for none.
 * - `disconnect`: Close the stream. Nothing more of it is to be handed in.
 * - `checkDeadlines`: Have the stream check its deadlines, since its own timers may be late.
 * - `event`: Hand this event to the program. It may be one of the hub's own.
 * - `state`: Tell the program the state of the stream.
 * - `aside`: Tell the program something else about the stream.
 *
 * @typedef {[kind: "request" | "steal" | "release" | "disconnect" | "checkDeadlines"]
 *   | [kind: "post", notice: Notice]
 *   | [kind: "connect", lastEventId: string]
 *   | [kind: "event", event: Delivery]
 *   | [kind: "state", state: State]
 *   | [kind: "aside", aside: Aside]} Output
 */

// The hub's own events.
export const CURSOR = "sse-cursor";
export const GAP = "sse-gap";
export const DRAIN = "sse-drain";
export const END = "sse-end";

export class TabState {
  /**
   * The latest known term.
   *
   * @type {Term}
   */
  term = [0, 0];
  /** The term's stream began before this tab's position, so the program may have had the next events. */
  ahead = false;
  /** The program has had nothing, and wants only what comes from now on. */
  fresh;
  /** Another tab has been heard. */
  hasCompany = false;
  /** The IDs of the events that the program has had. */
  seen;
  /** @type {State} */
  streamState = { kind: "connecting" };
  /**
   * Emptied by the driver after each input.
   *
   * @type {Output[]}
   */
  outputs = [];

  /**
   * @param {number} id the number of this tab
   * @param {string} start
   */
  constructor(id, start) {
    this.id = id;
    this.fresh = !start;
    this.seen = new SeenIds(start);
  }

  /**
   * Hands an event of the stream to the program, unless that has had it. After the end of all topics the stream is
   * closed for this tab, which has had everything.
   *
   * @param {Delivery} event
   */
  take(event) {
    this.#pass(event);
    if (event.name === END) this.enter({ kind: "closed", why: "ended" });
  }

  /** @param {Delivery} event */
  #pass(event) {
    const isDrain = event.name === DRAIN;
    let isSeen = isDrain && !event.id; // a refusal, which has no position
    if (!isSeen && this.ahead) {
      const relation = this.seen.relation(event.id);
      // After a gap, and with IDs that do not compare, events that were seen may still follow.
      this.ahead = !(relation >= 0);
      isSeen = relation <= 0;
    }
    if (!isSeen) {
      this.fresh = false;
      this.seen.push(event.id);
      this.output("event", event);
    } else if (isDrain || event.name === END) {
      // The end of the stream concerns this tab wherever it is.
      this.output("event", { ...event, id: this.seen.last });
    }
  }

  /** Tells the program its position by a cursor, as a hub does when a stream begins. */
  tellPosition() {
    this.output("event", { name: CURSOR, data: "", id: this.seen.last, origin: "" });
  }

  /**
   * Tells the program that events are missing between what it has had and `first`.
   *
   * @param {Delivery | undefined} first
   */
  tellGap(first) {
    const id = this.seen.last;
    const data = JSON.stringify({ reason: "lagged", requested: id, first: first?.id || null });
    this.output("event", { name: GAP, data, id, origin: first?.origin ?? "" });
  }

  /**
   * Takes over a state of the stream, and tells the program if it is another one.
   *
   * @param {State} state
   */
  enter(state) {
    if (!isSame(this.streamState, state)) {
      this.streamState = state;
      this.output("state", state);
    }
  }

  /**
   * Sends a notice to all other tabs.
   *
   * @param {Says} says
   */
  say(says) {
    this.output("post", { from: this.id, term: this.term, says });
  }

  /** @param {Output} output */
  output(...output) {
    this.outputs.push(output);
  }
}
