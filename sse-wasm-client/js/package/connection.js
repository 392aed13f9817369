// Carries out what `Reconnect` decides, and tells it what happens: to the connection, the timer and the page.

import { controlOf } from "./control.js";
import { Reconnect } from "./reconnect.js";

/** The longest that a browser's timer can wait, in milliseconds. */
const MAX_TIMER = 2 ** 31 - 1;

/**
 * What a connection reports. After it was ended nothing counts any more.
 *
 * @typedef {object} Report
 * @property {(heartbeat?: number) => void} head a stream's response has begun
 * @property {() => void} heard bytes have arrived
 * @property {(name: string, data: string, id: string, origin: string) => void} event
 * @property {(id: string) => void} id
 * @property {(milliseconds: number) => void} retry
 * @property {(limit: import("./index.js").TooLong["limit"]) => void} tooLong
 * @property {() => void} lost the browser makes another
 * @property {(why: "ended" | "failed") => void} ended
 * @property {() => void} last nothing more will come
 * @property {(refused: import("./index.js").Refused) => void} refused
 * @property {(state: import("./index.js").State) => void} state what tabs share is in this state
 * @property {(signal: import("./index.js").Refused | import("./index.js").TooLong) => void} signal what tabs share has told
 * @property {() => Promise<void> | undefined} room what to wait for before more is reported
 *
 * Makes a connection that resumes after an ID, and gives what ends it. It reports nothing before it has returned.
 * @typedef {(lastEventId: string, report: Report) => () => void} Dial
 *
 * Where events and signals go.
 * @typedef {object} Sink
 * @property {(name: string, data: string, id: string, origin: string) => void} event
 * @property {(signal: import("./index.js").Signal) => void} signal
 * @property {() => Promise<void> | undefined} room
 * @property {(name: string, data: string, id: string, origin: string) => void} [hubs] the hub's own, which are signalled too
 */

export class Connection {
  #reconnect;
  #plan;
  #sink;
  #dial;
  #state;
  /** Ends the connection that there is. */
  #end = () => {};
  /** Of the connection that there is: what an earlier one reports is passed over. */
  #turn = 0;
  #performing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #forgetPage;

  /**
   * Makes the first connection. Throws what the browser throws at it: trying again would not help.
   *
   * @param {import("./options.js").Plan} plan
   * @param {Dial} dial
   * @param {Sink} sink
   */
  constructor(plan, dial, sink) {
    this.#plan = plan;
    this.#dial = dial;
    this.#sink = sink;
    this.#reconnect = new Reconnect(plan, plan.lastEventId ?? "", performance.now());
    this.#state = this.#reconnect.state;
    this.#make();
    this.#forgetPage = this.#listen();
    this.#perform();
  }

  get state() {
    return this.#state;
  }

  get lastEventId() {
    return this.#reconnect.lastEventId;
  }

  close() {
    this.#change(reconnect => reconnect.finish({ kind: "closed", why: "application" }));
  }

  retryNow() {
    this.#change((reconnect, now) => reconnect.retryNow(now));
  }

  /** Acts on deadlines that have passed: timers of a hidden page are late. */
  checkDeadlines() {
    this.#change((reconnect, now) => reconnect.handleTime(now, Math.random()));
  }

  /** @param {(reconnect: Reconnect, now: number) => void} change */
  #change(change) {
    change(this.#reconnect, performance.now());
    const { state } = this.#reconnect;
    if (state !== this.#state) {
      this.#state = state;
      this.#sink.signal({ type: "state", state });
    }
    this.#perform();
  }

