// Reads an event stream (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
// Knows no browser: it takes text, however it is cut, and gives one item after another.

/** The longest line, the longest data of an event, and the longest ID or name, in UTF-16 code units. */
const MAX_TEXT = 4 << 20;
const MAX_WORD = 1 << 10;

/**
 * What a stream consists of: an event, a reconnection time in milliseconds, or the limit that an event has exceeded.
 *
 * @typedef {{ name: string, data: string, id: string, retry?: undefined, limit?: undefined }} ParsedEvent
 * @typedef {ParsedEvent | { retry: number, limit?: undefined } | { limit: import("./index.js").TooLong["limit"], retry?: undefined }} Item
 */

export class Parser {
  /** The last event ID as of the last block that has ended. */
  lastEventId;
  #chunk = "";
  /** Where the rest of the chunk begins, and the next line ends of either kind at or after it. */
  #at = 0;
  #lf = -1;
  #cr = -1;
  /** The chunk before ended in CR, so a LF at the start of this one belongs to it. */
  #endedInCr = false;
  /** The start of a line that the chunks before have left unfinished. */
  #line = "";
  // The block that is being read. It exceeded the limit `#over`.
  /** @type {string | undefined} */ #data;
  /** @type {string | undefined} */ #id;
  /** @type {import("./index.js").TooLong["limit"] | undefined} */ #over;
  #name = "";

  /** @param {string} lastEventId */
  constructor(lastEventId) {
    this.lastEventId = lastEventId;
  }

  /**
   * Takes more of the stream, without its byte order mark. Everything before has to be read.
   *
   * @param {string} text
   */
  push(text) {
    this.#chunk = text;
    this.#at = this.#endedInCr && text.startsWith("\n") ? 1 : 0;
    this.#endedInCr &&= text === "";
    this.#lf = this.#cr = -1;
  }

  /**
   * The next item, if there is a whole one.
   *
   * @returns {Item | undefined}
   */
  next() {
    for (let end; (end = this.#lineEnd()) !== Infinity;) {
      const chunk = this.#chunk;
      let line = chunk.slice(this.#at, end);
      if (this.#line) [line, this.#line] = [this.#line + line, ""];
      this.#at = end + 1;
      if (end === this.#cr) {
        if (this.#at === chunk.length) this.#endedInCr = true;
        else if (this.#lf === this.#at) this.#at += 1;
      }
      const item = line ? this.#field(line) : this.#dispatch();
      if (item) return item;
    }
    // One more than the limit is enough to see that a line is too long. The name of its field is at its start.
    const room = MAX_TEXT + 1 - this.#line.length;
    if (room > 0) this.#line += this.#chunk.slice(this.#at, this.#at + room);
    this.push("");
  }

  /** Each kind is looked for once, whatever the other does. */
  #lineEnd() {
    const [chunk, at] = [this.#chunk, this.#at];
    if (at >= chunk.length) return Infinity;
    if (this.#lf < at) this.#lf = found(chunk.indexOf("\n", at));
    if (this.#cr < at) this.#cr = found(chunk.indexOf("\r", at));
    return Math.min(this.#lf, this.#cr);
  }

  /**
   * @param {string} line
   * @returns {Item | undefined}
   */
  #field(line) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (line.length > MAX_TEXT) {
      if (name === "data" || name === "event" || name === "id") this.#over ??= "line";
      if (name === "data") this.#data ??= "";
    } else if (name === "data") {
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
      if (this.#data.length > MAX_TEXT) [this.#data, this.#over] = ["", this.#over ?? "event"];
    } else if (name === "event") {
      if (value.length > MAX_WORD) this.#over ??= "name";
      else this.#name = value;
    } else if (name === "id") {
      if (value.includes("\0")) return;
      if (value.length > MAX_WORD) this.#over ??= "id";
      else this.#id = value;
    } else if (name === "retry" && /^\d+$/.test(value)) {
      return { retry: Number(value) };
    }
  }

  /** @returns {Item | undefined} */
  #dispatch() {
    const [data, name, over] = [this.#data, this.#name || "message", this.#over];
    this.lastEventId = this.#id ?? this.lastEventId; // of one that is too long as well, or it would be asked for again
    this.#data = this.#id = this.#over = undefined;
    this.#name = "";
    if (over) return { limit: over };
    if (data !== undefined) return { name, data, id: this.lastEventId };
  }
}

/** @param {number} index */
function found(index) {
  return index < 0 ? Infinity : index;
}
