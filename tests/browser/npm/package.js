// Runs in a page of the hub's origin, as the body of a function; gives null or what went wrong for each test.

const { default: init, EventStream } = await import(BUILD);

let count = 0;
const topic = () => `package/${Date.now()}/${count += 1}`;
const events = topic => `/events?topic=${topic}`;
const publish = async (topic, name, data) => {
  const answer = await fetch(`/publish/${topic}?event=${name}`, { method: "POST", body: data });
  return (await answer.json()).id;
};

const equal = (one, other) => {
  const [left, right] = [one, other].map(value => JSON.stringify(value));
  if (left !== right) throw new Error(`${left} is not ${right}`);
};
const thrown = act => {
  try { act(); } catch (error) { return `${error.name}: ${error.message}`; }
  throw new Error("nothing was thrown");
};
const reach = async (stream, kind) => {
  for await (const state of stream.states()) if (state.kind === kind) return state;
  throw new Error(`it ended before it was ${kind}`);
};
const open = async (topic, options) => {
  const stream = EventStream.connect(events(topic), options);
  await reach(stream, "open");
  return stream;
};
/** Does something while every request gets this stream, in one piece and open at its end. */
const answered = async (text, act) => {
  const { fetch } = globalThis;
  globalThis.fetch = async () => {
    const body = new ReadableStream({ start: stream => stream.enqueue(new TextEncoder().encode(text)) });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  try {
    return await act();
  } finally {
    globalThis.fetch = fetch;
  }
};
const within = promise => Promise.race([
  promise,
  new Promise((_, fail) => setTimeout(() => fail(new Error("nothing came of it for 10 s")), 10_000)),
]);

const tests = {
  /** So a component that is unmounted at once leaves nothing, loaded or not. */
  async it_connects_at_once_and_what_is_closed_before_leaves_nothing() {
    const { EventSource } = globalThis;
    let made = 0;
    globalThis.EventSource = class extends EventSource {
      constructor(...plan) {
        super(...plan);
        made += 1;
        this.addEventListener("error", () => { made += 100; });
      }
    };
    try {
      const closed = EventStream.connect(events(topic()));
      equal([closed.state, closed.lastEventId, closed.dropped], [{ kind: "connecting" }, "", 0]);
      closed.close();
      equal([closed.state, await closed.next(), await closed.closed], [
        { kind: "closed", why: "application" }, { done: true }, { kind: "closed", why: "application" },
      ]);
      const closings = made;
      const kept = EventStream.connect(events(topic()));
      await init();
      await reach(kept, "open");
      kept.close();
      equal([closings <= 1, made - closings], [true, 1]);
    } finally {
      globalThis.EventSource = EventSource;
    }
  },

  async a_state_is_the_same_object_until_it_changes() {
    const stream = EventStream.connect(events(topic()));
    const states = [];
    const forget = stream.subscribe(() => states.push(stream.state));
    equal(stream.state === stream.state, true);
    await reach(stream, "open");
    const open = stream.state;
    await new Promise(done => setTimeout(done, 50));
    equal([stream.state === open, states.at(-1) === open], [true, true]);
    forget();
    stream.close();
    await stream.closed;
    equal(states.length, 1);
  },

  async many_may_listen_to_a_signal() {
    const stream = EventStream.connect(`${events(topic())}&last_event_id=never-given`);
    const told = [];
    stream.addEventListener("gap", ({ detail }) => told.push(["one", detail.reason]));
    stream.addEventListener("gap", ({ detail }) => told.push(["other", detail.reason]), { once: true });
    while (told.length < 2) await new Promise(done => setTimeout(done, 5));
    stream.close();
    equal(told, [["one", "unknown"], ["other", "unknown"]]);
  },

  async a_bad_event_does_not_end_a_loop_that_decodes() {
    const schema = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: value => (typeof value.total === "number" ? { value: value.total } : { issues: [{ message: "no total" }] }),
      },
    };
    for (const decode of [event => event.json().total.toFixed(), { placed: schema }]) {
      const name = topic();
      const stream = await open(name, { events: ["placed"], decode });
      const bad = [];
      stream.onundecodable = ({ event, error }) => bad.push([event.data, error instanceof Error]);
      for (const data of ["{", '{"total":1}', "{}", '{"total":2}']) await publish(name, "placed", data);
      const values = [];
      for await (const event of stream) {
        values.push(Number(event.value));
        if (values.length === 2) break;
      }
      equal([values, bad], [[1, 2], [["{", true], ["{}", true]]]);
    }
  },

  async loss_is_told() {
    const name = topic();
    const { warn } = console;
    const warnings = [];
    console.warn = words => warnings.push(words);
    try {
      const stream = await open(name, { capacity: 2 });
      let lost = 0;
      stream.ondropped = ({ count }) => { lost += count; };
      let last;
      for (let number = 1; number <= 10; number += 1) last = await publish(name, "message", `${number}`);
      while (stream.lastEventId !== last) await new Promise(done => setTimeout(done, 5));
      equal([(await stream.next()).value.data, stream.dropped], ["9", 8]);
      stream.close();
      await stream.closed;
      await Promise.resolve(); // for the handler
      equal([lost, warnings.length, warnings[0].includes("capacity")], [8, 1, true]);
    } finally {
      console.warn = warn;
    }
  },

  async events_come_in_batches() {
    const name = topic();
    const stream = await open(name);
    const batches = [];
    for (const data of ["1", "2", "3"]) await publish(name, "message", data);
    for await (const many of stream.batches({ every: 100 })) {
      batches.push(...many.map(event => event.data));
      if (batches.length === 3) break;
    }
    equal([batches, stream.state], [["1", "2", "3"], { kind: "closed", why: "application" }]);
  },

  /** What a language model writes is paid for once, and shown once. */
  async a_post_that_ends_is_not_repeated() {
    const { fetch } = globalThis;
    let asked = 0;
    const answer = text => new Response(text, { headers: { "content-type": "text/event-stream" } });
    try {
      for (const [reconnect, text, requests] of [
        [undefined, "data: a\n\n", 1], [true, "data: a\n\n", 2], [undefined, "id: 1\ndata: a\n\n", 2], ["refused", "id: 1\ndata: a\n\n", 1],
        [false, "id: 1\ndata: a\n\n", 1],
      ]) {
        asked = 0;
        globalThis.fetch = async () => ((asked += 1) > 1 ? new Response(null, { status: 204 }) : answer(text));
        const stream = EventStream.connect("/ask", { fetch: { body: "{}" }, reconnect, reconnectionTime: 1, maxWait: 1 });
        const read = [];
        for await (const event of stream) read.push(event.data);
        equal([read, stream.state, asked], [["a"], { kind: "closed", why: "ended" }, requests]);
      }
      globalThis.fetch = async () => ((asked += 1) > 1 ? answer("data: a\n\n") : new Response(null, { status: 503 }));
      for (const [reconnect, state, requests] of [
        ["refused", { kind: "closed", why: "ended" }, 2], [undefined, { kind: "closed", why: "status", status: 503 }, 1],
      ]) {
        asked = 0;
        const stream = EventStream.connect("/ask", { fetch: { body: "{}" }, reconnect, reconnectionTime: 1, maxWait: 1 });
        await stream.closed;
        equal([stream.state, asked], [state, requests]);
      }
    } finally {
      globalThis.fetch = fetch;
    }
  },

  async a_loop_may_end_with_an_error() {
    const { warn } = console;
    console.warn = () => {};
    try {
      const stream = EventStream.connect("/events?topc=a", { fetch: true, throwOnClose: true });
      equal(await stream.next().catch(error => error.message), "the stream is closed: the server answered 400");
      equal(await stream.next(), { done: true });
    } finally {
      console.warn = warn;
    }
  },

  async events_come_with_all_that_they_have() {
    for (const fetch of [false, true]) {
      const name = topic();
      const stream = await open(name, { events: ["said"], fetch });
      const id = await publish(name, "said", '{"user":"Ann","n":[1]}');
      const { value, done } = await stream.next();
      equal([done, value.name, value.data, value.id], [false, "said", '{"user":"Ann","n":[1]}', id]);
      equal([value.origin, value.json()], [location.origin, { user: "Ann", n: [1] }]);
      equal([stream.lastEventId, stream.dropped, stream.state], [id, 0, { kind: "open" }]);
      stream.close();
    }
  },

  async only_the_chosen_names_and_messages() {
    const name = topic();
    const stream = await open(name, { events: ["error", "open"] });
    for (const event of ["message", "other", "error", "open"]) await publish(name, event, event);
    const received = [];
    for await (const event of stream) {
      received.push([event.name, event.data]);
      if (received.length === 3) break;
    }
    equal(received, [["message", "message"], ["error", "error"], ["open", "open"]]);
    equal([stream.state, await stream.next()], [{ kind: "closed", why: "application" }, { done: true }]);
  },

  async what_is_no_json_is_text_all_the_same() {
    const name = topic();
    const stream = await open(name);
    await publish(name, "message", "{");
    const { value } = await stream.next();
    equal([value.data, thrown(() => value.json()).startsWith("SyntaxError: ")], ["{", true]);
    stream.close();
  },

  async several_may_wait_for_the_next() {
    const name = topic();
    const stream = await open(name);
    const waiting = [stream.next(), stream.next(), stream.next()];
    await publish(name, "message", "1");
    await publish(name, "message", "2");
    equal([(await waiting[0]).value.data, (await waiting[1]).value.data], ["1", "2"]);
    stream.close();
    equal(await waiting[2], { done: true });
  },

  async a_close_keeps_what_has_arrived() {
    const name = topic();
    const stream = await open(name);
    const last = await publish(name, "message", "1");
    while (stream.lastEventId !== last) await new Promise(done => setTimeout(done, 5));
    stream.close();
    stream.close();
    const received = [];
    for await (const event of stream) received.push(event.data);
    equal(received, ["1"]);
  },

  async a_full_queue_counts_what_it_drops() {
    const name = topic();
    const stream = await open(name, { capacity: 2 });
    let last;
    for (const data of ["1", "2", "3"]) last = await publish(name, "message", data);
    while (stream.lastEventId !== last) await new Promise(done => setTimeout(done, 5));
    equal([(await stream.next()).value.data, stream.dropped], ["2", 1]);
    stream.close();
  },

  async it_resumes_after_an_id() {
    const name = topic();
    const first = await publish(name, "message", "1");
    await publish(name, "message", "2");
    for (const fetch of [false, true, { lastEventIdInQuery: true }]) {
      const stream = EventStream.connect(`${events(name)}&last_event_id=x`, { lastEventId: first, fetch });
      equal((await stream.next()).value.data, "2");
      stream.close();
    }
  },

  /** The page's address may change, as one-page applications have it. */
  async a_relative_url_is_resolved_once() {
    const { fetch, EventSource } = globalThis;
    const page = location.href;
    const asked = [];
    globalThis.fetch = async request => {
      asked.push(request.url);
      return new Response(null, { status: 503 });
    };
    globalThis.EventSource = class extends EventSource {
      constructor(url, init) {
        asked.push(url);
        super(new URL("/no-stream", location), init);
      }
    };
    try {
      for (const options of [{ fetch: true }, {}, { fetch: true, shared: true }, { shared: true }]) {
        asked.length = 0;
        const stream = EventStream.connect("events?topic=a", { ...options, reconnectionTime: 1, maxWait: 1 });
        try {
          await reach(stream, "waiting");
          history.pushState(null, "", "/another/address");
          while (asked.length < 2 && stream.state.kind !== "closed") await new Promise(done => setTimeout(done, 5));
        } finally {
          stream.close();
          history.replaceState(null, "", page);
        }
        const path = new URL("events?topic=a", page).href;
        equal(asked.slice(0, 2), [path, path]);
      }
    } finally {
      Object.assign(globalThis, { fetch, EventSource });
    }
  },

  async a_fetch_that_throws_is_tried_again() {
    const { fetch } = globalThis;
    globalThis.fetch = () => { throw new Error("out of order"); };
    const stream = EventStream.connect(events(topic()), { fetch: true, reconnectionTime: 1, maxWait: 1 });
    try {
      await within(reach(stream, "waiting"));
    } finally {
      globalThis.fetch = fetch;
    }
    await reach(stream, "open");
    stream.close();
  },

  async a_stream_closed_while_it_connects_leaves_no_connection() {
    const { EventSource } = globalThis;
    const made = [];
    let stream;
    globalThis.EventSource = class extends EventSource {
      constructor(url, init) {
        super(made.length === 0 ? new URL("/no-stream", location) : url, init);
        if (made.length > 0) stream.close();
        made.push(this);
      }
    };
    try {
      stream = EventStream.connect(events(topic()), { reconnectionTime: 1, maxWait: 1 });
      await reach(stream, "closed");
      equal(made.map(source => source.readyState), [2, 2]);
    } finally {
      globalThis.EventSource = EventSource;
    }
  },

  async a_loop_has_read_what_has_arrived_whenever_the_page_does_anything_else() {
    for (const options of [{}, { fetch: true }, { shared: true }]) {
      const name = topic();
      const stream = await open(name, options);
      let [read, count] = [stream.lastEventId, 0];
      const loop = (async () => {
        for await (const event of stream) {
          read = event.id;
          if ((count += 1) === 500) break;
        }
      })();
      const lines = Array.from({ length: 500 }, (_, number) => JSON.stringify({ topic: name, data: `${number}` }));
      const headers = { "content-type": "application/x-ndjson" };
      await fetch("/publish", { method: "POST", headers, body: lines.join("\n") });
      while (count < 500) {
        await new Promise(done => setTimeout(done));
        equal(stream.lastEventId, read);
      }
      await loop;
    }
  },

  async those_that_share_have_each_event_once() {
    for (const fetch of [false, true]) {
      const name = topic();
      const streams = [];
      for (let count = 0; count < 3; count += 1) streams.push(await open(name, { shared: true, fetch }));
      await publish(name, "message", "1");
      for (const stream of streams) equal((await stream.next()).value.data, "1");
      streams[0].close(); // which held the connection
      const id = await publish(name, "message", "2");
      for (const stream of streams.slice(1)) {
        const { value } = await stream.next();
        equal([value.data, value.id], ["2", id]);
        stream.close();
      }
    }
  },

  async abort_closes_it_and_ends_the_loop() {
    const controller = new AbortController();
    const stream = await open(topic(), { signal: controller.signal });
    const loop = (async () => { for await (const event of stream) throw new Error(event.data); })();
    controller.abort();
    await loop;
    equal(stream.state, { kind: "closed", why: "application" });
    equal(thrown(() => EventStream.connect("/events?topic=a", { signal: AbortSignal.abort() })).split(":")[0], "AbortError");
  },

  async it_can_be_disposed_of() {
    if (!Symbol.dispose) return;
    const stream = await open(topic());
    stream[Symbol.dispose]();
    equal(stream.state.kind, "closed");
  },

  async handlers_are_told_and_may_fail() {
    const stream = EventStream.connect(`${events(topic())}&last_event_id=never-given`);
    const [states, gaps, reported] = [[], [], []];
    const report = event => { event.preventDefault(); reported.push(event); };
    addEventListener("error", report);
    stream.onstate = state => { states.push(state.kind); if (state.kind === "connecting") throw new Error("a handler's"); };
    stream.ongap = gap => gaps.push([gap.type, gap.reason, gap.requested, gap.first]);
    await reach(stream, "open");
    while (gaps.length === 0) await new Promise(done => setTimeout(done, 5));
    stream.close();
    while (states.at(-1) !== "closed") await new Promise(done => setTimeout(done, 5));
    removeEventListener("error", report);
    equal([states, gaps], [["connecting", "open", "closed"], [["gap", "unknown", "never-given", null]]]);
    equal(reported.length, 1); // with what is wrong muted, since a driver's script is no page's
  },

  async a_loop_ends_when_its_topic_does() {
    for (const options of [{}, { fetch: true }, { shared: true }, { fetch: true, shared: true }]) {
      const name = topic();
      const stream = await open(name, options);
      const [told, read] = [[], []];
      stream.onend = end => told.push(end);
      await publish(name, "message", "That is");
      await fetch(`/publish/${name}?end`, { method: "POST", body: "all." });
      for await (const event of stream) read.push(event.data);
      equal([read, stream.state], [["That is", "all."], { kind: "closed", why: "ended" }]);
      while (told.length === 0) await new Promise(done => setTimeout(done, 5));
      equal(told, [{ type: "end", topics: [name] }]);
    }
  },

  async who_comes_back_after_the_end_is_told_over_fetch() {
    const name = topic();
    await fetch(`/publish/${name}?end`, { method: "POST", body: "all." });
    const first = EventStream.connect(`${events(name)}&since=earliest`);
    equal([(await first.next()).value.data, await first.next()], ["all.", { done: true }]);
    const again = EventStream.connect(events(name), { lastEventId: first.lastEventId, fetch: { retryIf: () => true } });
    const signals = [];
    for await (const signal of again.signals()) signals.push(signal.state?.why ?? signal.type);
    equal([signals, again.state], [["state", "ended"], { kind: "closed", why: "ended" }]);
  },

  async what_waits_for_signals_can_be_left() {
    const stream = await open(topic());
    for (const kind of ["signals", "states"]) {
      const iterator = stream[kind]();
      await iterator.next();
      const waiting = [iterator.next(), iterator.next()];
      equal([await iterator.return(), await waiting[0], await waiting[1]], [{ done: true }, { done: true }, { done: true }]);
      equal([await iterator.next(), await iterator.return(), iterator.dropped], [{ done: true }, { done: true }, 0]);
      const thrown = stream[kind]();
      const waits = thrown.next().then(() => thrown.next());
      equal(await thrown.throw(new Error("mine")).catch(error => error.message), "mine");
      equal(await waits, { done: true });
    }
    const seen = [];
    const loop = (async () => { for await (const state of stream.states()) seen.push(state.kind); })();
    stream.close();
    await loop;
    equal(seen, ["open", "closed"]);
  },

  async signals_that_make_room_are_counted() {
    let text = "event: sse-cursor\ndata:\n\n";
    for (let place = 0; place < 100; place += 1) text += `event: sse-gap\ndata: {"requested":"${place}"}\n\n`;
    await answered(`${text}data: 1\n\n`, async () => {
      const stream = EventStream.connect("/events?topic=a", { fetch: true });
      const [signals, states] = [stream.signals(), stream.states()];
      let told = 0;
      stream.ongap = () => { told += 1; };
      await stream.next();
      while (states.dropped < 38) await new Promise(done => setTimeout(done, 5));
      equal([signals.dropped, states.dropped, stream.dropped], [38, 38, 0]); // 102 with the first two states
      stream.close();
      await stream.closed;
      const gaps = [];
      for await (const signal of signals) if (signal.type === "gap") gaps.push(Number(signal.requested));
      equal([gaps.length, gaps[0], gaps.at(-1), signals.dropped], [63, 37, 99, 39]);
      while (told < 37) await new Promise(done => setTimeout(done, 5));
    });
  },

  async a_gap_is_placed_by_the_event_that_follows_it() {
    const text = 'event: sse-cursor\ndata:\n\nevent: sse-gap\ndata: {"reason":"epoch","requested":"x","first":"7"}\n\n';
    await answered(`${text}id: 7\ndata: 1\n\n`, async () => {
      const stream = EventStream.connect("/events?topic=a", { fetch: true });
      const gap = new Promise(done => { stream.ongap = done; });
      equal([(await gap).first, (await stream.next()).value.id], ["7", "7"]);
      stream.close();
    });
  },

  async an_event_that_is_too_long_is_told() {
    const text = `event: sse-cursor\ndata:\n\nevent: ${"n".repeat(2000)}\ndata: 1\n\ndata: 2\n\n`;
    await answered(text, async () => {
      const stream = EventStream.connect("/events?topic=a", { fetch: true });
      const told = new Promise(done => { stream.ontoolong = done; });
      equal([(await stream.next()).value.data, await told], ["2", { type: "too-long", limit: "name" }]);
      stream.close();
    });
  },

  async a_generator_that_hands_it_on_may_be_thrown_at() {
    const name = topic();
    const stream = await open(name);
    await publish(name, "message", "1");
    const handed = (async function* () { yield* stream; })();
    equal((await handed.next()).value.data, "1");
    equal(await handed.throw(new Error("mine")).catch(error => error.message), "mine");
    equal(stream.state.kind, "closed");
  },

  async a_page_may_use_it_while_its_request_is_aborted() {
    const { fetch } = globalThis;
    const name = topic();
    const next = [];
    let stream;
    globalThis.fetch = request => {
      request.signal.addEventListener("abort", () => {
        next.push(stream.next());
        equal([stream.state.kind, stream.dropped], ["closed", 0]);
        stream.close();
      });
      return fetch(request);
    };
    try {
      stream = await open(name, { fetch: true });
      stream.close();
      equal([await next[0], next.length], [{ done: true }, 1]);
    } finally {
      globalThis.fetch = fetch;
    }
  },

  async what_another_frame_made_is_taken() {
    const frame = document.body.appendChild(document.createElement("iframe"));
    const { AbortController, URL, Headers } = frame.contentWindow;
    const controller = new AbortController();
    const fetch = { headers: new Headers({ "X-Any": "1" }) };
    const url = new URL(events(topic()), location.href);
    const stream = EventStream.connect(url, { fetch, signal: controller.signal });
    await reach(stream, "open");
    controller.abort();
    equal(stream.state.kind, "closed");
    frame.remove();
  },

  async a_refusal_has_its_words_over_fetch() {
    const stream = EventStream.connect("/events?topc=a", { fetch: { headers: { "X-Any": "1" }, credentials: "omit" } });
    const signals = [];
    for await (const signal of stream.signals()) signals.push(signal);
    const [connecting, refused, closed] = signals;
    equal([connecting, closed], [
      { type: "state", state: { kind: "connecting" } },
      { type: "state", state: { kind: "closed", why: "status", status: 400 } },
    ]);
    equal([refused.type, refused.status, refused.retryAfter, refused.problem.detail.includes("topc")], ["refused", 400, null, true]);
    equal(await stream.next(), { done: true });
  },

  async it_waits_where_the_browser_has_given_up() {
    const stream = EventStream.connect("/nothing-here", { reconnectionTime: 5000, maxWait: 5000 });
    const before = performance.now();
    const { attempt, until } = await reach(stream, "waiting");
    equal([attempt, until >= before + 5000], [1, true]);
    stream.close();
  },

  async wrong_options_are_named() {
    const refused = (options, url = "/events?topic=a") => thrown(() => EventStream.connect(url, options));
    const ms = "give a number of milliseconds from";
    const wrong = [
      [{ event: ["a"] }, 'option "event" is unknown; there are events, lastEventId, withCredentials, fetch, shared, heartbeat, ' +
        "pauseWhenHidden, reconnectionTime, maxWait, giveUpAfter, capacity, signal, reconnect, decode, throwOnClose"],
      [null, "the second argument can't be null: give an object of options"],
      [{ events: "a" }, 'option events can\'t be "a": give an array of event names'],
      [{ events: ["a", 7] }, "option events[1] can't be 7: give a string"],
      [{ events: [, "a"] }, "option events[0] can't be undefined: give a string"],
      [{ events: ["sse-gap"] }, "option events: `sse-gap` is the hub's own, and what it says comes as a signal; rename the event"],
      [{ lastEventId: 7 }, "option lastEventId can't be 7: give a string"],
      [{ heartbeat: "15" }, `option heartbeat can't be "15": ${ms} 1 to 2147483647, or false`],
      [{ heartbeat: NaN }, `option heartbeat can't be NaN: ${ms} 1 to 2147483647, or false`],
      [{ pauseWhenHidden: true }, `option pauseWhenHidden can't be true: ${ms} 0 to 2147483647`],
      [{ maxWait: -1 }, `option maxWait can't be -1: ${ms} 0 to 2147483647`],
      [{ capacity: 0 }, "option capacity can't be 0: give a whole number from 1 to 4294967295"],
      [{ giveUpAfter: 1.5 }, "option giveUpAfter can't be 1.5: give a whole number from 1 to 4294967295"],
      [{ signal: {} }, "option signal can't be an object: give an AbortSignal"],
      [{ reconnect: 1 }, 'option reconnect can\'t be 1: give true, "refused" or false'],
      [{ decode: "json" }, 'option decode can\'t be "json": give a function, or an object of schemas'],
      [{ decode: { a: {} } }, "option decode.a can't be an object: give a Standard Schema"],
      [{ events: "all" }, 'option events can\'t be "all": give an array of event names: "all" is for fetch, an EventSource has to know them'],
      [{ shared: "yes" }, 'option shared can\'t be "yes": give true or false'],
      [{ withCredentials: 1 }, "option withCredentials can't be 1: give true or false"],
      [{ withCredentials: true, fetch: true }, 'option withCredentials can\'t be true: over fetch say fetch: { credentials: "include" } instead'],
      [{ fetch: "POST" }, 'option fetch can\'t be "POST": give true, or an object of options'],
      [{ fetch: { mode: "cors" } }, 'option fetch "mode" is unknown; there are method, headers, body, credentials, lastEventIdInQuery, retryIf'],
      [{ fetch: { method: "PUT" } }, 'option fetch.method can\'t be "PUT": give "GET" or "POST"'],
      [{ fetch: { method: "GET", body: "x" } }, 'option fetch.body can\'t be "x": a "GET" has none; say method: "POST"'],
      [{ fetch: { body: {} } }, "option fetch.body can't be an object: give a string, such as JSON.stringify makes"],
      [{ fetch: { credentials: "all" } }, 'option fetch.credentials can\'t be "all": give one of "omit", "same-origin", "include"'],
      [{ fetch: { headers: { a: 1 } } }, "option fetch.headers.a can't be 1: give a string"],
      [{ fetch: { headers: "a: 1" } }, 'option fetch.headers can\'t be "a: 1": give Headers, or an object or pairs of strings, or a function that gives them'],
    ];
    for (const [options, words] of wrong) equal(refused(options), `TypeError: ${words}`);
    for (const [url, shown] of [[7, "7"], [null, "null"], [{}, "an object"]]) {
      equal(refused({}, url), `TypeError: the URL can't be ${shown}: give a string or a URL`);
    }
    equal(refused({ events: ["a\nb"] }).startsWith("TypeError: option events: "), true);
    equal(refused({ lastEventId: "a\nb" }).startsWith("TypeError: option lastEventId: "), true);
    equal(refused({}, "ws://hub.example/"), 'TypeError: the URL can\'t be "ws://hub.example/": an event stream comes by http or https');
    equal(refused({}, "http://").startsWith("TypeError: the browser refuses the URL `http://`: "), true);
    equal(refused({ fetch: { headers: { "a b": "1" } } }).startsWith("TypeError: the browser refuses the header `a b`: "), true);
    equal(thrown(() => new EventStream()), "TypeError: an EventStream is made by EventStream.connect(url, options)");
  },

  async all_right_options_are_taken() {
    const controller = new AbortController();
    const common = { events: [], heartbeat: 1000, pauseWhenHidden: 0.5, reconnectionTime: 10, maxWait: 1000, giveUpAfter: 3, capacity: 1, signal: controller.signal };
    const fetches = [undefined, false, true, {}, { headers: new Headers({ a: "1" }) }, { headers: [["a", "1"]], credentials: "include" }];
    for (const fetch of fetches) {
      const stream = EventStream.connect(new URL(events(topic()), location.href), { ...common, fetch });
      await reach(stream, "open");
    }
    const never = EventStream.connect(events(topic()), { heartbeat: false, withCredentials: true });
    await reach(never, "open");
    never.close();
    controller.abort();
  },

  async headers_are_asked_for_before_each_request() {
    const { fetch, reportError } = globalThis;
    const [sent, reported] = [[], []];
    globalThis.fetch = async request => {
      sent.push(request.headers.get("authorization"));
      return new Response(null, { status: [503, 401, 403][sent.length - 1] });
    };
    globalThis.reportError = error => reported.push(error.message);
    let asked = 0;
    const headers = async () => {
      asked += 1;
      if (asked === 1) throw new Error("not signed in yet");
      if (asked === 2) return { Authorization: 2 };
      return asked === 3 ? undefined : { "X-Any": undefined, Authorization: `Bearer ${asked}` };
    };
    const retryIf = ({ status }) => (status === 503 ? undefined : status === 401 || Promise.resolve(true));
    try {
      const stream = EventStream.connect("/ask", { fetch: { headers, retryIf }, reconnectionTime: 1, maxWait: 1 });
      equal(await within(stream.next()), { done: true });
      equal(stream.state, { kind: "closed", why: "status", status: 403 });
      equal(sent, ["Bearer 4", "Bearer 5", "Bearer 6"]);
      equal(reported, [
        "not signed in yet",
        "option fetch.headers.Authorization can't be 2: give a string",
        "option fetch.headers can't be null: give Headers, or an object or pairs of strings, or a function that gives them",
        "what option fetch.retryIf gives can't be an object: give true or false, or undefined for the default",
      ]);
    } finally {
      Object.assign(globalThis, { fetch, reportError });
    }
  },

  async headers_of_the_same_name_are_joined() {
    const sent = [];
    const { fetch } = globalThis;
    globalThis.fetch = request => {
      sent.push(request.headers.get("x-any"));
      return fetch(request);
    };
    try {
      for (const headers of [[["X-Any", "1"], ["x-any", "2"]], { "X-Any": "1", "x-any": "2" }]) {
        (await open(topic(), { fetch: { headers } })).close();
      }
    } finally {
      globalThis.fetch = fetch;
    }
    equal(sent, ["1, 2", "1, 2"]);
  },

  async cookies_go_to_whom_they_are_meant_for() {
    const { fetch, EventSource } = globalThis;
    const sent = [];
    globalThis.fetch = request => {
      sent.push(request.credentials);
      return fetch(request);
    };
    globalThis.EventSource = class extends EventSource {
      constructor(...plan) {
        super(...plan);
        sent.push(this.withCredentials);
      }
    };
    try {
      for (const credentials of ["omit", "same-origin", "include", undefined]) {
        (await open(topic(), { fetch: { credentials } })).close();
      }
      for (const withCredentials of [true, false, undefined]) (await open(topic(), { withCredentials })).close();
    } finally {
      Object.assign(globalThis, { fetch, EventSource });
    }
    equal(sent, ["omit", "same-origin", "include", "same-origin", true, false, false]);
  },

  async a_post_has_its_body() {
    const sent = [];
    const { fetch } = globalThis;
    globalThis.fetch = async request => {
      sent.push([request.method, await request.text(), request.headers.get("content-type"), request.headers.get("authorization")]);
      return new Response("data: x\n\n", { headers: { "content-type": "text/event-stream" } });
    };
    try {
      for (const [body, method] of [["{}", undefined], [undefined, "post"]]) {
        const headers = { "Content-Type": "application/json", Authorization: "Bearer 1" };
        const stream = EventStream.connect("/ask", { fetch: { method, body, headers } });
        equal((await stream.next()).value.data, "x");
        stream.close();
      }
    } finally {
      globalThis.fetch = fetch;
    }
    equal(sent, [["POST", "{}", "application/json", "Bearer 1"], ["POST", "", "application/json", "Bearer 1"]]);
  },
};

const results = {};
for (const [name, test] of Object.entries(tests)) {
  results[name] = await within(test()).then(() => null, error => `${error.message}\n${error.stack}`);
}
return results;
