// A tab that holds the stream and sends its events to the others.

import { compareTerms } from "./follower.js";
import { ReplayBuffer } from "./replay_buffer.js";
import { order } from "./seen_ids.js";
import { CURSOR, DRAIN, END, GAP } from "./tab_state.js";
import { BEAT, isSame } from "./wire.js";

/** @import { State } from "../index.js" */
/** @import { Delivery, Here, Says, Term } from "./wire.js" */
/** @import { TabState } from "./tab_state.js" */

/**
 * How long a new leader waits for the others to tell their positions. Tabs of one browser answer within a few
 * milliseconds; one that is late asks for what it missed.
 */
const CALL = 150;

/** How many tabs that join before the first event are remembered. Others have to ask again. */
const EARLY = 32;

export class Leader {
  #tab;
  /**
   * Set while it waits for the others' positions: where the stream is to begin, the lowest position so far, and where
   * the leader is to begin if it has had nothing itself, the highest so far or empty.
   *
   * @type {{ until: number, lowest: string, furthest: string } | undefined}
   */
  #call;
  /**
   * The stream, once the first term has begun.
   *
   * - `hasBegun`: An event has arrived, so the buffer reaches to the server's present.
   * - `isHubs`: The server is a hub, which can be asked for all events after an ID.
   * - `isCatchingUp`: The connection is being made and resumes where others are, so the next events may be old.
   * - `early`: Tabs that have had nothing and asked for a position before the first event. At most `EARLY`.
   *
   * @type {{ buffer: ReplayBuffer, hasBegun: boolean, isHubs: boolean, isCatchingUp: boolean, early: number[] }
   *   | undefined}
   */
  #stream;
  /** The term and the number that it had as a follower, if its position was just there. */
  #was;
  #beatAt;

  /**
   * @param {TabState} tab
   * @param {readonly [Term, number] | null} was
   * @param {number} now
   */
  constructor(tab, was, now) {
    this.#tab = tab;
    this.#was = tab.fresh ? null : was; // otherwise it has no position yet
    this.#beatAt = now;
    const own = tab.seen.last;
    if (tab.hasCompany) this.#callFrom(own, now);
    else this.#begin(own, now);
  }

  get hasStream() {
    return !!this.#stream;
  }

