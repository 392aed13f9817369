// A tab that gets its events from the leader.

import { BEAT } from "./wire.js";

/** @import { Replay, Says, Term } from "./wire.js" */
/** @import { TabState } from "./tab_state.js" */

/** How long the leader's answer may take before the tab asks again. */
const ANSWER = 1000;

/**
 * After this number of beats in a row without a word from the leader, although it was asked, it is considered frozen.
 * A leader that runs answers at once, even if its timers are throttled.
 */
const SILENT_BEATS = 4;

export class Follower {
  #tab;
  /**
   * The number up to which everything was received in this term; null if unknown.
   *
   * @type {number | null}
   */
  number = null;
  /** The leader was asked and has not answered. */
  #asked = false;
  /** The earliest time to ask again. */
  #askAt;
  /**
   * The interval at which to check that the leader runs. It differs from tab to tab, so that they don't all take over
   * at once.
   */
  #beat;
  #checkAt;
  /** A leader was heard since the last check. */
  #heard = false;
  /** Checks in a row before which none was heard. */
  #silent = 0;

  /**
   * @param {TabState} tab
   * @param {number} now
   */
  constructor(tab, now) {
    this.#tab = tab;
    this.#askAt = now;
    this.#beat = BEAT + tab.id % 1000;
    this.#checkAt = now + this.#beat;
    this.ask(now);
  }

  /** When to call `handleTime` next. */
  get nextTime() {
    return this.#asked ? Math.min(this.#checkAt, this.#askAt) : this.#checkAt;
  }

  /**
   * Another tab has sent a notice in the present term, or a call in any. If the notice is the first of its term, `was`
   * is the term before and the number in it.
   *
   * @param {Says} says
   * @param {readonly [Term, number] | null} was
   * @param {number} now
   */
  handle({ call, here, begin, event, beat, aside, replay }, was, now) {
    const tab = this.#tab;
    if (!here) this.#heard = true;
    if (call && !tab.fresh) this.#sayHere();
    if (begin) this.#handleBegin(begin, was, now);
    if (event) {
      const had = this.number ?? NaN;
      if (event.number === had + 1) {
        this.number = event.number;
        tab.take(event.event);
      } else if (!(event.number <= had)) {
        this.ask(now);
      }
    }
    if (beat) {
      const { number, state } = beat;
      const hasAll = (this.number ?? NaN) >= number;
      // At the end the leader is gone. A tab that has not had everything gets the lock, and then the rest.
      if (hasAll || !(state.kind === "closed" && state.why === "ended")) tab.enter(state);
      if (hasAll) this.#asked = false;
      else this.ask(now);
    }
    if (aside) tab.output("aside", aside);
    if (replay?.to === tab.id) this.#handleReplay(replay);
  }

  /**
   * @param {{ start: string, was: readonly [Term, number] | null }} begin
   * @param {readonly [Term, number] | null} was
   * @param {number} now
   */
  #handleBegin({ start, was: leaders }, was, now) {
    const tab = this.#tab;
    tab.enter({ kind: "connecting" });
    if (tab.fresh && start) return this.ask(now); // it would begin where others were
    const relation = tab.seen.relation(start);
    // A tab that had as much as the leader in the term before is not behind it now.
    const keptUp = was && leaders && !compareTerms(was[0], leaders[0]) && was[1] >= leaders[1];
    if (relation <= 0 || (Number.isNaN(relation) && keptUp)) {
      tab.ahead = relation !== 0;
      this.#setNumber(0);
    } else {
      this.number = null;
      this.ask(now);
    }
  }

  /** @param {Replay} replay */
  #handleReplay({ id, after, ahead, lost, had: before, events }) {
    const tab = this.#tab;
    let had = after;
    if (this.number !== null && after <= this.number) {
      had = this.number;
    } else if (ahead !== null && (this.number === null || lost) && id === tab.seen.last) {
      if (lost) tab.tellGap(events[0]);
      tab.seen.recall(before);
      if (tab.fresh && tab.seen.last) {
        tab.fresh = false;
        tab.tellPosition();
      }
      tab.ahead ||= ahead; // events that were seen may still follow those that came late
    } else {
      return; // it answers an earlier question
    }
    for (const event of events.slice(had - after)) tab.take(event);
    this.#setNumber(Math.max(had, after + events.length));
  }

  /** @param {number} now */
  handleTime(now) {
    if (this.#asked) this.ask(now);
    if (now < this.#checkAt) return;
    this.#checkAt = now + this.#beat;
    this.#silent = this.#heard ? 0 : this.#silent + 1;
    if (this.#silent === SILENT_BEATS) {
      this.#silent = 0;
      this.#tab.output("steal");
    } else if (!this.#heard) {
      this.#sayHere();
    }
    this.#heard = false;
  }

  /**
   * Tells the leader that something is missing here, at most once a second.
   *
   * @param {number} now
   */
  ask(now) {
    this.#asked = true;
    if (now >= this.#askAt) {
      this.#askAt = now + ANSWER;
      this.#sayHere();
    }
  }

  #sayHere() {
    const { seen, fresh } = this.#tab;
    this.#tab.say({ here: { id: seen.last, number: this.number, fresh } });
  }

  /** @param {number} number */
  #setNumber(number) {
    this.number = number;
    this.#asked = false;
  }
}

/**
 * @param {Term} one
 * @param {Term} other
 */
export function compareTerms(one, other) {
  return one[0] - other[0] || one[1] - other[1];
}
