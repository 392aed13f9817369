// The same client as a WebAssembly module, written in Rust.

import start, { connect } from "./sse_wasm_client.js";
import { byFetch } from "../fetch.js";
import { planOf } from "../options.js";
import { report } from "../report.js";
import { EventStream as Base, MADE_HERE } from "../stream.js";

/** @type {Promise<void> | undefined} */
let starting;

/**
 * Loads the WebAssembly module, once. `connect` does so by itself; this is for who has to say where the module is.
 *
 * @param {any} [module]
 * @returns {Promise<void>}
 */
export default function init(module) {
  starting ??= start(module === undefined ? undefined : { module_or_path: module }).then(
    () => {},
    (/** @type {unknown} */ error) => {
      starting = undefined; // a later call tries again
      throw error;
    },
  );
  return /** @type {Promise<void>} */ (starting);
}

/** A connection to a stream of events that stays connected, and an async iterator of the events. */
export class EventStream extends Base {
  /**
   * @param {string | URL} url
   * @param {any} [options]
   * @returns {any}
   */
  static connect(url, options) {
    const plan = planOf(url, options);
    if (plan.allEvents) throw new TypeError('option events can\'t be "all": the build in Rust has to know the names');
    if (plan.fetch) byFetch(plan, plan.fetch); // for what it throws, which is thrown before the module is loaded
    plan.signal?.throwIfAborted();
    return new EventStream(MADE_HERE, plan, (plan, tell) => new Source(plan, tell));
  }
}

/** The events of the module's connection, which is made as soon as the module is loaded. */
class Source {
  /** @type {import("../index.js").State} */ #state = { kind: "connecting" };
  /** @type {any} */ #connection;
  #plan;
  #tell;
  /** The last promise of an event, and how many are not settled. The module serves one call at a time. */
  /** @type {Promise<any>} */ #last;
  #promised = 0;

  /**
   * @param {import("../options.js").Plan} plan
   * @param {(signal: any) => void} tell
   */
  constructor(plan, tell) {
    this.#plan = plan;
    this.#tell = tell;
    this.#last = init().then(() => this.#connect()).catch(error => this.#fail(error));
  }

  get state() {
    const state = this.#connection?.state;
    if (state && !isSame(state, this.#state)) this.#state = state;
    return this.#state;
  }

  get lastEventId() {
    return this.#connection?.lastEventId ?? this.#plan.lastEventId ?? "";
  }

  get dropped() {
    return this.#connection?.dropped ?? 0;
  }

  take() {
    return this.#promised ? undefined : this.#connection?.take();
  }

  next() {
    this.#promised += 1;
    return (this.#last = this.#last.then(async () => {
      try {
        return await this.#connection?.next();
      } finally {
        this.#promised -= 1;
      }
    }));
  }

  clear() {
    while (this.take());
  }

  close() {
    if (this.#connection) this.#connection.close();
    else this.#finish("application");
  }

  retryNow() {
    this.#connection?.retryNow();
  }

  #connect() {
    if (this.#state.kind === "closed") return;
    this.#connection = connect(this.#plan);
    this.#follow(this.#connection.signals());
  }

  /** @param {any} signals */
  async #follow(signals) {
    await signals.next(); // the present state
    for (let signal; (signal = await signals.next());) {
      const { state } = this;
      this.#tell(signal.type === "state" && isSame(signal.state, state) ? { ...signal, state } : signal);
    }
    signals.free();
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#state.kind !== "closed") report(error);
    this.#finish("failed");
  }

  /** @param {any} why */
  #finish(why) {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed", why };
    this.#tell({ type: "state", state: this.#state });
  }
}

/** @param {object} one @param {object} other */
function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
