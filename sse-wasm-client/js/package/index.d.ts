/// <reference lib="dom" />
/// <reference lib="esnext.disposable" />

/**
 * Loads the WebAssembly module, once; later calls give the same promise. To be awaited before `EventStream.connect`.
 *
 * @param module The module, or where it is, if that is not `sse_wasm_client_bg.wasm` beside this file.
 */
export default function init(module?: ModuleSource | Promise<ModuleSource>): Promise<void>;

/** What a module is loaded from. */
export type ModuleSource = string | URL | Request | Response | BufferSource | WebAssembly.Module;

/** What `EventStream.connect` may be told. */
export type Options<Name extends string = string> = StreamOptions<Name> & TransportOptions;

/** How the stream is reached. */
export type TransportOptions =
  | {
      fetch?: false | undefined;
      /** Sends cookies to another origin too. Over `fetch` say `fetch.credentials` instead. */
      withCredentials?: boolean | undefined;
    }
  | {
      /** Uses `fetch` instead of the browser's `EventSource`: with `true`, or with headers, a body, credentials. */
      fetch?: boolean | FetchOptions | undefined;
      withCredentials?: undefined;
    };

/** What may be told of a stream, however it is reached. */
export interface StreamOptions<Name extends string = string> {
  /**
   * Names of events to listen for. Those without a name (`message`) come in any case, and the hub's own, as signals, too.
   */
  events?: readonly Exclude<Name, "sse-cursor" | "sse-gap" | "sse-drain">[] | undefined;
  /** Resumes after this event. The ID takes the place of a `last_event_id` in the URL's query. */
  lastEventId?: string | undefined;
  /**
   * Shares one connection among all tabs of the browser that want the same: the URL, the event names, and what is said
   * of `fetch`, waits and heartbeats. Functions can't be compared: those of the tab that holds the connection count, so
   * where tabs may be of different users, let the URL tell them apart. Each tab has every event once, and when the one that holds the connection goes
   * another goes on. Without Web Locks or BroadcastChannel, as on a page that is no secure context, it has its own.
   */
  shared?: boolean | undefined;
  /**
   * The interval of the server's heartbeats, in milliseconds: after it and 5 s more without a word the connection is
   * made anew. A hub's are known by themselves unless it has another interval than 15 s and is not read by `fetch`.
   * `false` never takes silence for a dead connection.
   */
  heartbeat?: number | false | undefined;
  /** Disconnects once the page has been hidden for so many milliseconds, and goes on where it was when it is visible. */
  pauseWhenHidden?: number | undefined;
  /** How many milliseconds to wait at least before connecting again, until the server asks for something: 3000. */
  reconnectionTime?: number | undefined;
  /** The longest wait that failures in a row lead to, in milliseconds: 30000. */
  maxWait?: number | undefined;
  /** Closes after so many refusals in a row, without an event between them. By default never. */
  giveUpAfter?: number | undefined;
  /**
   * How many events wait to be read: 1024. When there are more the oldest makes room and is counted (`dropped`); over
   * `fetch` the server waits instead, unless the connection is shared.
   */
  capacity?: number | undefined;
  /** Closes the stream when it is aborted. One that is aborted already is thrown as `fetch` does it. */
  signal?: AbortSignal | undefined;
}

/** What `fetch` can do and `EventSource` can't. */
export type FetchOptions = RequestOptions & BodyOptions;

/** What is sent with every request. */
export interface RequestOptions {
  /**
   * Headers, such as `Authorization`. Values of the same name are joined by commas. A function is asked before each
   * request, for what does not last; where it throws, that try has failed, the error is reported as for any event
   * handler, and the next try comes after a wait. It has
   * the time of an answer's head, 30 s, unless `heartbeat` is `false`.
   */
  headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>) | undefined;
  /** To whom cookies are sent: `"same-origin"`. */
  credentials?: "omit" | "same-origin" | "include" | undefined;
  /** Puts the last event ID into the query instead of the header `Last-Event-ID`, which takes a preflight elsewhere. */
  lastEventIdInQuery?: boolean | undefined;
  /**
   * Whether to try again after a refusal; else the stream is closed, also if this throws. `undefined` leaves it to the
   * default: to try again after 408, 425, 429 and 500 to 599. The next try comes after a wait as after any failure.
   */
  retryIf?: ((refused: Refused & { readonly status: number }) => boolean | undefined) | undefined;
}

