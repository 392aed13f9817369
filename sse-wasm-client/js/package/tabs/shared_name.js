// The name of what tabs share, by which they find each other. The WebAssembly client makes the same name of the same
// options.

/** The version of what tabs send each other: pages that were built with another version keep to themselves. */
const VERSION = "sse-wasm-client/2";

/** The times in milliseconds that apply if none is set. */
const RECONNECTION_TIME = 3000;
const MAX_WAIT = 30_000;

/**
 * What of the options of a connection tabs have to have in common.
 *
 * @typedef {object} SharedOptions
 * @property {readonly string[]} events
 * @property {boolean} withCredentials
 * @property {number | undefined} [heartbeat] 0 for never
 * @property {number | undefined} [reconnectionTime]
 * @property {number | undefined} [maxWait]
 * @property {number | undefined} [giveUpAfter]
 * @property {boolean | "refused" | undefined} [reconnect]
 * @property {SharedFetchOptions | undefined} [fetch]
 */

/**
 * @typedef {object} SharedFetchOptions
 * @property {readonly string[]} headers names and values, alternating
 * @property {Function | undefined} [headersFrom] functions can't be compared
 * @property {string | undefined} [body]
 * @property {string | undefined} [credentials]
 * @property {boolean} lastEventIdInQuery
 */

/**
 * The names of events that a connection with these options delivers, besides the hub's own.
 *
 * @param {SharedOptions} options
 */
export function eventNames({ events }) {
  return [...new Set(["message", ...events.filter(name => name)])];
}

/**
 * The options as JSON. The last of `fetch` are its limits, which only the WebAssembly client can set: null for the
 * default ones.
 *
 * @param {SharedOptions} options
 */
export function optionsText(options) {
  const { heartbeat, reconnectionTime = RECONNECTION_TIME, maxWait = MAX_WAIT, giveUpAfter, fetch } = options;
  const reconnect = options.reconnect === true && fetch?.body === undefined ? undefined : options.reconnect;
  /** @type {unknown[]} */
  let transport = ["EventSource", options.withCredentials];
  if (fetch) {
    const { headers, headersFrom, body, credentials = "same-origin", lastEventIdInQuery } = fetch;
    transport = ["fetch", headers, !!headersFrom, body, credentials, lastEventIdInQuery, null];
  }
  const times = [reconnectionTime, maxWait, heartbeat].map(time => time && Math.floor(time));
  return JSON.stringify([transport, eventNames(options).sort(), ...times, giveUpAfter, reconnect]); // null for what is not set
}

/**
 * Equal for all that can have one connection. Headers may be secrets, so everything but the URL is hashed.
 *
 * @param {string} url
 * @param {SharedOptions} options
 */
export function sharedName(url, options) {
  return `${VERSION} ${fnv1a(optionsText(options))} ${url}`;
}

/**
 * The hash FNV-1a of 64 bits.
 *
 * @param {string} text
 */
function fnv1a(text) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
