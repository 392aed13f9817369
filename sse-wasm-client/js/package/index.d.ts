/// <reference lib="esnext.disposable" />

// No type of a page's or a worker's is named, so that this compiles in either, and in neither.

/** There is nothing to load: resolves at once. `sse-wasm-client/wasm`, which has the same interface, loads its module by it. */
export default function init(): Promise<void>;

/** What has an absolute or relative address: a `URL`. */
export interface Address {
  readonly href: string;
}

/** What an `AbortController` has. */
export interface Abort {
  readonly aborted: boolean;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** The options of `EventStream.connect`. */
export type Options<Name extends string = string> = StreamOptions<Name> & TransportOptions<Name>;

/** Options for how the stream is fetched. */
export type TransportOptions<Name extends string = string> =
  | {
      fetch?: false | undefined;
      /**
       * Names of events to listen for. Events without a name (`message`) arrive in any case, and so do the hub's own, as
       * signals.
       */
      events?: readonly EventName<Name>[] | undefined;
      /** Sends cookies to another origin too. Over `fetch` set `fetch.credentials` instead. */
      withCredentials?: boolean | undefined;
    }
  | {
      /** Uses `fetch` instead of the browser's `EventSource`: with `true`, or with headers, a body, credentials. */
      fetch?: boolean | FetchOptions | undefined;
      withCredentials?: undefined;
      events?: readonly EventName<Name>[] | undefined;
    }
  | {
      fetch: true | FetchOptions;
      withCredentials?: undefined;
      /** Over `fetch` the names need not be known. */
      events: "all";
    };

/** A name that an application's event can have. */
export type EventName<Name extends string> = Exclude<Name, "sse-cursor" | "sse-gap" | "sse-drain" | "sse-end">;

/** Options that do not depend on how the stream is fetched. */
export interface StreamOptions<Name extends string = string> {
  /**
   * Whether the stream is asked for again. `true`: whenever it ends, fails or is refused in a way that may pass, which is the
   * default. `"refused"`: only until one has begun. `false`: never. By default a `POST` is repeated only once the stream has given
   * an ID, since it may cost something. A stream that is not asked for again is `closed`, with `why` `ended` or `failed`.
   */
  reconnect?: boolean | "refused" | undefined;
  /**
   * Makes `event.value` of an event: a function, or a [Standard Schema](https://standardschema.dev) for each name. An event for
   * which it throws is passed over, and told as a signal (`undecodable`). An event without a schema has its text.
   */
  decode?: ((event: StreamEvent<Name>) => unknown) | { readonly [Of in Name]?: StandardSchema } | undefined;
  /** Ends a loop over the stream with an error if it is closed by anything but its end or the application. */
  throwOnClose?: boolean | undefined;
  /** Resumes after the event with this ID, which replaces a `last_event_id` in the URL's query. */
  lastEventId?: string | undefined;
  /**
   * Shares one connection among all tabs of the browser that want the same stream: with the same URL, event names, and
   * settings of `fetch`, waits and heartbeats. Functions can't be compared: those of the tab that holds the connection
   * are used, so where tabs may belong to different users, let the URL differ. Each tab has every event once, and when
   * the tab that holds the connection goes, another takes over. Without Web Locks or BroadcastChannel, as on a page
   * that is no secure context, each tab has its own connection.
   */
  shared?: boolean | undefined;
  /**
   * The interval of the server's heartbeats, in milliseconds. If nothing arrives for it and 5 s more, the connection is
   * made anew. For a hub it need not be set, unless the interval is not 15 s and the hub is not read by `fetch`. With
   * `false` a silent connection is never considered dead.
   */
  heartbeat?: number | false | undefined;
  /** Disconnects when the page has been hidden for this number of milliseconds, and resumes when it is visible. */
  pauseWhenHidden?: number | undefined;
  /** The shortest wait before connecting again, in milliseconds, unless the server sets it: 3000. */
  reconnectionTime?: number | undefined;
  /** The longest wait after failures in a row, in milliseconds: 30000. */
  maxWait?: number | undefined;
  /** Closes the stream after this number of refusals in a row, without an event between them. By default never. */
  giveUpAfter?: number | undefined;
  /**
   * How many events may wait to be read: 1024. When there are more the oldest is dropped and counted (`dropped`). Over
   * `fetch` the server waits instead, unless the connection is shared.
   */
  capacity?: number | undefined;
  /** Closes the stream when it is aborted. If it is aborted already, its reason is thrown, as by `fetch`. */
  signal?: Abort | undefined;
}

/** A schema of any library that follows [Standard Schema](https://standardschema.dev). */
export interface StandardSchema<Value = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validated<Value> | Promise<Validated<Value>>;
    readonly types?: { readonly input: unknown; readonly output: Value } | undefined;
  };
}

