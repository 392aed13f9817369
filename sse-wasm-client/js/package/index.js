import start, { connect } from "./sse_wasm_client.js";
import { plan } from "./options.js";

let starting;
let started = false;

/** Loads the WebAssembly module, once. */
export default function init(module) {
  starting ??= start(module === undefined ? undefined : { module_or_path: module }).then(
    () => { started = true; },
    error => { starting = undefined; throw error; }, // it may go better next time
  );
  return starting;
}

const MADE_HERE = Symbol();

/** An event as it arrived. */
class StreamEvent {
  constructor(name, data, id, origin) {
    this.name = name;
    this.data = data;
    this.id = id;
    this.origin = origin;
  }

  json() {
    return JSON.parse(this.data);
  }
}

/** A connection to a stream of events that stays connected, and an async iterator of them. */
export class EventStream {
  onstate = null;
  ongap = null;
  ondrain = null;
  onrefused = null;
  #connection;
  /** The last promise of an event, and how many are not kept yet. The module serves one at a time. */
  #last = Promise.resolve();
  #promised = 0;
  #left = false;
  #forgetSignal = () => {};

  static connect(url, options) {
    const { signal, ...rest } = plan(url, options);
    if (!started) throw new Error("the WebAssembly module is not loaded: `await init()` before EventStream.connect()");
    signal?.throwIfAborted();
    return new EventStream(MADE_HERE, connect(rest), signal);
  }

  constructor(token, connection, signal) {
    if (token !== MADE_HERE) throw new TypeError("an EventStream is made by EventStream.connect(url, options)");
    this.#connection = connection;
    if (signal) {
      const abort = () => this.close();
      signal.addEventListener("abort", abort);
      this.#forgetSignal = () => signal.removeEventListener("abort", abort);
    }
    this.#tell(connection.signals());
  }

  get state() {
    return this.#connection.state;
  }

  get lastEventId() {
    return this.#connection.lastEventId;
  }

  get dropped() {
    return this.#connection.dropped;
  }

  next() {
    if (this.#left) return Promise.resolve({ done: true, value: undefined });
    const there = this.#promised === 0 ? this.#connection.take() : undefined;
    if (there) return Promise.resolve({ done: false, value: new StreamEvent(...there) });
    this.#promised += 1;
    const next = this.#last.then(async () => {
      const parts = await this.#connection.next();
      this.#promised -= 1;
      return parts && !this.#left ? { done: false, value: new StreamEvent(...parts) } : { done: true, value: undefined };
    });
    this.#last = next;
    return next;
  }

  /** A loop over the stream was left: nobody reads on. */
  return(value) {
    this.#left = true;
    this.close();
    return Promise.resolve({ done: true, value });
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  signals() {
    return all(this.#connection.signals());
  }

  states() {
    return only(this.signals());
  }

  close() {
    this.#forgetSignal();
    this.#connection.close();
  }

  async #tell(reader) {
    for await (const signal of all(reader)) {
      const [handler, told] = signal.type === "state" ? [this.onstate, signal.state] : [this[`on${signal.type}`], signal];
      if (typeof handler !== "function") continue;
      try {
        handler.call(this, told);
      } catch (error) {
        reportError(error); // as for any event handler
      }
    }
    this.#forgetSignal();
  }
}

// Not every browser has it yet.
if (Symbol.dispose) {
  EventStream.prototype[Symbol.dispose] = EventStream.prototype.close;
}

async function* all(reader) {
  try {
    for (let signal; (signal = await reader.next()) !== undefined; ) yield signal;
  } finally {
    reader.free();
  }
}

async function* only(signals) {
  for await (const signal of signals) {
    if (signal.type === "state") yield signal.state;
  }
}
