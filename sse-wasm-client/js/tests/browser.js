// A small browser: time, channels, locks and a document, for tabs that are all on one page.

class Channel {
  onmessage = null;
  isClosed = false;

  constructor(browser, name) {
    this.browser = browser;
    this.name = name;
    browser.channels.add(this);
  }

  postMessage(data) {
    if (this.isClosed) throw new Error("the channel is closed");
    for (const other of this.browser.channels) {
      if (other !== this && other.name === this.name) queueMicrotask(() => other.isClosed || other.onmessage?.({ data }));
    }
  }

  close() {
    this.isClosed = true;
    this.browser.channels.delete(this);
  }
}

/** Web Locks, as far as they are used. */
class Locks {
  /** Requests by name; the first of each holds the lock. */
  #queues = new Map();

  request(name, { steal = false, signal }, granted) {
    return new Promise((resolve, reject) => {
      const queue = this.queue(name);
      const request = { granted, resolve, reject, isHeld: false };
      signal?.addEventListener("abort", () => {
        if (request.isHeld || !queue.includes(request)) return;
        queue.splice(queue.indexOf(request), 1);
        reject(signal.reason);
      });
      if (steal) {
        if (queue[0]?.isHeld) queue.shift().reject(new Error("stolen"));
        queue.unshift(request);
      } else {
        queue.push(request);
      }
      this.#grant(queue);
    });
  }

  queue(name) {
    if (!this.#queues.has(name)) this.#queues.set(name, []);
    return this.#queues.get(name);
  }

  #grant(queue) {
    queueMicrotask(async () => {
      const request = queue[0];
      if (!request || request.isHeld) return;
      request.isHeld = true;
      request.resolve(await request.granted({}));
      if (queue[0] === request) queue.shift();
      this.#grant(queue);
    });
  }
}

export class Browser {
  now = 1000;
  channels = new Set();
  locks = new Locks();
  document = new EventTarget();
  #timers = new Map();
  #next = 1;
  #replaced = [];

  /** Puts itself in place of what Node has, until `remove`. */
  constructor() {
    const browser = this;
    this.replace("performance", { now: () => this.now });
    this.replace("setTimeout", (tick, wait) => {
      this.#timers.set(this.#next, { tick, at: this.now + Math.max(0, wait) });
      return this.#next++;
    });
    this.replace("clearTimeout", timer => this.#timers.delete(timer));
    this.replace("BroadcastChannel", class { constructor(name) { return new Channel(browser, name); } });
    this.replace("navigator", { locks: this.locks });
    this.replace("document", this.document);
  }

  replace(name, value) {
    const had = Object.getOwnPropertyDescriptor(globalThis, name);
    this.#replaced.unshift(() => had ? Object.defineProperty(globalThis, name, had) : delete globalThis[name]);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }

  remove() {
    for (const restore of this.#replaced) restore();
  }

  get timers() {
    return this.#timers.size;
  }

  /** Lets time pass, and all that is due happen. */
  async run(milliseconds) {
    const until = this.now + milliseconds;
    for (;;) {
      await this.settle();
      const [timer, due] = [...this.#timers].sort(([, one], [, other]) => one.at - other.at)[0] ?? [];
      if (!due || due.at > until) break;
      this.#timers.delete(timer);
      this.now = Math.max(this.now, due.at);
      due.tick();
    }
    this.now = until;
  }

  /** Lets everything happen that does not wait for time. */
  async settle() {
    for (let turn = 0; turn < 50; turn += 1) await undefined;
  }
}
