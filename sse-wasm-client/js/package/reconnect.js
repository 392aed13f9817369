// When to connect and disconnect: a connection's state machine, as `sse-wasm-client/src/reconnect.rs` has it. Knows no
// browser, clock or chance: `now` is in milliseconds and never goes back, `random` is drawn from 0 to 1.
//
//                  first event
//  ┌─▶ connecting ────────────────▶ open
//  │    │     ▲                      │
//  │    │     ├──────────────────────┤ lost: the browser reconnects by itself
//  │    │     └──────────────────────┤ silent
//  │    │ refused, no response,      │ ended, failed
//  │    ▼ no event in time           ▼
//  └── waiting ◀─────────────────────┘
//
//   any but closed ── hidden for long enough, stored ──▶ paused ── visible, restored ──▶ connecting
//   any ── close, a final refusal, the end of all topics, an end that `reconnect` takes for one ──▶ closed

/** A hub's interval of heartbeats unless it is configured otherwise, and how late one may be. */
const HEARTBEAT = 15_000;
const MARGIN = 5_000;
/** How long a response's head may take. */
const HEAD = 30_000;
/** A stream that lasts as long makes the failures before it be forgotten. */
const STABLE = 5_000;
/** The longest wait that a server can ask for. */
const MAX_ASKED = 600_000;
/** The longest silence that is allowed to a stream when the ones before it were silent too. */
const MAX_SILENCE = 600_000;

/**
 * @typedef {import("./index.js").State} State
 * @typedef {import("./index.js").Refused} Refused
 * @typedef {import("./index.js").Why} Why
 *
 * @typedef {object} Settings
 * @property {number} reconnectionTime
 * @property {number} maxWait
 * @property {number | undefined} heartbeat 0 for no deadline at all
 * @property {number | undefined} pauseWhenHidden
 * @property {number | undefined} giveUpAfter
 * @property {boolean} shared tabs share the connection: this only decides whether this one takes part
 * @property {boolean | "refused" | undefined} reconnect undefined for a stream that may be asked for again once it has an ID
 */

export class Reconnect {
  /** The same object until it changes. @type {State} */
  state = { kind: "connecting" };
  /** What the driver is to do next: drop the connection if it has one, then make one. */
  disconnect = false;
  connect = false;
  /** The ID that the present connection was made with, and where the next one resumes. */
  start;
  lastEventId;
  /** What has arrived is not being read, for want of room, so silence means nothing. */
  #held = false;
  #settings;
  #failures = 0;
  #refusals = 0;
  /** Streams in a row that opened and then were silent for too long. */
  #silentStreams = 0;
  /** @type {number | undefined} */ #reconnectionTime;
  /** The end of the time for which a `Retry-After` asked. Neither the network nor the page shortens it. */
  #notBefore = -Infinity;
  #online = true;
  /** The page is in the back/forward cache. */
  #stored = false;
  #hiddenSince = Infinity;
  /** A stream has begun, with this connection or an earlier one. */
  #hasBegun = false;
  // Of the present connection: when it has been silent for too long, how long that is, whether heartbeats are certain, whether
  // the browser makes it at a time of its own, when its first event came, whether it has shown that it is a hub's.
  #deadline = Infinity;
  /** @type {number | undefined} */ #limit;
  #hasHeartbeats = false;
  #byBrowser = false;
  #since = 0;
  #ofHub = false;
  #silentBefore = 0;
  /** The page was asleep at the deadline, so it was postponed. Once only: timers of a hidden page are always late. */
  #postponed = false;

  /**
   * A connection that is to be made at once, and resumes after `start`.
   *
   * @param {Settings} settings
   * @param {string} start
   * @param {number} now
   */
  constructor(settings, start, now) {
    this.#settings = settings;
    this.start = this.lastEventId = start;
    this.#connect(now);
  }