/** As `fetch` takes them; what is undefined is left out. */
export type RequestHeaders = Headers | Record<string, string | undefined> | readonly (readonly [string, string])[];

/** The method and the body of every request: a `"POST"` if there is a body, else a `"GET"`. */
export type BodyOptions =
  | { method?: "GET" | undefined; body?: undefined }
  | { method?: "POST" | undefined; body?: string | undefined };

/** An event as it arrived. */
export interface StreamEvent<Name extends string = string, Value = unknown> {
  /** The event's name, `message` if the server gave none. */
  readonly name: Name;
  /** The data as text. */
  readonly data: string;
  /** The last event ID as of this event: where to resume once this is dealt with. */
  readonly id: string;
  /** The origin that the event came from, after redirects. */
  readonly origin: string;
  /**
   * The data, read as JSON.
   *
   * The type is what `EventStream` was told; it is not checked. Throws a `SyntaxError` for what is no JSON.
   */
  json(): Value;
}

/** An event of any of the names, told apart by `name`. */
export type EventOf<Events extends object> = {
  [Name in keyof Events & string]: StreamEvent<Name, Events[Name]>;
}[keyof Events & string];

/** How the connection stands. */
export type State =
  /**
   * A connection is being made, or the answer has no event yet. Over `EventSource` also as long as the browser itself
   * tries again, which it does for as long as a server is not reached.
   */
  | { readonly kind: "connecting" }
  /** Events arrive. */
  | { readonly kind: "open" }
  /** The last try failed. The next, of this number since the last stable stream, is due `until`, by `performance.now()`. */
  | { readonly kind: "waiting"; readonly attempt: number; readonly until: number }
  /** There is no connection on purpose: the page is hidden, or stored to go back to. */
  | { readonly kind: "paused" }
  /** Nothing arrives any more, for good. `no-content` and `not-an-event-stream` are known over `fetch` only. */
  | { readonly kind: "closed"; readonly why: "application" | "gave-up" | "no-content" | "not-an-event-stream" | "other" }
  /** The same, for a status that does not pass by itself. Known over `fetch` only. */
  | { readonly kind: "closed"; readonly why: "status"; readonly status: number };

/**
 * Events may have been lost. What is built from the stream is to be fetched anew.
 *
 * Signals are not in order with the events: a gap may be told before or after those around it. What comes from the event
 * `first` on is after the gap.
 */
export interface Gap {
  readonly type: "gap";
  readonly reason: "trimmed" | "epoch" | "unknown" | "lost" | "lagged" | "other";
  /** The place that was asked for, as far as the hub repeats it. */
  readonly requested: string;
  /** The ID of the first event after the gap, if there is one already. It may be one of a name that is not asked for. */
  readonly first: string | null;
}

/** The hub is about to end the stream; the client connects again and goes on where it was. */
export interface Drain {
  readonly type: "drain";
  readonly reason: "shutdown" | "age" | "lag" | "busy" | "expired" | "revoked" | "store" | "other";
}

/** The server answered with something else than a stream. The state that follows says what becomes of it. */
export interface Refused {
  readonly type: "refused";
  /** Null over `EventSource`, which does not tell it. */
  readonly status: number | null;
  /** What the server says about it (RFC 9457). */
  readonly problem: { readonly type: string; readonly title: string | null; readonly detail: string | null } | null;
  /** How long it asks to be left alone, in milliseconds. */
  readonly retryAfter: number | null;
}

