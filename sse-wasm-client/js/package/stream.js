// A connection to a stream of events as applications see it: an async iterator of events, and signals about the stream itself.

import { Queue } from "./queue.js";
import { report } from "./report.js";

/** How many signals wait for a reader. */
const SIGNALS = 64;
/** How many events a batch has at most. */
const MAX_BATCH = 10_000;

/** What a stream is made with, by those that have a source of events for it. */
export const MADE_HERE = Symbol();
const DONE = { done: true, value: undefined };

/**
 * @typedef {import("./index.js").Signal} Signal
 * @typedef {import("./index.js").State} State
 *
 * The name, the data, the ID and the origin of an event.
 * @typedef {[name: string, data: string, id: string, origin: string]} Parts
 *
 * Where events come from. Signals are told as they come, the last state as the last of them.
 * @typedef {object} Source
 * @property {State} state the same object until it changes
 * @property {string} lastEventId
 * @property {number} dropped
 * @property {() => Parts | undefined} take the next event, if it is there
 * @property {() => Promise<Parts | undefined>} next the next event, or undefined after the last
 * @property {() => void} close
 * @property {() => void} clear forgets what waits to be taken
 * @property {() => void} retryNow ends a wait
 *
 * @typedef {(plan: import("./options.js").Plan, tell: (signal: Signal) => void) => Source} MakeSource
 */

/** An event as it arrived. */
class StreamEvent {
  /** @param {Parts} parts */
  constructor([name, data, id, origin]) {
    this.name = name;
    this.data = data;
    this.id = id;
    this.origin = origin;
  }

  json() {
    return JSON.parse(this.data);
  }
}

/** What `pick` makes of each signal from now on, unless undefined. No generator, which can't be left while it waits. */
class Signals {
  /** @type {Queue<Signal>} */ #queue = new Queue(SIGNALS);
  #pick;
  /** @type {State | undefined} */ #state;

  /** @param {(signal: Signal) => any} pick */
  constructor(pick) {
    this.#pick = pick;
  }

  get dropped() {
    return this.#queue.dropped;
  }