/** What a schema makes of a value. */
export type Validated<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

/** Options that only `fetch` has. */
export type FetchOptions = RequestOptions & BodyOptions;

/** What is sent with every request. */
export interface RequestOptions {
  /**
   * Headers, such as `Authorization`. Values of the same name are joined by commas. A function is called before each
   * request, for a header that expires. If it throws, the attempt has failed: the error is reported as for any event
   * handler, and the next attempt comes after a wait. What it awaits counts against the time for a response's head, 30
   * s unless `heartbeat` is `false`.
   */
  headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>) | undefined;
  /** Where cookies are sent: `"same-origin"`. */
  credentials?: "omit" | "same-origin" | "include" | undefined;
  /** Sends the last event ID in the query, not in `Last-Event-ID`, a header that takes a preflight to another origin. */
  lastEventIdInQuery?: boolean | undefined;
  /**
   * Returns true to try again after a refusal, after a wait as after any failure. With false, or if it throws, the
   * stream is closed. `undefined` means the default: to try again after 408, 425, 429 and 500 to 599.
   */
  retryIf?: ((refused: Refused & { readonly status: number }) => boolean | undefined) | undefined;
}

/** Headers as `fetch` takes them. Those that are undefined are left out. */
export type RequestHeaders = Iterable<readonly [string, string] | string[]> | { readonly [name: string]: string | undefined };

/** The method and the body of every request: by default `"POST"` if there is a body, otherwise `"GET"`. */
export type BodyOptions =
  | { method?: "GET" | undefined; body?: undefined }
  | { method?: "POST" | undefined; body?: string | undefined };

/** An event as it arrived. */
export interface StreamEvent<Name extends string = string, Value = unknown> {
  /** The event's name, `message` if the server gave none. */
  readonly name: Name;
  /** The data as text. */
  readonly data: string;
  /** The last event ID as of this event: where to resume once this has been processed. */
  readonly id: string;
  /** The origin of the stream's URL, after redirects. */
  readonly origin: string;
  /**
   * The data, parsed as JSON.
   *
   * Its type is the one that `EventStream` was given; it is not checked. Throws a `SyntaxError` if the data is no JSON.
   */
  json(): Value;
  /** What `decode` has made of it. Without that option there is none. */
  readonly value?: Value;
}

/** An event with any of the names, which `name` tells apart. */
export type EventOf<Events extends object> = {
  [Name in keyof Events & string]: StreamEvent<Name, Events[Name]>;
}[keyof Events & string];

/** The state of the connection: the same object until it changes. */
export type State =
  /**
   * A connection is being made, or the response has had no event yet. Over `EventSource` also while the browser itself
   * tries again, which it does while the server can't be reached. `why` tells what became of the one before.
   */
  | { readonly kind: "connecting"; readonly why?: Why }
  /** Events arrive. */
  | { readonly kind: "open"; readonly why?: undefined }
  /**
   * The last attempt failed. The next, number `attempt` since the last stable stream, is due at the time `until` of
   * `performance.now()`. With `refused` the `status` is told, if it is known.
   */
  | { readonly kind: "waiting"; readonly attempt: number; readonly until: number; readonly why?: Why; readonly status?: number }
  /** There is no connection on purpose: the page is hidden, or in the back/forward cache. */
  | { readonly kind: "paused"; readonly why?: undefined }
  /**
   * The stream is closed for good. `ended`: everything has come, since all topics have ended, the server answered 204, or the stream
   * has ended and `reconnect` says that this is its end. `failed`: it broke or could not be made, and `reconnect` allows no other.
   * A 204, and `not-an-event-stream`, are known over `fetch` only.
   */
  | {
      readonly kind: "closed";
      readonly why: "ended" | "application" | "gave-up" | "not-an-event-stream" | "failed" | "other";
    }
  /** The same, for a status that does not pass by itself. Known over `fetch` only. */
  | { readonly kind: "closed"; readonly why: "status"; readonly status: number };

