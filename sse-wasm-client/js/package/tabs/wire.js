// What tabs send each other. The WebAssembly client sends the same, and both share one stream.

/** @import { Refused, State, TooLong } from "../index.js" */

/**
 * An event as it arrived.
 *
 * @typedef {{ readonly name: string, readonly data: string, readonly id: string, readonly origin: string }} Delivery
 */

/**
 * What a connection reports besides events and states. A tab that joins later is not told of it.
 *
 * @typedef {Refused | TooLong} Aside
 */

/**
 * The time of one leader with one stream: a number, and the tab. Terms are ordered by number, and those of one number
 * by the tab.
 *
 * @typedef {readonly [number, number]} Term
 */

/**
 * A tab's position: the ID of the last event that it has had; its number in the term, if known; and whether it has had
 * nothing, and wants only what comes from now on.
 *
 * @typedef {{ id: string, number: number | null, fresh: boolean }} Here
 */

/**
 * What a notice says, which is one of these:
 *
 * - `call`: I am about to lead: what are your positions?
 * - `here`: This is my position, and I wait for what follows.
 * - `begin`: My term begins, with number 0 after `start`. `was` is the term before and my number in it, if my position
 *   was just there.
 * - `event`: An event of the stream, with its number in the term.
 * - `beat`: I run. `number` is that of the last event, and `state` that of the stream.
 * - `aside`: Something besides events and states.
 * - `replay`: For the tab `to`, which told the position `id`: all events after the number `after`. `ahead` tells whether
 *   the tab may have had the next events, and is null if it asked by its number, which is all that counts then; `lost`
 *   whether events between its position and the number are lost to it. `had` are IDs that lie before, so that the tab
 *   recognizes them.
 *
 * @typedef {object} Says
 * @property {{}} [call]
 * @property {Here} [here]
 * @property {{ start: string, was: readonly [Term, number] | null }} [begin]
 * @property {{ number: number, event: Delivery }} [event]
 * @property {{ number: number, state: State }} [beat]
 * @property {Aside} [aside]
 * @property {Replay} [replay]
 */

/**
 * @typedef {{ to: number, id: string, after: number, ahead: boolean | null, lost: boolean, had: string[],
 *   events: Delivery[] }} Replay
 */

/**
 * Something that a tab sends to all others: the sender; the latest term that it knows, its own if it sends this as the
 * leader; and what it says.
 *
 * @typedef {{ from: number, term: Term, says: Says }} Notice
 */

/**
 * How long a leader is silent at most, and how long a follower waits before it asks whether there still is one, in
 * milliseconds.
 */
export const BEAT = 3000;

/**
 * @param {State} one
 * @param {State} other
 */
export function isSame(one, other) {
  return ["kind", "why", "status", "attempt", "until"].every(
    name => /** @type {any} */ (one)[name] === /** @type {any} */ (other)[name],
  );
}

/**
 * The notice as text. Each page has an origin of time of its own, so times are sent relative to `now`.
 *
 * @param {Notice} notice
 * @param {number} now
 */
export function encode(notice, now) {
  // The WebAssembly client reads whole numbers.
  return JSON.stringify(moved(notice, -now), (_, value) => typeof value === "number" ? Math.floor(value) : value);
}

/**
 * Reads a notice; undefined if `text` is anything else.
 *
 * @param {unknown} text
 * @param {number} now
 */
export function decode(text, now) {
  try {
    const { from, term, says } = JSON.parse(/** @type {string} */ (text));
    // What tabs of the same version say is not checked further.
    if ([from, term[0], term[1]].every(Number.isSafeInteger) && typeof says === "object") {
      return moved({ from, term, says }, now);
    }
  } catch {
    // not sent by a tab
  }
}

/**
 * The notice, with its time moved.
 *
 * @param {Notice} notice
 * @param {number} by
 * @returns {Notice}
 */
function moved(notice, by) {
  const { beat } = notice.says;
  if (beat?.state.kind !== "waiting") return notice;
  const state = { ...beat.state, until: Math.max(0, beat.state.until + by) };
  return { ...notice, says: { beat: { ...beat, state } } };
}
