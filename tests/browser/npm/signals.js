// What is told of a stream, and its end.

Object.assign(tests, {
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
});
