// The browser's own `EventSource`, which tells no status and sends no headers.

import { withLastEventId } from "./url.js";

/** The names of events that are listened for in any case. `open` and `error` are the browser's own, but may be a server's too. */
const OWN = ["open", "error", "message", "sse-cursor", "sse-gap", "sse-drain", "sse-end"];

/**
 * @param {import("./options.js").Plan} plan
 * @returns {import("./connection.js").Dial}
 */
export function byEventSource({ url, events, withCredentials }) {
  return (lastEventId, report) => {
    let start = lastEventId; // until the server sets an ID
    const source = new EventSource(lastEventId ? withLastEventId(url, lastEventId) : url, { withCredentials });
    for (const name of new Set([...OWN, ...events])) {
      source.addEventListener(name, event => {
        // The server's are message events, whatever their name.
        if ("data" in event) {
          if (event.lastEventId) start = "";
          report.event(name, event.data, event.lastEventId || start, event.origin);
        } else if (name === "open") report.head();
        else if (source.readyState === 2) report.refused({ type: "refused", status: null, problem: null, retryAfter: null });
        else if (source.readyState === 0) report.lost();
      });
    }
    return () => source.close();
  };
}
