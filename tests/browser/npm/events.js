// Events, as they arrive.

Object.assign(tests, {
  async all_names_over_fetch() {
    if (BUILD.includes("/wasm/")) {
      equal(thrown(() => EventStream.connect("/x", { fetch: true, events: "all" })).startsWith("TypeError: option events"), true);
      return;
    }
    const name = topic();
    const stream = await open(name, { fetch: true, events: "all" });
    for (const event of ["one", "message", "other"]) await publish(name, event, event);
    const names = [];
    for await (const event of stream) if (names.push(event.name) === 3) break;
    equal(names, ["one", "message", "other"]);
  },

  async batches_can_be_left_while_they_wait() {
    const stream = await open(topic());
    const batches = stream.batches();
    const waiting = batches.next();
    equal([await batches.return(), await waiting, stream.state.kind], [{ done: true }, { done: true }, "closed"]);
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
});