/**
 * Why there is no stream: the server can't be reached, or the browser doesn't say; it refused; it has sent nothing for too long; the
 * stream has ended; it broke.
 */
export type Why = "unreachable" | "refused" | "silent" | "ended" | "failed";

/**
 * Events may be missing: fetch anew what was built from the stream.
 *
 * Signals are not in order with the events: a gap may be told before or after the events around it. The event with the
 * ID `first` and all that follow it came after the gap.
 */
export interface Gap {
  readonly type: "gap";
  readonly reason: "trimmed" | "epoch" | "unknown" | "lost" | "lagged" | "other";
  /** The ID that was asked for, as far as the hub repeats it. */
  readonly requested: string;
  /** The ID of the first event after the gap, if there is one already. It may be an event that is not listened for. */
  readonly first: string | null;
}

/**
 * The hub is about to end the stream; the client connects again and resumes where it was. A stream that consists of only
 * this, with the reason `busy`, is the refusal of a hub that is full.
 */
export interface Drain {
  readonly type: "drain";
  readonly reason: "shutdown" | "age" | "lag" | "busy" | "expired" | "revoked" | "store" | "other";
}

/**
 * All topics of the stream have ended, and everything has come. The state that follows is `closed` with `ended`; after a
 * 204 it comes without this signal.
 */
export interface End {
  readonly type: "end";
  readonly topics: readonly string[];
}

/** The server refused: its response was no stream. The state that follows tells whether the client tries again. */
export interface Refused {
  readonly type: "refused";
  /** Null over `EventSource`, which does not tell it. */
  readonly status: number | null;
  /** The server's explanation (RFC 9457). */
  readonly problem: { readonly type: string; readonly title: string | null; readonly detail: string | null } | null;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfter: number | null;
}

/**
 * An event exceeded a limit and was not delivered: 4 MiB for a line or the data, 1 KiB for the name or the ID. Over
 * `fetch` only.
 */
export interface TooLong {
  readonly type: "too-long";
  readonly limit: "line" | "event" | "id" | "name" | "other";
}

/** Events were dropped, because they were not read in time: told at once, and then once a second while there are more. */
export interface Dropped {
  readonly type: "dropped";
  /** How many since it was told the last time. `EventStream.dropped` has them all. */
  readonly count: number;
}

/** An event that `decode` has thrown for. It was passed over. */
export interface Undecodable {
  readonly type: "undecodable";
  readonly event: StreamEvent;
  readonly error: unknown;
}

/** Something that concerns the stream itself. */
export type Signal =
  | { readonly type: "state"; readonly state: State }
  | Gap
  | Drain
  | End
  | Refused
  | TooLong
  | Dropped
  | Undecodable;

/** What listeners of each type are told of, as `event.detail`. */
export interface SignalDetails {
  state: State;
  gap: Gap;
  drain: Drain;
  end: End;
  refused: Refused;
  "too-long": TooLong;
  dropped: Dropped;
  undecodable: Undecodable;
}

/** What a listener is called with. */
export interface SignalEvent<Detail> {
  readonly type: string;
  readonly detail: Detail;
}

/** Signals, beginning with the present state. It can be left at any time, also while it waits. */
export interface Signals<Value> extends AsyncIterable<Value> {
  /**
   * How many signals, of any kind, were dropped because they were not read in time: up to 64 wait, then the oldest is
   * dropped. `EventStream.state` has the present state in any case.
   */
  readonly dropped: number;
  /** The next signal; done once the stream is closed. */
  next(): Promise<IteratorResult<Value, undefined>>;
  /** Ends this iterator, and a `next()` that waits. The stream goes on. */
  return(value?: undefined): Promise<IteratorResult<Value, undefined>>;
  /** The same, and rejects with the error. */
  throw(error?: unknown): Promise<IteratorResult<Value, undefined>>;
  [Symbol.asyncIterator](): this;
}

