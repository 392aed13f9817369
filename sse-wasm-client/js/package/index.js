// Server-sent events that stay connected, for browsers, workers and Node. No dependencies and no build step: these are the modules
// that run.

import { byEventSource } from "./event_source.js";
import { byFetch } from "./fetch.js";
import { planOf } from "./options.js";
import { byTabs } from "./shared.js";
import { Source } from "./source.js";
import { EventStream as Base, MADE_HERE } from "./stream.js";

/** A connection to a stream of events that stays connected, and an async iterator of the events. */
export class EventStream extends Base {
  /**
   * @param {string | URL} url
   * @param {any} [options]
   * @returns {any}
   */
  static connect(url, options) {
    const plan = planOf(url, options);
    const own = plan.fetch ? byFetch(plan, plan.fetch) : byEventSource(plan);
    const dial = plan.shared ? byTabs(plan, own) : own;
    plan.signal?.throwIfAborted();
    return new EventStream(MADE_HERE, plan, (plan, tell) => new Source(plan, dial, tell));
  }
}

/** Resolves at once: there is nothing to load. For who has the WebAssembly build, which has the same interface. */
export default async function init() {}
