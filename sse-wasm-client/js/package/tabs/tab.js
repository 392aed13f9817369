// One connection for all tabs of a browser that want the same stream. This is the protocol, which knows no browser; its
// design is told in sse-wasm-client/src/tabs.rs, which is the same in Rust.

import { Follower, compareTerms } from "./follower.js";
import { Leader } from "./leader.js";
import { TabState } from "./tab_state.js";

/** @import { State } from "../index.js" */
/** @import { Aside, Delivery, Notice, Term } from "./wire.js" */

/**
 * One tab of those that share a stream.
 *
 * Inputs are `handle*`. After each of them call `pollOutput` until it returns undefined. `now` is in milliseconds since
 * an origin of the caller's choice, and never goes back.
 */
export class Tab {
  #state;
  /**
   * "alone" if there is no lock or no channel, "away" while the page is frozen, "over" after `close`.
   *
   * @type {Follower | Leader | "alone" | "away" | "over"}
   */
  #role = "away";

  /**
   * Joins. `id` has to differ from the number of every other tab: 53 random bits will do. `lastEventId` is that of the
   * last event that was processed; empty to begin with what comes from now on.
   *
   * @param {number} id
   * @param {string} lastEventId
   * @param {number} now
   */
  constructor(id, lastEventId, now) {
    this.#state = new TabState(id, lastEventId);
    this.#follow(now);
  }

  /**
   * The latest request for the lock was granted.
   *
   * @param {number} now
   */
  handleGranted(now) {
    const tab = this.#state;
    const role = this.#role;
    if (role instanceof Follower) {
      /** @type {readonly [Term, number] | null} */
      const was = role.number !== null && !tab.ahead ? [tab.term, role.number] : null;
      this.#role = new Leader(tab, was, now);
    } else if (!this.#leader) {
      tab.output("release");
    }
  }

  /**
   * The lock was stolen from this tab.
   *
   * @param {number} now
   */
  handleStolen(now) {
    if (this.#leader) {
      this.#closeStream();
      this.#follow(now);
    }
  }

  /** There is no lock or no channel. A leader's connection goes on, for this tab only. */
  handleUnavailable() {
    if (!this.#takesPart) return;
    if (this.#leader?.hasStream) this.#state.output("release");
    else this.#state.output("connect", this.#state.seen.last);
    this.#role = "alone";
  }

  /**
   * Another tab has sent a notice.
   *
   * @param {Notice} notice
   * @param {number} now
   */
  handleNotice({ from, term, says }, now) {
    if (!this.#takesPart) return;
    this.handleTime(now);
    const tab = this.#state;
    tab.hasCompany = true;
    const known = tab.term;
    const later = compareTerms(term, known);
    /** @type {readonly [Term, number] | null} */
    let was = null;
    if (later > 0) {
      if (this.#leader?.hasStream) {
        this.#closeStream();
        tab.output("release");
        this.#follow(now);
      } else if (this.#role instanceof Follower && this.#role.number !== null) {
        was = [known, this.#role.number];
        this.#role.number = null; // the later term has numbers of its own
      }
      tab.term = term;
    }
    if (this.#leader?.hasStream) tab.output("checkDeadlines"); // timers may be throttled, notices are not
    const isLate = later < 0 && !says.call && !says.here; // from a leader of an earlier term
    if (this.#role instanceof Follower) {
      if (isLate) return this.#role.ask(now); // which tells it the term
      this.#role.handle(says, was, now);
    } else {
      if (isLate) return this.#leader?.beat(now);
      this.#leader?.handle(from, says, later === 0, now);
    }
    this.#endIfClosed();
  }

  /**
   * An event arrived on the connection that this tab opened.
   *
   * @param {Delivery} event
   * @param {number} now
   */
  handleEvent(event, now) {
    this.#leader?.handleEvent(event, now);
    this.#leader?.handleTime(now);
    if (this.#role === "alone") this.#state.take(event);
    this.#endIfClosed();
  }

  /**
   * That connection is in this state.
   *
   * @param {State} state
   * @param {number} now
   */
  handleState(state, now) {
    this.#leader?.handleState(state, now);
    if (this.#role === "alone") this.#state.enter(state);
    this.#endIfClosed();
  }

  /**
   * That connection reports something else.
   *
   * @param {Aside} aside
   */
  handleAside(aside) {
    const leads = this.#leader?.hasStream;
    if (leads) this.#state.say({ aside });
    if (leads || this.#role === "alone") this.#state.output("aside", aside);
  }

  /**
   * Time has passed.
   *
   * @param {number} now
   */
  handleTime(now) {
    if (typeof this.#role !== "string") this.#role.handleTime(now);
  }

  /** The page is about to be frozen, or to pause for another reason. It takes no part until it resumes. */
  handleFrozen() {
    if (!this.#takesPart) return;
    this.#closeStream();
    this.#state.output("release");
    this.#state.enter({ kind: "paused" });
    this.#role = "away";
  }

  /**
   * The page runs again.
   *
   * @param {number} now
   */
  handleResumed(now) {
    if (this.#role === "away") {
      this.#state.enter({ kind: "connecting" });
      this.#follow(now);
    }
  }

  /** Leaves for good. */
  close() {
    this.#closeStream();
    if (this.#role !== "over") this.#state.output("release");
    this.#role = "over";
  }

  /** The next thing to do, if any. */
  pollOutput() {
    return this.#state.outputs.shift();
  }

  /** When to call `handleTime` next; Infinity for never. */
  get nextTime() {
    return typeof this.#role === "string" ? Infinity : this.#role.nextTime;
  }

  get #takesPart() {
    return typeof this.#role !== "string";
  }

  get #leader() {
    return this.#role instanceof Leader ? this.#role : undefined;
  }

  /** @param {number} now */
  #follow(now) {
    this.#role = new Follower(this.#state, now);
    this.#state.output("request");
  }

  /** Closes the stream, if this tab has one. */
  #closeStream() {
    if (this.#leader?.hasStream || this.#role === "alone") this.#state.output("disconnect");
  }

  /** If the stream is closed for good, this tab leaves: it is closed for all. */
  #endIfClosed() {
    const isIn = this.#takesPart || this.#role === "alone";
    if (isIn && this.#state.streamState.kind === "closed") this.close();
  }
}
