// What a stream is asked for by.

Object.assign(tests, {
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
      [{ shared: true, fetch: { body: "{}" } }, "option shared can't be true: another tab would ask for the stream again when this " +
        "one goes; say reconnect: true, if it may"],
      [{ shared: true, fetch: true, events: "all" }, 'option events can\'t be "all": tabs that share have to know the names'],
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
});