  /** When to call `handleTime` next. */
  get nextTime() {
    return Math.min(this.#call?.until ?? Infinity, this.#stream ? this.#beatAt : Infinity);
  }

  /**
   * An event arrived on the leader's stream.
   *
   * @param {Delivery} event
   * @param {number} now
   */
  handleEvent(event, now) {
    const tab = this.#tab;
    const stream = this.#stream;
    if (!stream) return;
    const own = tab.seen.last;
    if (!stream.hasBegun && isOfLaterEpoch(tab, event) && own) return this.#begin(own, now);
    const isDrain = event.name === DRAIN;
    if (!stream.hasBegun && isDrain) {
      // A stream that opens with its end was refused and has not begun. Its ID is only what was asked for.
      event = { ...event, id: "" };
    } else {
      stream.hasBegun = true;
      stream.isHubs ||= [CURSOR, GAP, END].includes(event.name);
      stream.isCatchingUp &&= isDrain; // one that turns it away brings it no further
      for (const id of stream.early.splice(0)) {
        // A hub tells its position first, so the tab begins there. Another server's events may be old or not: this tab
        // gets them, so that none is lost.
        if (!stream.isHubs) this.#replyPosition(id, stream.buffer.last);
      }
    }
    const number = stream.buffer.push(event);
    this.#beatAt = now + BEAT;
    tab.say({ event: { number, event } });
    tab.take(event);
  }

  /**
   * @param {State} state
   * @param {number} now
   */
  handleState(state, now) {
    const tab = this.#tab;
    const stream = this.#stream;
    if (!stream) return;
    stream.isCatchingUp ||= stream.isHubs && state.kind !== "open";
    if (!isSame(tab.streamState, state)) {
      tab.enter(state);
      this.beat(now);
    }
  }

  /**
   * Another tab has sent a notice in the present term, or a call in any. `isOfTerm` is false if it knew an earlier term
   * only.
   *
   * @param {number} from
   * @param {Says} says
   * @param {boolean} isOfTerm
   * @param {number} now
   */
  handle(from, { call, here, beat, event, aside }, isOfTerm, now) {
    const tab = this.#tab;
    if (here) {
      if (this.#call) this.#hear(here);
      else this.#answer(from, here, isOfTerm, now);
    }
    // Another tab has the lock. This one goes on until it is told, and its position counts meanwhile.
    if (call) tab.say({ here: { id: tab.seen.last, number: null, fresh: tab.fresh } });
    if (this.#stream) return;
    // From the leader before. The stream was closed just before this tab got the lock, and the lock arrived first. At
    // its end that concerns a tab that has had everything; another one gets the rest by its own connection.
    if (beat?.state.kind === "closed" && (beat.state.why !== "ended" || this.#had() >= beat.number)) {
      tab.enter(beat.state);
    }
    if (event?.event.name === END && this.#had() >= event.number - 1) tab.take(event.event);
    if (aside) tab.output("aside", aside); // why it was closed, or will be
  }

  /** @param {number} now */
  handleTime(now) {
    const tab = this.#tab;
    const call = this.#call;
    if (call && now >= call.until) {
      this.#call = undefined;
      const { lowest, furthest } = call;
      // If IDs do not compare, nobody knows which is the highest. Then some old events are better than a loss.
      if (tab.fresh && furthest && !Number.isNaN(order(lowest, furthest))) {
        tab.seen.push(furthest);
        tab.tellPosition();
      }
      this.#begin(lowest, now);
    }
    if (now >= this.#beatAt) this.beat(now);
  }

  /**
   * Tells the others that it runs, its number and the state of the stream.
   *
   * @param {number} now
   */
  beat(now) {
    if (this.#stream) {
      this.#tab.say({ beat: { number: this.#stream.buffer.last, state: this.#tab.streamState } });
      this.#beatAt = now + BEAT;
    }
  }

  /**
   * The number up to which it had everything of the term before, which is the present one until it begins its own; NaN
   * if unknown.
   */
  #had() {
    return this.#was && !compareTerms(this.#was[0], this.#tab.term) ? this.#was[1] : NaN;
  }

  /**
   * @param {string} lowest
   * @param {number} now
   */
  #callFrom(lowest, now) {
    this.#tab.say({ call: {} });
    this.#call = { until: now + CALL, lowest, furthest: "" };
  }

  /**
   * Begins a term with a stream that resumes after `start`, in place of the one that it has.
   *
   * @param {string} start
   * @param {number} now
   */
  #begin(start, now) {
    const tab = this.#tab;
    const stream = this.#stream;
    /** @type {readonly [Term, number] | null} */
    const present = stream && !tab.ahead ? [tab.term, stream.buffer.last] : null;
    const was = stream ? present : this.#was;
    if (stream) tab.output("disconnect");
    const own = tab.seen.last;
    tab.term = [tab.term[0] + 1, tab.id];
    tab.fresh &&= !own;
    tab.ahead = own !== start;
    tab.say({ begin: { start, was: start ? was : null } }); // without a start it begins with what comes from now on
    tab.enter({ kind: "connecting" });
    tab.output("connect", start);
    this.#stream = {
      buffer: new ReplayBuffer(start), hasBegun: false, isHubs: false, isCatchingUp: !!start, early: [],
    };
    this.#beatAt = now + BEAT;
  }

  /**
   * A tab told its position during the call.
   *
   * @param {Here} here
   */
  #hear({ id }) {
    const tab = this.#tab;
    const call = this.#call;
    if (!call || !id) return; // nothing to begin at
    call.lowest ||= id;
    // A leader that has had nothing wants nothing old: it begins at the highest position.
    if (tab.fresh && !(order(id, call.furthest) < 0)) call.furthest = id;
    if (tab.seen.isBefore(id, call.lowest)) call.lowest = id;
  }

  /**
   * Sends a tab what it missed: from the buffer, or else from the server, for which a new term begins.
   *
   * @param {number} from
   * @param {Here} here
   * @param {boolean} isOfTerm
   * @param {number} now
   */
  #answer(from, { id, number: told, fresh }, isOfTerm, now) {
    const stream = this.#stream;
    if (!stream) return;
    const { buffer, early } = stream;
    const number = isOfTerm ? told : null;
    if (fresh && number === null && stream.isCatchingUp) {
      // The tab asks again. It gets the position before the first event only if that turns out to be right.
      if (!stream.hasBegun && !early.includes(from) && early.length < EARLY) early.push(from);
      return this.beat(now);
    }
    if (number === buffer.last) return this.beat(now);
    /** @type {(after: number, ahead: boolean | null, lost?: boolean, had?: string[]) => boolean} */
    const replay = (after, ahead, lost = false, had = []) => {
      const events = buffer.after(after);
      if (events) this.#tab.say({ replay: { to: from, id, after, ahead, lost, had, events } });
      return !!events;
    };
    if (number === null || !replay(number, null)) {
      const found = buffer.find(id);
      if (fresh) this.#replyPosition(from, buffer.last);
      else if (found) replay(...found, false, this.#tab.seen.through(id));
      // Whether the server knows that ID will show with its next event. The tab asks again.
      else if (!stream.hasBegun || stream.isCatchingUp) return this.beat(now);
      else if (stream.isHubs && id) return this.#callFrom(id, now);
      else replay(buffer.floor, true, true);
    }
    this.beat(now); // for the state of the stream
  }

  /**
   * The answer to a tab that has had nothing: its position is the leader's own, at number `after`.
   *
   * @param {number} to
   * @param {number} after
   */
  #replyPosition(to, after) {
    const { ahead, seen } = this.#tab;
    const had = seen.through(seen.last);
    this.#tab.say({ replay: { to, id: "", after, ahead, lost: false, had, events: [] } });
  }
}

/**
 * Returns true if the stream, whose first event this is, began at the position of a tab that is in a later epoch than
 * this one: a hub resumes without a gap only in its present epoch, of which this tab has had nothing.
 *
 * @param {TabState} tab
 * @param {Delivery} event
 */
function isOfLaterEpoch(tab, { name, id }) {
  return tab.ahead && name === CURSOR && Number.isNaN(tab.seen.relation(id));
}
