// Compiled, not run: what follows `@ts-expect-error` must not compile, and all else must.

import init, {
  EventStream, type EventOf, type Gap, type Options, type Refused, type Signal, type Signals, type State, type StreamEvent,
  type StandardSchema, type StreamOptions,
} from "sse-wasm-client";

interface Orders {
  placed: { customer: string; total: number };
  shipped: string;
  cancelled: undefined;
}
type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends (<T>() => T extends Other ? 1 : 2) ? true : never;

export async function loaded() {
  await init();
  // @ts-expect-error: there is nothing to load
  await init("/client.wasm");
}

export async function events(url: URL) {
  const stream = EventStream.connect<Orders>(url, { events: ["placed", "shipped"] });
  for await (const event of stream) {
    switch (event.name) {
      case "placed": event.json().customer.length; break;
      case "shipped": event.json().length; break;
      case "cancelled": break;
      default: { const none: never = event; none; }
    }
    // @ts-expect-error: which event it is has not been asked
    event.json().total;
    // @ts-expect-error
    if (event.name === "message") return;
    // @ts-expect-error
    event.data = "";
  }
  const next = await stream.next();
  if (next.done) next.value satisfies undefined;
  else next.value satisfies EventOf<Orders>;
  stream satisfies AsyncIterable<EventOf<Orders>>;
  const same: Same<EventOf<{ a: number }>, StreamEvent<"a", number>> = true;
  for await (const event of EventStream.connect("/x")) [event.name satisfies string, event.json() satisfies unknown];
  async function* handedOn() { yield* stream; }
  return [same, handedOn];
}

export async function signals(stream: EventStream<Orders>) {
  stream.onstate = state => {
    if (state.kind === "waiting") [state.attempt.toFixed(), state.until.toFixed()];
    if (state.kind === "closed" && state.why === "status") state.status.toFixed();
    if (state.kind === "closed" && state.why === "ended") return;
    // @ts-expect-error
    state.until;
  };
  stream.ongap = (gap: Gap) => gap.first satisfies string | null;
  stream.onend = ({ topics }) => topics satisfies readonly string[];
  stream.onrefused = (refused: Refused) => refused.problem?.title satisfies string | null | undefined;
  stream.ontoolong = ({ limit }) => limit === "id";
  stream.ontoolong = null;
  stream.ondropped = ({ count }) => count.toFixed();
  stream.onundecodable = ({ event, error }) => [event.data.length, error];
  const all: Signals<Signal> = stream.signals();
  const { value } = await all.next();
  if (value?.type === "too-long") value.limit;
  [all.dropped.toFixed(), await all.return(), await all.throw(value)];
  for await (const state of stream.states()) state satisfies State;
  // @ts-expect-error
  all.dropped = 1;
  // @ts-expect-error
  stream.dropped = 1;
  stream.addEventListener("gap", ({ detail }) => detail.first satisfies string | null, { once: true });
  stream.addEventListener("state", ({ detail }) => detail.kind);
  // @ts-expect-error
  stream.addEventListener("message", () => {});
  const forget: () => void = stream.subscribe(() => {});
  forget();
  (await stream.closed).why;
  using other = EventStream.connect("/y");
  other.close();
}

/** What may be undefined in a page may be handed on as it is. */
export function options(
  maybe: { signal: AbortSignal | undefined; id: string | undefined; ms: number | undefined; flag: boolean | undefined },
  headers: RequestInit["headers"],
  names: readonly (keyof Orders)[],
) {
  EventStream.connect<Orders>("/x", {
    events: names, signal: maybe.signal, lastEventId: maybe.id, heartbeat: maybe.ms, pauseWhenHidden: maybe.ms,
    reconnectionTime: maybe.ms, maxWait: maybe.ms, giveUpAfter: maybe.ms, capacity: maybe.ms, shared: maybe.flag,
    withCredentials: maybe.flag,
  });
  EventStream.connect("/x", { heartbeat: false, events: undefined, fetch: undefined, withCredentials: undefined });
  EventStream.connect("/x", { fetch: false, withCredentials: true });
  EventStream.connect("/x", { fetch: maybe.flag });
  EventStream.connect("/x", { fetch: true, events: "all", reconnect: "refused", throwOnClose: maybe.flag });
  EventStream.connect<Orders>("/x", { decode: { shipped: schema } });
  EventStream.connect("/x", { decode: event => event.json() });
  EventStream.connect("/x", { fetch: maybe.flag ? { headers } : undefined });
  EventStream.connect("/x", { fetch: { headers, lastEventIdInQuery: maybe.flag, credentials: "omit" } });
  EventStream.connect("/x", { fetch: { headers: [["a", "b"]], body: "{}" } });
  EventStream.connect("/x", { fetch: { headers: () => ({ a: "b" }), retryIf: refused => refused.status === 401 } });
  EventStream.connect("/x", { fetch: { headers: async () => new Headers() } });
  EventStream.connect("/x", { fetch: { headers: async () => (maybe.flag ? { a: "b" } : {}) } });
  EventStream.connect("/x", { fetch: { retryIf: refused => (refused.status >= 500 ? true : undefined) } });
  const untyped: EventStream<Record<string, unknown>> = EventStream.connect("/x", { events: ["a"] });
  untyped.close();
  EventStream.connect("/x", { fetch: { method: "POST", body: maybe.id } });
  EventStream.connect("/x", { fetch: { method: maybe.flag ? "GET" : "POST" } });
  const own: Options<"placed"> = { events: ["placed"] };
  EventStream.connect<Pick<Orders, "placed">>("/x", own);
  interface More extends StreamOptions { url: string }
  const { url, ...rest }: More = { url: "/x" };
  EventStream.connect(url, rest);
}

declare const schema: StandardSchema<string>;

export function wrong() {
  // @ts-expect-error
  EventStream.connect<Orders>("/x", { events: ["ordered"] });
  // @ts-expect-error
  EventStream.connect<Orders>("/x", { event: ["placed"] });
  // @ts-expect-error: what the hub says of its own comes as signals
  EventStream.connect<{ "sse-gap": Gap }>("/x", { events: ["sse-gap"] });
  // @ts-expect-error
  EventStream.connect("/x", { heartbeat: true });
  // @ts-expect-error: over fetch there is `credentials`
  EventStream.connect("/x", { fetch: true, withCredentials: true });
  // @ts-expect-error
  EventStream.connect("/x", { fetch: {}, withCredentials: false });
  // @ts-expect-error
  EventStream.connect("/x", { fetch: { method: "PUT" } });
  // @ts-expect-error
  EventStream.connect("/x", { fetch: { method: "GET", body: "{}" } });
  // @ts-expect-error
  EventStream.connect("/x", { fetch: { body: {} } });
  // @ts-expect-error: an EventSource has to know the names
  EventStream.connect("/x", { events: "all" });
  // @ts-expect-error
  EventStream.connect("/x", { reconnect: "always" });
  // @ts-expect-error
  EventStream.connect<Orders>("/x", { decode: { ordered: schema } });
  // @ts-expect-error
  EventStream.connect<string>("/x");
  // @ts-expect-error
  EventStream.connect(7);
  // @ts-expect-error: only `connect` makes them
  new EventStream();
  // @ts-expect-error
  class Other extends EventStream {}
  return Other;
}
