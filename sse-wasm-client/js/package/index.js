import start, { connect } from "./sse_wasm_client.js";
import { plan } from "./options.js";

let starting;
let started = false;

/** Loads the WebAssembly module, once. */
export default function init(module) {
  starting ??= start(module === undefined ? undefined : { module_or_path: module }).then(
    () => { started = true; },
    error => { starting = undefined; throw error; }, // a later call tries again
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

/** What `pick` makes of each signal from now on, unless undefined. No generator, which can't be left while it waits. */
class Signals {
  #reader;
  #pick;
  #last = Promise.resolve();
  #over = false;
  /** How many signals the reader had dropped when it was freed. */
  #dropped = 0;
  /** Ends a `next()` that waits. */
  #wake = () => {};

  constructor(reader, pick) {
    this.#reader = reader;
    this.#pick = pick;
  }

  get dropped() {
    return this.#over ? this.#dropped : this.#reader.dropped;
  }

  /** The module serves one call at a time. */
  next() {
    return this.#last = this.#last.then(() => this.#one());
  }

  return(value) {
    return Promise.resolve(this.#end(value));
  }

  throw(error) {
    this.#end();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async #one() {
    while (!this.#over) {
      const signal = await new Promise((done, failed) => {
        this.#wake = done;
        this.#reader.next().then(done, failed);
      });
      if (signal === undefined || this.#over) break;
      const value = this.#pick(signal);
      if (value !== undefined) return { done: false, value };
    }
    return this.#end();
  }

  #end(value) {
    if (!this.#over) {
      this.#over = true;
      this.#dropped = this.#reader.dropped;
      this.#reader.free();
      this.#wake();
    }
    return { done: true, value };
  }
}

/** A connection to a stream of events that stays connected, and an async iterator of the events. */
export class EventStream {
  onstate = null;
  ongap = null;
  ondrain = null;
  onend = null;
  onrefused = null;
  ontoolong = null;
  #connection;
  /** The signals for the handlers. */
  #told;
  /** The last promise of an event, and how many are not settled yet. The module serves one call at a time. */
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
    this.#told = this.signals();
    this.#tell();
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

  get droppedSignals() {
    return this.#told.dropped;
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

  /** Called when a loop over the stream is left: nobody reads on. */
  return(value) {
    this.#left = true;
    this.close();
    return Promise.resolve({ done: true, value });
  }

  /** Called when an exception is thrown into a generator that delegates to the stream by `yield*`. */
  throw(error) {
    this.return();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  signals() {
    return new Signals(this.#connection.signals(), signal => signal);
  }

  states() {
    return new Signals(this.#connection.signals(), signal => signal.state);
  }

  close() {
    this.#forgetSignal();
    this.#connection.close();
  }

  async #tell() {
    for await (const signal of this.#told) {
      const handler = this[`on${signal.type.replace("-", "")}`];
      const told = signal.type === "state" ? signal.state : signal;
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

// Not all browsers have it.
if (Symbol.dispose) {
  EventStream.prototype[Symbol.dispose] = EventStream.prototype.close;
}
