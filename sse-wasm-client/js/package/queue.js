// A bounded queue for one reader, who waits for its items one by one. When it is full the oldest is dropped and counted.

/** @template T */
export class Queue {
  dropped = 0;
  #capacity;
  /** @type {T[]} */ #items = [];
  /** Where the rest of the items begins. */
  #at = 0;
  #over = false;
  /** @type {((item: T | undefined) => void)[]} */ #readers = [];
  /** @type {(() => void) | undefined} */ #writer;

  /** @param {number} capacity at least 1 */
  constructor(capacity) {
    this.#capacity = capacity;
  }

  get length() {
    return this.#items.length - this.#at;
  }

  /** Adds an item, unless the queue is over. @param {T} item */
  push(item) {
    if (this.#over) return;
    const reader = this.#readers.shift();
    if (reader) return reader(item);
    if (this.length === this.#capacity) {
      this.take();
      this.dropped += 1;
    }
    this.#items.push(item);
  }

  /** The oldest item, if there is one. */
  take() {
    if (!this.length) return;
    const item = this.#items[this.#at];
    /** @type {(T | undefined)[]} */ (this.#items)[this.#at] = undefined;
    this.#at += 1;
    if (this.#at * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#at);
      this.#at = 0;
    }
    if (this.length * 2 <= this.#capacity) this.#wake();
    return item;
  }

  /** The oldest item as soon as there is one, or undefined after the end. @returns {Promise<T | undefined>} */
  next() {
    if (this.length || this.#over) return Promise.resolve(this.take());
    return new Promise(done => this.#readers.push(done));
  }

  /** Ends it: what it holds can still be read. */
  end() {
    this.#over = true;
    for (const reader of this.#readers.splice(0)) reader(undefined);
    this.#wake();
  }

  /** Forgets what it holds. */
  clear() {
    this.#items = [];
    this.#at = 0;
  }

  /** If less than a quarter is free, a promise that half is, or that it is over. @returns {Promise<void> | undefined} */
  room() {
    if (this.#over || (this.#capacity - this.length) * 4 >= this.#capacity) return;
    return new Promise(done => {
      this.#writer = done;
    });
  }

  #wake() {
    this.#writer?.();
    this.#writer = undefined;
  }
}
