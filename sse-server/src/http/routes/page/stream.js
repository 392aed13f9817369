// ------------------------------------------------------------------ the parser
/**
 * An event stream, cut anywhere, into events.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
class EventStreamParser {
  #decoder = new TextDecoder(); // strips one leading BOM, keeps a character cut in two
  #line = "";                   // the unfinished last line
  #afterCr = false;             // the input ended in CR: a LF that comes next belongs to it
  #data = []; #event = ""; #id;
  #handlers;

  constructor(lastEventId, handlers) {
    this.#id = this.lastEventId = lastEventId;
    this.#handlers = handlers;
  }

  feed(bytes) {
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return;
    let from = this.#afterCr && text[0] === "\n" ? 1 : 0;
    this.#afterCr = text.endsWith("\r");
    const ends = /\r\n?|\n/g;
    ends.lastIndex = from;
    for (let end; (end = ends.exec(text)); from = ends.lastIndex) {
      const line = this.#line + text.slice(from, end.index);
      this.#line = "";
      this.#take(line);
    }
    this.#line += text.slice(from);
  }

  #take(line) {
    if (line === "") return this.#dispatch();
    const [, field, value] = /^([^:]*)(?:: ?([^]*))?$/.exec(line);
    if (field === "data") this.#data.push(value ?? "");
    else if (field === "event") this.#event = value ?? "";
    else if (field === "id" && !value?.includes("\0")) this.#id = value ?? "";
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#handlers.onretry(Number(value));
  }

  #dispatch() {
    this.lastEventId = this.#id; // a block commits its id with data or without
    const [event, data] = [this.#event || "message", this.#data];
    this.#event = "";
    this.#data = [];
    if (data.length > 0) this.#handlers.onevent({ event, data: data.join("\n"), id: this.#id });
  }
}

// -------------------------------------------------------------- the connection
const HEAD_MS = 15_000;       // until the hub's first event; it sends that at once
const BACKOFF_MS = 30_000;    // the longest wait, unless the hub asks for more
const RETRY_MIN_MS = 250;     // whatever the hub asks for: no hot loop
const WAIT_MAX_MS = 3_600_000; // whatever the hub asks for: no overflow of the timer
const ENDED = "All topics ended.";
const SLICE = 32_768;         // bytes that are parsed between two looks at the clock
const TURN_MS = 8;            // of parsing, before the browser may draw and answer

/** Lets the browser draw and answer. Unlike a timer it does not wait for long in a hidden tab. */
const breath = () => new Promise((go) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { port1.close(); go(); };
  port2.postMessage(null);
});

/**
 * Keeps one stream alive. EventSource hands over only events whose names are known beforehand, and
 * publishers choose theirs freely; so this reads the bytes itself.
 *
 *   idle, closed --start--> connecting --first event--> open
 *                            ^      \                    /
 *                          timer     `---> waiting <----'    an end that may pass
 *
 *   a refusal that will not pass, or stop: closed or idle
 *   the end of all topics, told by the stream or by a 204: ended
 */
class Connection {
  state = "idle";
  why = "";           // a sentence on the state
  lastEventId = "";
  reconnects = 0;     // streams opened again after an end that nobody here asked for
  heartbeat = null;   // the hub's interval, in seconds
  life = null;        // when the hub last sent a byte
  due = 0;            // when the next attempt comes

  #handlers;
  #attempt = null;    // the AbortController of the one connection that counts
  #timer = 0;         // the watchdog's, or the wait's
  #quietSince = 0;
  #limit = 0;         // how long the hub may be quiet, in milliseconds
  #retry = 1000;
  #failures = 0;      // ends in a row without a first event
  #lost = false;

  constructor(handlers) { this.#handlers = handlers; }

  start() {
    this.#drop();
    this.#run((this.#attempt = new AbortController()));
  }

  stop(state, why) {
    this.#drop();
    this.#become(state, why);
  }

  /** Waits with no timer, until `start`. */
  suspend(why) {
    this.#lost = true;
    this.due = 0;
    this.stop("waiting", why);
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#attempt?.abort();
    this.#attempt = null;
  }

  #become(state, why = "") {
    this.state = state;
    this.why = why;
    this.#handlers.onstate();
  }

