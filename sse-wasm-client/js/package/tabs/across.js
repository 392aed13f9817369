// A connection that tabs share, in place of one of this tab's own.
//
//     const connectAcrossTabs = acrossTabs(connect, url, options);
//     const connection = connectAcrossTabs(lastEventId, { event, state, aside });
//     connection.close();
//
// `connect(lastEventId, handlers)` opens the real connection, in the tab that leads. It resumes after `lastEventId`, or
// begins with what comes from now on if that is empty, and reconnects by itself until it is closed. It reports to the
// handlers, but not before it has returned, and nothing after `close()`:
//
// - `event({ name, data, id, origin })`: each event of the server, also those that nobody listens for and the hub's own.
//   `id` is the last event ID as of the event, and so not empty once the connection has resumed after one.
// - `state(state)`, `aside(refused | tooLong)`: as in index.d.ts. `until` is a time of `performance.now()`.
//
// `checkDeadlines()` makes it act on deadlines that have passed: its own timers may be late.
//
// `url` is absolute, and `options` are those of options.js, which name what tabs share (shared_name.js).
//
// What `acrossTabs` returns is used like `connect` and reports in the same way, but only what the tabs listen for and
// the hub's own. It may report before it has returned: where there are no locks, what `connect` does then. Each tab has
// every event once. States are those of the shared connection, or `paused` while the page is frozen. When the state is
// closed the stream is closed for all tabs, and this one has left; it is to be closed all the same. When the page is
// hidden or stored, close it, and connect again after the last event ID.

import { join } from "./membership.js";
import { eventNames, sharedName } from "./shared_name.js";
import { CURSOR, DRAIN, END, GAP } from "./tab_state.js";
import { BEAT } from "./wire.js";

/** @import { State } from "../index.js" */
/** @import { SharedOptions } from "./shared_name.js" */
/** @import { Aside, Delivery } from "./wire.js" */

/**
 * @typedef {object} Handlers
 * @property {(event: Delivery) => void} event
 * @property {(state: State) => void} state
 * @property {(aside: Aside) => void} aside
 */

/** @typedef {{ close(): void, checkDeadlines(): void }} Connection */

/** @typedef {(lastEventId: string, handlers: Handlers) => Connection} Connect */

/**
 * @param {Connect} connect
 * @param {string} url
 * @param {SharedOptions} options
 * @returns {Connect}
 */
export function acrossTabs(connect, url, options) {
  const name = sharedName(url, options);
  const names = eventNames(options);
  /** @type {Connect} */
  const connectForTabs = (id, { event, state, aside }) => connect(id, { event: filter(names, event), state, aside });
  /** @type {Connect} */
  const joinTabs = (id, handlers) => join(name, connectForTabs, id, handlers);
  const hasSince = new URL(url).searchParams.has("since");
  return (id, handlers) => id || !hasSince ? joinTabs(id, handlers) : probe(connect, joinTabs, names, handlers);
}

/** @param {string} name */
function isHubs(name) {
  return [CURSOR, GAP, DRAIN, END].includes(name);
}

/**
 * Passes on the events that the tabs listen for.
 *
 * A hub tells its position only when it has nothing else to send. Events that the tabs don't listen for are not passed
 * on, so after many of these a tab that takes over would request them all again. Now and then the tabs are told the
 * position, by a cursor.
 *
 * @param {string[]} names
 * @param {(event: Delivery) => void} take
 * @returns {(event: Delivery) => void}
 */
function filter(names, take) {
  let toldAt = NaN; // while the server is not known to be a hub
  return event => {
    const now = performance.now();
    const isOwn = isHubs(event.name);
    const isWanted = isOwn || names.includes(event.name);
    const isDue = now >= toldAt + BEAT;
    if (isOwn || isDue || (isWanted && toldAt >= 0)) toldAt = now;
    if (isWanted) take(event);
    else if (isDue) take({ ...event, name: CURSOR, data: "" });
  };
}

/**
 * Finds the position at which a `since` begins. The other tabs are past it, and the leader remembers only the last
 * events; so a tab that joins asks the hub by a connection of its own, and joins at that position. A server that is no
 * hub does not tell positions, so with one the tab keeps its own connection.
 *
 * @param {Connect} connect
 * @param {Connect} joinTabs
 * @param {string[]} names
 * @param {Handlers} handlers
 * @returns {Connection}
 */
function probe(connect, joinTabs, names, handlers) {
  let isAsking = true; // nothing has arrived yet, and the first event will tell whether the server is a hub
  let isOver = false; // its own connection
  const own = connect("", {
    event(event) {
      if (isOver) return;
      const { name, id } = event;
      const hubs = isHubs(name);
      if (!hubs && isAsking) {
        isAsking = false;
        handlers.state({ kind: "open" });
      }
      if (hubs || names.includes(name)) handlers.event(event); // the program is told of a gap, and resumes after either
      if (isAsking && !isOver && [CURSOR, GAP].includes(name) && id) {
        isOver = true;
        own.close();
        current = joinTabs(id, handlers);
      }
    },
    state(state) {
      if (!isOver && !(isAsking && state.kind === "open")) handlers.state(state); // open once it has joined
    },
    aside(aside) {
      if (!isOver) handlers.aside(aside);
    },
  });
  let current = own;
  return {
    close() {
      isOver = true;
      current.close();
    },
    checkDeadlines: () => current.checkDeadlines(),
  };
}