/** An event went over a limit of 4 MiB for a line or its data, 1 KiB for its name or id, so it is not delivered. Over `fetch` only. */
export interface TooLong {
  readonly type: "too-long";
  readonly limit: "line" | "event" | "id" | "name" | "other";
}

/** Something about the stream itself. */
export type Signal = { readonly type: "state"; readonly state: State } | Gap | Drain | Refused | TooLong;

/** Signals from the present state on. It can be left at any time, also while it waits. */
export interface Signals<Value> extends AsyncIterable<Value> {
  /**
   * How many signals, of any kind, were not read in time: 64 wait, then the oldest makes room. The present state is
   * `EventStream.state` in any case.
   */
  readonly dropped: number;
  /** The next one; done once the stream is closed. */
  next(): Promise<IteratorResult<Value, undefined>>;
  /** Ends it, and a `next()` that waits. The stream goes on. */
  return(value?: undefined): Promise<IteratorResult<Value, undefined>>;
  /** The same, and gives the error back. */
  throw(error?: unknown): Promise<IteratorResult<Value, undefined>>;
  [Symbol.asyncIterator](): this;
}

/**
 * A connection to a stream of events that stays connected, and an async iterator of them.
 *
 * `Events` says what each event's JSON is: `EventStream.connect<{ said: Said; left: string }>(…)`.
 *
 * It has one queue. Leaving a loop over it (`break`, `return`, an exception) closes it; for single events there is
 * `next()`.
 */
export class EventStream<Events extends object = Record<string, unknown>> implements AsyncIterable<EventOf<Events>> {
  private constructor();

  /**
   * Connects. Returns at once: how it goes is told by `state` and the signals.
   *
   * Throws a `TypeError` that says which option is wrong and what is allowed, and an `Error` before `init()` is done.
   */
  static connect<Events extends object = Record<string, unknown>>(
    url: string | URL,
    options?: Options<NoInfer<keyof Events & string>>,
  ): EventStream<Events>;

  /** How the connection stands. */
  readonly state: State;
  /**
   * The ID with which the stream would resume: that of the last event to arrive, or of what a hub has said since of its
   * place, by a gap or when it has nothing to send. What was read is `StreamEvent.id`.
   */
  readonly lastEventId: string;
  /** How many events made room for later ones, because they were not read in time. */
  readonly dropped: number;
  /** How many signals the handlers were not told, because more than 64 came at once. */
  readonly droppedSignals: number;

  /** Called with each state, the present one first if it is set at once after connecting. */
  onstate: ((state: State) => void) | null;
  /**
   * Called when events may have been lost: not in order with the events, so some that follow the gap may have been
   * handled already. What comes from the event `gap.first` on is after it.
   */
  ongap: ((gap: Gap) => void) | null;
  /** Called when the hub is about to end the stream. */
  ondrain: ((drain: Drain) => void) | null;
  /** Called when the server refuses. */
  onrefused: ((refused: Refused) => void) | null;
  /** Called when an event was too long to be delivered. */
  ontoolong: ((tooLong: TooLong) => void) | null;

  /** All signals from the present state on. Up to 64 wait to be read. */
  signals(): Signals<Signal>;
  /** The states alone. */
  states(): Signals<State>;

  /** The next event; done once the stream is closed and what had arrived is read. */
  next(): Promise<IteratorResult<EventOf<Events>, undefined>>;
  /** Closes the stream and forgets what has arrived. Called by a loop that is left. */
  return(value?: undefined): Promise<IteratorResult<EventOf<Events>, undefined>>;
  /** The same, and gives the error back. Called of a generator that hands the stream on by `yield*`. */
  throw(error?: unknown): Promise<IteratorResult<EventOf<Events>, undefined>>;
  [Symbol.asyncIterator](): this;

  /** Closes the connection for good. What has arrived can still be read. */
  close(): void;
  /** The same: `using stream = EventStream.connect(…)`. */
  [Symbol.dispose](): void;
}