  #make() {
    const turn = (this.#turn += 1);
    this.#reconnect.connect = false;
    const end = this.#dial(this.#reconnect.start, this.#report(turn));
    if (turn === this.#turn) this.#end = end;
    else end(); // it was ended while it was being made
  }

  /** Making or ending a connection may lead back here: then the outer call does what is left. */
  #perform() {
    if (this.#performing) return;
    this.#performing = true;
    const reconnect = this.#reconnect;
    while (reconnect.disconnect || reconnect.connect) {
      if (reconnect.disconnect) {
        const end = this.#end;
        this.#turn += 1;
        this.#end = () => {};
        reconnect.disconnect = false;
        end();
      } else {
        try {
          this.#make();
        } catch {
          // The first attempt succeeded, so the URL is not at fault, and trying again may help.
          reconnect.handleEnd("failed", performance.now(), Math.random());
        }
      }
    }
    this.#performing = false;
    if (reconnect.state !== this.#state) return this.#change(() => {});
    clearTimeout(this.#timer);
    if (reconnect.isClosed) return this.#forgetPage?.();
    const next = reconnect.nextTime - performance.now();
    if (next < Infinity) this.#timer = setTimeout(() => this.checkDeadlines(), Math.min(Math.max(next, 0), MAX_TIMER));
  }

  /** @param {number} turn @returns {Report} */
  #report(turn) {
    /** @param {(reconnect: Reconnect, now: number) => void} change */
    const change = change => {
      if (turn === this.#turn) this.#change(change);
    };
    return {
      head: heartbeat => change((reconnect, now) => reconnect.handleHead(heartbeat, now)),
      heard: () => change((reconnect, now) => reconnect.handleHeard(now)),
      id: id => change(reconnect => reconnect.handleId(id)),
      retry: time => change(reconnect => reconnect.handleRetry(time)),
      lost: () => change((reconnect, now) => reconnect.handleLost(now)),
      ended: why => change((reconnect, now) => reconnect.handleEnd(why, now, Math.random())),
      last: () => change(reconnect => reconnect.handleLast()),
      event: (name, data, id, origin) => {
        if (turn === this.#turn) this.#event(name, data, id, origin);
      },
      state: state => change(reconnect => reconnect.adopt(state)),
      signal: signal => {
        if (turn === this.#turn) this.#sink.signal(signal);
      },
      tooLong: limit => {
        if (turn === this.#turn) this.#sink.signal({ type: "too-long", limit });
      },
      refused: refused => {
        if (turn === this.#turn) this.#refused(refused);
      },
      room: () => {
        const room = this.#sink.room();
        if (!room) return;
        change((reconnect, now) => reconnect.handleHold(true, now));
        return room.then(() => change((reconnect, now) => reconnect.handleHold(false, now)));
      },
    };
  }

  /**
   * @param {string} name
   * @param {string} data
   * @param {string} id
   * @param {string} origin
   */
  #event(name, data, id, origin) {
    const control = controlOf(name, data);
    let counts = false;
    this.#change((reconnect, now) => {
      const isDrain = control?.type === "drain";
      counts = isDrain ? reconnect.handleDrain(id, now) : reconnect.handleEvent(id, control !== undefined, now);
    });
    if (!counts) return;
    if (control === undefined) return this.#sink.event(name, data, id, origin);
    if (control) this.#sink.signal(control);
    this.#sink.hubs?.(name, data, id, origin);
    if (control?.type === "end") this.#change(reconnect => reconnect.handleLast());
  }

  /** @param {import("./index.js").Refused} refused */
  #refused(refused) {
    this.#sink.signal(refused);
    const { status } = refused;
    const passes = status === null || status === 408 || status === 425 || status === 429 || (status >= 500 && status <= 599);
    const decided = status === null ? undefined : this.#plan.fetch?.retryIf?.(/** @type {any} */ (refused));
    const mayPass = decided ?? (passes && this.#reconnect.mayRepeat);
    this.#change((reconnect, now) => reconnect.handleRefusal(refused, mayPass, now, Math.random()));
  }

  /** Listens to the page, or the worker, and gives what ends that. */
  #listen() {
    const page = globalThis.document;
    const change = (/** @type {Event} */ { type }) =>
      this.#change((reconnect, now) => {
        if (type === "online") reconnect.handleOnline(now);
        else if (type === "offline") reconnect.handleOffline(now);
        else if (type === "pagehide") reconnect.handleStored(now);
        else if (type === "pageshow") reconnect.handleRestored(now);
        else if (page.hidden) reconnect.handleHidden(now);
        else reconnect.handleVisible(now);
      });
    /** @type {(how: "addEventListener" | "removeEventListener") => void} */
    const each = how => {
      for (const type of ["online", "offline", "pagehide", "pageshow"]) globalThis[how]?.(type, /** @type {any} */ (change));
      page?.[how]("visibilitychange", change);
    };
    each("addEventListener");
    if (page?.hidden) this.#reconnect.handleHidden(performance.now());
    return () => each("removeEventListener");
  }
}