/**
 * A connection to a stream of events that stays connected, and an async iterator of the events.
 *
 * `Events` is the type of each event's JSON: `EventStream.connect<{ said: Said; left: string }>(…)`.
 *
 * It has one queue. Leaving a loop over it (`break`, `return`, an exception) closes it. `next()` takes single events.
 */
export class EventStream<Events extends object = Record<string, unknown>> implements AsyncIterable<EventOf<Events>> {
  private constructor();

  /**
   * Connects. Returns at once; `state` and the signals tell what becomes of the connection.
   *
   * Throws a `TypeError` that names a wrong option and what is allowed.
   */
  static connect<Events extends object = Record<string, unknown>>(
    url: string | Address,
    options?: Options<NoInfer<keyof Events & string>>,
  ): EventStream<Events>;

  /** The present state of the connection: the same object until it changes. */
  readonly state: State;
  /** Resolves to the last state, once the stream is closed. */
  readonly closed: Promise<State & { readonly kind: "closed" }>;
  /**
   * The ID with which the stream would resume: that of the last event that arrived, or of a later position that the hub
   * told, by a gap or while it had nothing to send. The ID of an event that was read is `StreamEvent.id`.
   */
  readonly lastEventId: string;
  /** How many events were dropped because they were not read in time. */
  readonly dropped: number;

  /** Called with each state; with the present one first, if it is set directly after connecting. */
  onstate: ((state: State) => void) | null;
  /**
   * Called when events may be missing. It is not in order with the events, so some that follow the gap may have been
   * handled already: the event with the ID `gap.first` and all that follow it came after the gap.
   */
  ongap: ((gap: Gap) => void) | null;
  /** Called when the hub is about to end the stream. */
  ondrain: ((drain: Drain) => void) | null;
  /** Called when all topics have ended. The loop over the stream ends by itself, after the last event. */
  onend: ((end: End) => void) | null;
  /** Called when the server refuses. */
  onrefused: ((refused: Refused) => void) | null;
  /** Called when an event was too long to be delivered. */
  ontoolong: ((tooLong: TooLong) => void) | null;
  /** Called when events were dropped, because they were not read in time. */
  ondropped: ((dropped: Dropped) => void) | null;
  /** Called when an event was passed over, because `decode` has thrown for it. */
  onundecodable: ((undecodable: Undecodable) => void) | null;

  /** Listeners of signals, as many as you like for each. */
  addEventListener<Type extends keyof SignalDetails>(
    type: Type,
    listener: (event: SignalEvent<SignalDetails[Type]>) => void,
    options?: boolean | { readonly once?: boolean; readonly signal?: Abort },
  ): void;
  removeEventListener<Type extends keyof SignalDetails>(
    type: Type,
    listener: (event: SignalEvent<SignalDetails[Type]>) => void,
  ): void;
  /** Calls `listener` whenever `state` has changed, and returns what ends that: for `useSyncExternalStore` and its like. */
  subscribe(listener: () => void): () => void;

  /** All signals, beginning with the present state. Up to 64 wait to be read. */
  signals(): Signals<Signal>;
  /** The states alone. */
  states(): Signals<State>;

  /** The next event; done once the stream is closed and everything that had arrived is read. */
  next(): Promise<IteratorResult<EventOf<Events>, undefined>>;
  /** Closes the stream and discards what has arrived. Called when a loop is left. */
  return(value?: undefined): Promise<IteratorResult<EventOf<Events>, undefined>>;
  /** The same, and rejects with the error. Called by a generator that delegates to the stream by `yield*`. */
  throw(error?: unknown): Promise<IteratorResult<EventOf<Events>, undefined>>;
  [Symbol.asyncIterator](): this;

  /**
   * Events in batches: what has come in the milliseconds `every` (50) after the first of each, at most 10,000. Leaving a loop over it
   * closes the stream.
   */
  batches(options?: { readonly every?: number }): AsyncIterableIterator<EventOf<Events>[], undefined> & {
    return(value?: undefined): Promise<IteratorResult<EventOf<Events>[], undefined>>;
  };

  /** Ends a wait: the next attempt is made at once. */
  retryNow(): void;
  /** Closes the connection for good. What has arrived can still be read. */
  close(): void;
  /** The same: `using stream = EventStream.connect(…)`. */
  [Symbol.dispose](): void;
}
