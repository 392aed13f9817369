// A tab in the browser: carries out what a `Tab` asks for, by the browser's locks and channels, and tells it what
// happens.

import { requestLock } from "./lock.js";
import { Tab } from "./tab.js";
import { decode, encode } from "./wire.js";

/** @import { Connect, Connection, Handlers } from "./across.js" */

/**
 * Joins the tabs that share what `name` stands for, to resume after `lastEventId`, or, if that is empty, to begin with
 * what comes from now on. Where the browser lacks locks or channels, this tab has a connection of its own. To close the
 * membership is to leave them; it closes the connection if this tab leads.
 *
 * @param {string} name
 * @param {Connect} connect opens the stream when this tab leads
 * @param {string} lastEventId
 * @param {Handlers} handlers
 * @returns {Connection}
 */
export function join(name, connect, lastEventId, handlers) {
  const now = () => performance.now();
  // JSON's numbers are exact up to 53 bits.
  const tab = new Tab(Math.floor(Math.random() * 2 ** 53), lastEventId, now());
  let isPerforming = false;
  let isClosed = false;

  /** @type {BroadcastChannel | undefined} */
  let channel;
  /**
   * Gives up the lock, or the request for it.
   *
   * @type {(() => void) | undefined}
   */
  let unlock;
  /** @type {Connection | undefined} */
  let connection;
  /** The number of the latest connection. What earlier ones report is ignored. */
  let connectionNumber = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let timerAt = Infinity;

  /** @param {(tab: Tab) => void} change */
  function hand(change) {
    change(tab);
    perform();
  }

  /** @param {boolean} steal */
  function request(steal) {
    unlock?.();
    unlock = requestLock(name, steal, input => hand(tab => tab[input](now())));
    if (!unlock) tab.handleUnavailable();
  }

  /** @param {string} start */
  function open(start) {
    const number = ++connectionNumber;
    /** @param {"handleEvent" | "handleState" | "handleAside"} input */
    const feed = input => (/** @type {any} */ value) => {
      if (number === connectionNumber) hand(tab => /** @type {any} */ (tab)[input](value, now()));
    };
    connection = connect(start, {
      event: feed("handleEvent"), state: feed("handleState"), aside: feed("handleAside"),
    });
  }

  function disconnect() {
    connectionNumber += 1;
    connection?.close();
    connection = undefined;
  }

  /** @param {import("./tab_state.js").Output} output */
  function act([kind, value]) {
    switch (kind) {
      case "request": return request(false);
      case "steal": return request(true);
      case "release": return unlock?.();
      case "post": return channel?.postMessage(encode(value, now()));
      case "connect": return open(value);
      case "disconnect": return disconnect();
      case "checkDeadlines": return connection?.checkDeadlines();
    }
    if (!isClosed) handlers[kind](/** @type {any} */ (value));
  }

  /**
   * Carries out all outputs of the tab. Handlers may call back into this one meanwhile: a nested call returns at once
   * and leaves its outputs to the outer one.
   */
  function perform() {
    if (isPerforming) return;
    isPerforming = true;
    try {
      for (let output; (output = tab.pollOutput());) act(output);
    } finally {
      isPerforming = false;
      setTimer(tab.nextTime);
      if (isClosed) dispose();
    }
  }

  /**
   * The timer may fire earlier: one that is set already is kept.
   *
   * @param {number} due
   */
  function setTimer(due) {
    if (timerAt <= due && due < Infinity) return;
    clearTimeout(timer);
    timerAt = due;
    if (due < Infinity) {
      timer = setTimeout(() => {
        timerAt = Infinity;
        hand(tab => tab.handleTime(now()));
      }, Math.ceil(due - now()));
    }
  }

  /** @param {Event} event */
  function handlePage({ type }) {
    hand(tab => type === "freeze" ? tab.handleFrozen() : tab.handleResumed(now()));
  }

  const page = globalThis.document; // a worker has none, and is not told
  function dispose() {
    channel?.close();
    for (const type of ["freeze", "resume"]) page?.removeEventListener(type, handlePage);
  }

  try {
    channel = new BroadcastChannel(name); // it throws on a page without an origin, too
    channel.onmessage = ({ data }) => {
      const notice = decode(data, now());
      if (notice) hand(tab => tab.handleNotice(notice, now()));
    };
  } catch {
    tab.handleUnavailable();
  }
  for (const type of ["freeze", "resume"]) page?.addEventListener(type, handlePage);
  perform();
  return {
    close() {
      isClosed = true;
      hand(tab => tab.close());
    },
    checkDeadlines() {}, // done as notices arrive
  };
}