  async #run(attempt) {
    this.#become("connecting");
    this.#quietSince = performance.now();
    this.#limit = HEAD_MS;
    this.#watch(attempt);
    let why, atLeast = 0, answered = false;
    try {
      const headers = { Accept: "text/event-stream", ...this.#handlers.headers() };
      if (this.lastEventId !== "") headers["Last-Event-ID"] = this.lastEventId;
      const response = await fetch(this.#handlers.url(), { headers, cache: "no-store", signal: attempt.signal });
      const { status } = response;
      answered = true;
      if (status === 204) {
        if (attempt === this.#attempt) this.stop("ended", ENDED);
        return;
      }
      if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) {
        const sentence = await problem(response);
        if (attempt === this.#attempt) {
          this.stop("closed", sentence);
          if (status === 401) this.#handlers.onunknown();
        }
        return;
      }
      if (!response.ok) {
        why = await problem(response);
        atLeast = Number(response.headers.get("retry-after")) * 1000 || 0;
      } else if (!/^text\/event-stream\s*(;|$)/i.test(response.headers.get("content-type") ?? "")) {
        why = "The answer was no event stream.";
      } else {
        why = await this.#read(response, attempt);
      }
    } catch {
      // The watchdog's reason is a sentence; a browser's own error says less than is known here.
      why = attempt.signal.aborted ? attempt.signal.reason : answered ? "The connection broke." : "The hub can’t be reached.";
    }
    if (attempt === this.#attempt) this.#wait(why, atLeast); // else another connection counts by now
  }

  /** Reads to the end, and gives the reason for it. */
  async #read(response, attempt) {
    let drained, ended = false;
    this.heartbeat = Number(response.headers.get("sse-heartbeat")) || null;
    const parser = new EventStreamParser(this.lastEventId, {
      onretry: (ms) => { this.#retry = Math.min(Math.max(ms, RETRY_MIN_MS), WAIT_MAX_MS); },
      onevent: (event) => {
        this.lastEventId = event.id;
        const drain = event.event === "sse-drain";
        if (drain) drained = drainText(event.data);
        // A hub that takes no more streams answers with a drain alone: that opens nothing, and is told as the reason.
        if (drain && this.state !== "open") return;
        this.#handlers.onevent(event);
        if (this.state !== "open") this.#opened(attempt);
        ended ||= event.event === "sse-end";
      },
    });
    const reader = response.body.getReader();
    let worked = 0; // milliseconds since the last breath
    for (;;) {
      const { done, value } = await reader.read();
      if (attempt !== this.#attempt) return;
      if (done) return drained ?? (this.state === "open" ? "The stream ended." : "The stream ended before its first event.");
      for (let from = 0; from < value.length; from += SLICE) {
        const started = this.life = this.#quietSince = performance.now();
        parser.feed(value.subarray(from, from + SLICE));
        this.lastEventId = parser.lastEventId;
        this.#handlers.onread();
        if (ended) return this.stop("ended", ENDED); // whatever becomes of the connection: it is not asked again
        worked += performance.now() - started;
        if (worked < TURN_MS) continue;
        await breath();
        if (attempt !== this.#attempt) return;
        worked = 0;
      }
    }
  }

  #opened(attempt) {
    if (this.#lost) this.reconnects++;
    this.#lost = false;
    this.#failures = 0;
    // Half as much again as the hub's own interval, so that one late heartbeat kills nothing.
    this.#limit = this.heartbeat ? Math.min(this.heartbeat * 1500, WAIT_MAX_MS) : Infinity;
    this.#watch(attempt);
    this.#become("open");
  }

  /** Ends a connection that is quiet for too long. The timer moves only when it fires: bytes cost nothing. */
  #watch(attempt) {
    clearTimeout(this.#timer);
    if (this.#limit === Infinity) return;
    const left = this.#quietSince + this.#limit - performance.now();
    if (left > 0) {
      this.#timer = setTimeout(() => this.#watch(attempt), left);
      return;
    }
    const seconds = Math.round(this.#limit / 100) / 10;
    attempt.abort(this.state === "open" ? `No sign of life for ${seconds} s.`
      : `No answer within ${seconds} s. Over HTTP/1.1 a browser opens at most six connections to one hub; other tabs may hold them.`);
  }

  #wait(why, atLeast) {
    this.#drop();
    // The first wait is what the hub asked for, which spreads its clients itself; later ones double, with jitter.
    const ceiling = Math.min(this.#retry * 2 ** this.#failures, BACKOFF_MS);
    const jittered = this.#failures === 0 ? ceiling : ceiling * (0.5 + Math.random() / 2);
    const delay = Math.min(Math.max(jittered, this.#retry, atLeast), WAIT_MAX_MS);
    this.#failures++;
    this.#lost = true;
    this.due = performance.now() + delay;
    this.#timer = setTimeout(() => this.start(), delay);
    this.#become("waiting", why);
  }
}