  /** There is a connection, or one is being made, so that what it reports counts. */
  get isConnected() {
    const { kind } = this.state;
    return kind === "connecting" || kind === "open" || (kind === "waiting" && this.#settings.shared);
  }

  get isClosed() {
    return this.state.kind === "closed";
  }

  /** When `handleTime` is due, if at all. */
  get nextTime() {
    const phase = this.isConnected ? (this.#held ? Infinity : this.#deadline) : this.state.kind === "waiting" ? this.state.until : Infinity;
    return Math.min(phase, this.#hiddenUntil());
  }

  /** A stream's response has begun; its head announces heartbeats every so many milliseconds, where that can be seen. */
  handleHead(/** @type {number | undefined} */ heartbeat, /** @type {number} */ now) {
    if (this.state.kind !== "connecting") return;
    this.#hasBegun = true;
    // A hub sends an event at once, so the first one has a deadline whether heartbeats will follow or not.
    this.#hasHeartbeats = heartbeat !== undefined || this.#settings.heartbeat !== undefined;
    // An answer that may not be asked for again may take its time.
    this.#limit = this.#hasHeartbeats || this.mayRepeat ? (heartbeat ?? this.#interval()) + MARGIN : Infinity;
    this.#byBrowser = false;
    this.handleHeard(now);
  }

  /** Bytes arrived which need not be an event. */
  handleHeard(/** @type {number} */ now) {
    if (this.state.kind === "open") {
      this.#silentStreams = this.#silentBefore = 0;
      this.#restartSilence(now);
    } else if (this.state.kind === "connecting" && this.#limit !== undefined) {
      this.#deadline = this.#watched(now + this.#limit);
    }
  }

  /** An event arrived. Returns false if it is to be ignored, since there is no connection any more. */
  handleEvent(/** @type {string} */ id, /** @type {boolean} */ ofHub, /** @type {number} */ now) {
    if (!this.isConnected) return false;
    this.lastEventId = id;
    if (this.#settings.shared) return true; // events may be repeated ones while the connection is made anew
    if (this.state.kind === "connecting") {
      this.#hasBegun = this.#online = true; // whatever the browser says
      this.#refusals = 0;
      this.#since = now;
      this.#ofHub = false;
      this.#silentBefore = this.#silentStreams;
      if (!this.#hasHeartbeats) this.#limit = undefined;
      this.#enter({ kind: "open" });
    } else if (ofHub || !this.#ofHub) {
      // A hub whose other events are not heard seems silent. Its own events prove that it would be heard.
      this.#silentStreams = this.#silentBefore = 0;
    }
    if (ofHub || this.#settings.heartbeat !== undefined) this.#limit ??= this.#interval() + MARGIN;
    this.#ofHub ||= ofHub;
    this.#restartSilence(now);
    return true;
  }

  /**
   * The hub announced the end of the stream. A stream that opens with its end serves nothing: it was refused, and its end, which
   * follows, is one more failure.
   */
  handleDrain(/** @type {string} */ id, /** @type {number} */ now) {
    if (this.state.kind !== "connecting" || this.#settings.shared) return this.handleEvent(id, true, now);
    this.#hasBegun = false;
    this.handleHeard(now);
    this.lastEventId = id;
    return true;
  }

  /** The server said that nothing more will come: a hub by `sse-end`, any server by a 204. */
  handleLast() {
    if (this.isConnected) this.finish({ kind: "closed", why: "ended" });
  }

  /** The server set an ID without an event. */
  handleId(/** @type {string} */ id) {
    if (this.isConnected) this.lastEventId = id;
  }

  /** The server set the reconnection time. */
  handleRetry(/** @type {number} */ time) {
    this.#reconnectionTime = Math.min(time, MAX_ASKED);
  }

  /** What has arrived can't be read for want of room, or it can again. */
  handleHold(/** @type {boolean} */ held, /** @type {number} */ now) {
    this.#held = held;
    this.handleHeard(now);
  }

  /** The connection is lost, and the browser makes another. */
  handleLost(/** @type {number} */ now) {
    // Of a stream that was open the browser doesn't tell whether it was whole.
    if (!this.isConnected || this.#endsHere(this.state.kind === "open" ? "ended" : "failed")) return;
    this.#settle(now);
    // The browser doesn't tell when, and its attempt may hang for ever.
    this.#deadline = this.#watched(now + MAX_ASKED + HEAD);
    this.#limit = undefined;
    this.#byBrowser = true;
    this.#enter({ kind: "connecting", why: "ended" });
  }

  /** The connection ended, or for another reason there is none and the browser makes no other. */
  handleEnd(/** @type {"ended" | "failed"} */ why, /** @type {number} */ now, /** @type {number} */ random) {
    if (!this.isConnected || this.#endsHere(why)) return;
    this.#wait({ why: why === "failed" && this.state.kind === "connecting" ? "unreachable" : why }, 0, now, random);
  }

  /** The response was no stream. `mayPass` says whether to try again. */
  handleRefusal(/** @type {Refused} */ refused, /** @type {boolean} */ mayPass, /** @type {number} */ now, /** @type {number} */ random) {
    if (!this.isConnected) return;
    const { status, retryAfter } = refused;
    this.#refusals += 1;
    if (!mayPass) {
      if (status === 200) this.finish({ kind: "closed", why: "not-an-event-stream" });
      else if (status) this.finish({ kind: "closed", why: "status", status });
      else this.finish({ kind: "closed", why: "gave-up" });
    } else if (this.#refusals >= (this.#settings.giveUpAfter ?? Infinity)) {
      this.finish({ kind: "closed", why: "gave-up" });
    } else {
      this.#wait(status ? { why: "refused", status } : { why: "refused" }, retryAfter ?? 0, now, random);
    }
  }

  /** The connection that tabs share is in this state. */
  adopt(/** @type {State} */ state) {
    if (state.kind === "closed") this.finish(state);
    else if (this.isConnected) this.#enter(state);
  }

  /** Time has passed. */
  handleTime(/** @type {number} */ now, /** @type {number} */ random) {
    if (now >= this.#hiddenUntil()) this.#pause(now);
    if (this.state.kind === "waiting" && !this.isConnected && now >= this.state.until) this.#connect(now);
    if (!this.isConnected || this.#held || now < this.#deadline) return;
    if (this.state.kind === "connecting") {
      if (!this.#endsHere("failed")) this.#wait({ why: "silent" }, 0, now, random);
    } else if (this.#postponed || now < this.#deadline + MARGIN) {
      this.#silentStreams += 1;
      if (this.#endsHere("failed")) return;
      this.#disconnect(now);
      this.#connect(now, "silent");
    } else {
      // The page was asleep, and what has arrived meanwhile may still be on its way to here.
      this.#deadline = now + MARGIN;
      this.#postponed = true;
    }
  }

  /** The network is back. */
  handleOnline(/** @type {number} */ now) {
    this.#online = true;
    if (this.isConnected && !this.#byBrowser) return;
    if (this.state.kind === "waiting") {
      this.#connectSoon(now);
    } else if (this.state.kind === "connecting") {
      // The browser's own wait may be long, or its attempt may hang on the network that is gone.
      this.#disconnect(now);
      this.#connect(now);
    }
  }

  /** The network is gone, as far as the browser knows. Some never see one, so this goes on trying, at the longest of its waits. */
  handleOffline(/** @type {number} */ now) {
    this.#online = false;
    if (this.state.kind !== "waiting" || this.isConnected) return;
    this.#enter({ ...this.state, until: Math.max(this.state.until, now + this.#settings.maxWait) });
  }

  handleHidden(/** @type {number} */ now) {
    this.#hiddenSince = Math.min(this.#hiddenSince, now);
  }

  /** The page is visible, so it is not in the back/forward cache either. */
  handleVisible(/** @type {number} */ now) {
    this.#hiddenSince = Infinity;
    this.#stored = false;
    this.#resume(now);
  }

  /** The page is left, and may be put into the back/forward cache, where no connection survives. */
  handleStored(/** @type {number} */ now) {
    this.#stored = true;
    this.#pause(now);
  }

  handleRestored(/** @type {number} */ now) {
    if (!this.#stored) return;
    this.#stored = false;
    this.#resume(now);
  }

  /** The application does not want to wait any longer. */
  retryNow(/** @type {number} */ now) {
    if (this.state.kind === "waiting" && !this.isConnected) this.#connect(now);
  }

  /** Closes the connection for good. */
  finish(/** @type {State} */ state) {
    if (this.isClosed) return;
    this.#disconnect(0);
    this.#enter(state);
  }

  #enter(/** @type {State} */ state) {
    this.state = state;
  }

  #connect(/** @type {number} */ now, /** @type {Why | undefined} */ why = undefined) {
    this.start = this.lastEventId;
    this.connect = true;
    this.#held = this.#byBrowser = this.#hasHeartbeats = false;
    this.#limit = undefined;
    const hasDeadline = !this.#settings.shared && (this.mayRepeat || this.#settings.heartbeat !== undefined);
    this.#deadline = hasDeadline ? this.#watched(now + HEAD) : Infinity;
    this.#enter(why ? { kind: "connecting", why } : { kind: "connecting" });
  }

  /** Connects at once, or when the time of a `Retry-After` is over. */
  #connectSoon(/** @type {number} */ now) {
    if (now >= this.#notBefore) return this.#connect(now);
    this.#enter({ kind: "waiting", attempt: Math.max(this.#failures, 1), until: this.#notBefore, why: "refused" });
  }

  #disconnect(/** @type {number} */ now) {
    this.#settle(now);
    if (this.isConnected && !this.connect) this.disconnect = true; // one that is yet to be made needs no end
    this.connect = false;
  }

  /** Forgets failures if the stream that ends here was stable. */
  #settle(/** @type {number} */ now) {
    if (this.state.kind === "open" && now - this.#since >= STABLE) this.#failures = 0;
  }

  /** Whether the stream may be asked for again when it ends now. */
  get mayRepeat() {
    const { reconnect } = this.#settings;
    if (reconnect === "refused") return !this.#hasBegun;
    return reconnect ?? this.lastEventId !== "";
  }

  /** Closes the stream if it may not be asked for again. */
  #endsHere(/** @type {"ended" | "failed"} */ why) {
    if (this.mayRepeat) return false;
    this.finish({ kind: "closed", why });
    return true;
  }

  #wait(/** @type {{ why: Why, status?: number }} */ reason, /** @type {number} */ retryAfter, /** @type {number} */ now, /** @type {number} */ random) {
    this.#disconnect(now);
    const { reconnectionTime, maxWait } = this.#settings;
    const asked = this.#reconnectionTime;
    // A server that sets a reconnection time spreads its clients. One that did not has its first wait drawn too.
    let wait = drawn(asked ?? reconnectionTime, maxWait, this.#failures + (asked === undefined ? 1 : 0), random);
    if (retryAfter) {
      this.#notBefore = now + Math.min(retryAfter, MAX_ASKED);
      wait = Math.max(wait, this.#notBefore - now);
    }
    if (this.#online) this.#failures += 1;
    else wait = Math.max(wait, maxWait);
    this.#enter({ kind: "waiting", attempt: Math.max(this.#failures, 1), until: now + wait, ...reason });
  }

  #pause(/** @type {number} */ now) {
    if (this.isClosed || this.state.kind === "paused" || (this.isConnected && this.#endsHere("failed"))) return;
    this.#disconnect(now);
    this.#enter({ kind: "paused" });
  }

  #resume(/** @type {number} */ now) {
    if (this.state.kind === "paused" && !this.#stored) this.#connectSoon(now);
  }

  /** When a hidden page is to pause. */
  #hiddenUntil() {
    const { pauseWhenHidden } = this.#settings;
    return this.state.kind === "paused" || this.isClosed ? Infinity : this.#hiddenSince + (pauseWhenHidden ?? Infinity);
  }

  #interval() {
    return this.#settings.heartbeat ?? HEARTBEAT;
  }

  /** The time of a deadline, unless there are to be none. */
  #watched(/** @type {number} */ time) {
    return this.#settings.heartbeat === 0 ? Infinity : time;
  }

  /**
   * A hub sends heartbeats only while it has nothing else to send, and the browser doesn't tell of events that nobody listens for.
   * So a stream that is silent each time is more likely to be full of such events, and each time is allowed twice the silence.
   */
  #restartSilence(/** @type {number} */ now) {
    const limit = this.#limit ?? Infinity;
    this.#deadline = this.#watched(now + Math.min(limit * 2 ** this.#silentBefore, Math.max(limit, MAX_SILENCE)));
    this.#postponed = false;
  }
}

/** The wait after a failure that `failures` others preceded in a row: never less than `least`, with full jitter above that. */
function drawn(/** @type {number} */ least, /** @type {number} */ most, /** @type {number} */ failures, /** @type {number} */ random) {
  const span = Math.min(Math.max(least, 100) * 2 ** Math.min(failures, 20), most) - least;
  return failures === 0 ? least : least + Math.max(span, 0) * random;
}