  /** A state that it was told of already is passed over. @param {Signal} signal */
  push(signal) {
    if (signal.type === "state" && signal.state === this.#state) return;
    if (signal.type === "state") this.#state = signal.state;
    this.#queue.push(signal);
  }

  /** @returns {Promise<any>} */
  async next() {
    for (let signal; (signal = await this.#queue.next());) {
      const value = this.#pick(signal);
      if (value !== undefined) return { done: false, value };
    }
    return DONE;
  }

  /** Nothing more will come. */
  end() {
    this.#queue.end();
  }

  /** @param {any} [value] */
  async return(value) {
    this.#queue.clear();
    this.end();
    return { done: true, value };
  }

  /** @param {any} [error] */
  async throw(error) {
    this.return();
    throw error;
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

/** A connection to a stream of events that stays connected, and an async iterator of the events. */
export class EventStream extends EventTarget {
  /** @type {((state: State) => void) | null} */ onstate = null;
  /** @type {((gap: any) => void) | null} */ ongap = null;
  /** @type {((drain: any) => void) | null} */ ondrain = null;
  /** @type {((end: any) => void) | null} */ onend = null;
  /** @type {((refused: any) => void) | null} */ onrefused = null;
  /** @type {((tooLong: any) => void) | null} */ ontoolong = null;
  /** @type {((dropped: any) => void) | null} */ ondropped = null;
  /** @type {((undecodable: any) => void) | null} */ onundecodable = null;
  /** Resolves to the last state. @type {Promise<State>} */
  closed;
  #plan;
  #source;
  /** @type {Set<Signals>} */ #readers = new Set();
  #left = false;
  #hasDropped = false;
  /** @type {(state: State) => void} */ #closes = () => {};

  /**
   * @param {symbol} token
   * @param {import("./options.js").Plan} plan
   * @param {MakeSource} make
   */
  constructor(token, plan, make) {
    if (token !== MADE_HERE) throw new TypeError("an EventStream is made by EventStream.connect(url, options)");
    super();
    this.#plan = plan;
    this.closed = new Promise(done => {
      this.#closes = done;
    });
    this.#source = make(plan, signal => this.#signal(signal));
    const abort = () => this.close();
    plan.signal?.addEventListener("abort", abort);
    this.closed.then(() => plan.signal?.removeEventListener("abort", abort));
    const { state } = this;
    queueMicrotask(() => this.#handle("onstate", state));
  }

  get state() {
    return this.#source.state;
  }

  get lastEventId() {
    return this.#source.lastEventId;
  }

  get dropped() {
    return this.#source.dropped;
  }

  /** @returns {Promise<any>} */
  next() {
    const parts = this.#plan.decode ? undefined : this.#source.take();
    return parts ? Promise.resolve({ done: false, value: new StreamEvent(parts) }) : this.#next();
  }

  async #next() {
    for (let parts; !this.#left && (parts = await this.#source.next()) && !this.#left;) {
      const event = await this.#decoded(parts);
      if (event) return { done: false, value: event };
    }
    const { state } = this;
    if (this.#plan.throwOnClose && !this.#left && failed(state)) {
      this.#left = true;
      throw new Error(`the stream is closed: ${wordsOf(state)}`);
    }
    return DONE;
  }

  /** The event, unless it can't be decoded. @param {Parts} parts */
  async #decoded(parts) {
    const event = new StreamEvent(parts);
    const { decode } = this.#plan;
    if (!decode) return event;
    try {
      return Object.assign(event, { value: await decode(event) });
    } catch (error) {
      this.#signal({ type: "undecodable", event, error });
    }
  }

  /** Called when a loop over the stream is left: nobody reads on. @param {any} [value] */
  async return(value) {
    this.#left = true;
    this.close();
    this.#source.clear();
    return { done: true, value };
  }

  /** Called when an exception is thrown into a generator that delegates to the stream by `yield*`. @param {any} [error] */
  async throw(error) {
    this.return();
    throw error;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** Events in batches: what has come in the milliseconds `every` after the first of each. No generator, as for signals. */
  batches({ every = 50 } = {}) {
    /** The next event, if an earlier batch has asked for it. @type {Promise<any> | undefined} */
    let asked;
    const next = async () => {
      /** @type {any[]} */
      const many = [];
      /** @type {any} */
      let timer;
      /** @type {Promise<void> | undefined} */
      let due;
      try {
        while (many.length < MAX_BATCH) {
          asked ??= this.next();
          const one = await (due ? Promise.race([asked, due]) : asked);
          if (!one || (one.done && many.length)) break; // the end is for the next call
          asked = undefined;
          if (one.done) return one;
          many.push(one.value);
          due ??= new Promise(done => {
            timer = setTimeout(done, every);
          });
        }
      } catch (error) {
        if (!many.length) throw error; // else it is for the next call
      } finally {
        clearTimeout(timer);
      }
      return { done: false, value: many };
    };
    return {
      next,
      return: (/** @type {any} */ value) => this.return(value),
      throw: (/** @type {any} */ error) => this.throw(error),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  signals() {
    return this.#reader(signal => signal);
  }

  states() {
    return this.#reader(signal => (signal.type === "state" ? signal.state : undefined));
  }

  /** Calls `listener` whenever `state` is another one, and gives what ends that. @param {() => void} listener */
  subscribe(listener) {
    this.addEventListener("state", listener);
    return () => this.removeEventListener("state", listener);
  }

  /** Ends a wait. */
  retryNow() {
    this.#source.retryNow();
  }

  close() {
    this.#source.close();
  }

  /** @param {(signal: Signal) => any} pick */
  #reader(pick) {
    const reader = new Signals(pick);
    reader.push({ type: "state", state: this.state });
    if (this.state.kind === "closed") reader.end();
    else this.#readers.add(reader);
    return reader;
  }

  /** @param {Signal} signal */
  #signal(signal) {
    for (const reader of this.#readers) reader.push(signal);
    if (signal.type === "state" && signal.state.kind === "closed") this.#end(signal.state);
    if (signal.type === "dropped" && !this.#hasDropped) {
      this.#hasDropped = true;
      warn(this.#plan, "events are dropped, since they are not read as fast as they come: await less in the loop, raise the option " +
        "capacity, or use fetch, over which the server waits");
    }
    this.#tell(signal);
  }

  /** @param {State & { kind: "closed" }} state */
  #end(state) {
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
    this.#closes(state);
    if (failed(state) && !this.#plan.throwOnClose) warn(this.#plan, `closed: ${wordsOf(state)}`);
  }

  /** Tells handlers and listeners, when what has led here is done. @param {Signal} signal */
  #tell(signal) {
    const { type } = signal;
    const told = type === "state" ? signal.state : signal;
    queueMicrotask(() => {
      this.#handle(`on${type.replace("-", "")}`, told);
      this.dispatchEvent(Object.assign(new Event(type), { detail: told }));
    });
  }

  /** @param {string} name @param {unknown} told */
  #handle(name, told) {
    const handler = /** @type {any} */ (this)[name];
    try {
      if (typeof handler === "function") handler.call(this, told);
    } catch (error) {
      report(error);
    }
  }
}

/** @param {State} state @returns {state is State & { kind: "closed" }} */
function failed(state) {
  return state.kind === "closed" && state.why !== "ended" && state.why !== "application";
}

/** @param {State & { kind: "closed" }} state */
function wordsOf(state) {
  return state.why === "status" ? `the server answered ${state.status}` : state.why;
}

/** @param {import("./options.js").Plan} plan @param {string} words */
export function warn(plan, words) {
  console.warn(`EventStream ${plan.url}: ${words}`);
}

// Not all browsers have it.
if (Symbol.dispose) {
  Object.defineProperty(EventStream.prototype, Symbol.dispose, { value: EventStream.prototype.close });
}
