// Checks the options of EventStream.connect.

import { report } from "./report.js";

/** What a browser's timer can wait, in milliseconds. */
const MAX_MS = 2_147_483_647;
const MAX_COUNT = 4_294_967_295;
const OPTIONS = [
  "events", "lastEventId", "withCredentials", "fetch", "shared", "heartbeat", "pauseWhenHidden", "reconnectionTime", "maxWait",
  "giveUpAfter", "capacity", "signal", "reconnect", "decode", "throwOnClose",
];
const FETCH_OPTIONS = ["method", "headers", "body", "credentials", "lastEventIdInQuery", "retryIf"];
const CREDENTIALS = ["omit", "same-origin", "include"];
const HUBS = ["sse-cursor", "sse-gap", "sse-drain", "sse-end"];

/**
 * The options as they are used: absolute, and complete.
 *
 * @typedef {object} Plan
 * @property {string} url
 * @property {string[]} events
 * @property {boolean} allEvents
 * @property {string | undefined} lastEventId
 * @property {boolean} withCredentials
 * @property {boolean} shared
 * @property {number | undefined} heartbeat 0 means never
 * @property {number | undefined} pauseWhenHidden
 * @property {number} reconnectionTime
 * @property {number} maxWait
 * @property {number | undefined} giveUpAfter
 * @property {number | undefined} capacity
 * @property {boolean | "refused" | undefined} reconnect undefined for a POST, which is repeated once it has an ID
 * @property {((event: any) => any) | undefined} decode
 * @property {boolean} throwOnClose
 * @property {FetchPlan | undefined} fetch
 * @property {AbortSignal | undefined} signal
 *
 * @typedef {object} FetchPlan
 * @property {string[]} headers names and values in turn
 * @property {(() => Promise<string[] | undefined>) | undefined} headersFrom gives undefined if it has failed
 * @property {((refused: any) => boolean | undefined) | undefined} retryIf
 * @property {string | undefined} body
 * @property {RequestCredentials | undefined} credentials
 * @property {boolean} lastEventIdInQuery
 */

/**
 * @param {any} url
 * @param {any} options
 * @returns {Plan}
 */
export function planOf(url, options = {}) {
  const address = isText(url) ? url : url?.href; // a URL may be another frame's, so no `instanceof`
  if (!isText(address)) throw refused("the URL", url, "give a string or a URL");
  if (!isObject(options)) throw refused("the second argument", options, "give an object of options");
  only("option", options, OPTIONS);
  const { withCredentials, decode } = options;
  const fetch = fetchPlan(options.fetch);
  if (fetch && withCredentials !== undefined) {
    throw refused("option withCredentials", withCredentials, 'over fetch say fetch: { credentials: "include" } instead');
  }
  const reconnect =
    optional("reconnect", options.reconnect, isReconnect, 'give true, "refused" or false') ?? (fetch?.body === undefined || undefined);
  const shared = flag(options, "shared");
  if (shared && reconnect !== true) {
    throw refused("option shared", shared, "another tab would ask for the stream again when this one goes; say reconnect: true, if it may");
  }
  if (shared && options.events === "all") throw refused("option events", "all", "tabs that share have to know the names");
  /** @type {(name: string, least?: number) => number | undefined} */
  const ms = (name, least = 0) => inRange(options, name, least, MAX_MS, "number of milliseconds", isNumber);
  /** @type {(name: string) => number | undefined} */
  const count = name => inRange(options, name, 1, MAX_COUNT, "whole number", Number.isInteger);
  return {
    events: names(options.events, fetch),
    allEvents: options.events === "all",
    lastEventId: lastEventId(options.lastEventId),
    withCredentials: flag(options, "withCredentials"),
    shared,
    heartbeat: options.heartbeat === false ? 0 : ms("heartbeat", 1),
    pauseWhenHidden: ms("pauseWhenHidden"),
    reconnectionTime: ms("reconnectionTime") ?? 3000,
    maxWait: ms("maxWait") ?? 30_000,
    giveUpAfter: count("giveUpAfter"),
    capacity: count("capacity"),
    reconnect,
    decode: isObject(decode) ? bySchemas(decode) : optional("decode", decode, isFunction, "give a function, or an object of schemas"),
    throwOnClose: flag(options, "throwOnClose"),
    // It may be another frame's.
    signal: optional("signal", options.signal, value => isFunction(value?.throwIfAborted), "give an AbortSignal"),
    fetch,
    url: absolute(address),
  };
}

/** Resolves a URL against the page's address as of now, which may be another by the next connection. @param {string} address */
function absolute(address) {
  let url;
  try {
    url = new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch (error) {
    throw new TypeError(`the browser refuses the URL \`${address}\`: ${error}`);
  }
  if (!/^https?:$/.test(url.protocol)) throw refused("the URL", address, "an event stream comes by http or https");
  return url.href;
}

/** @param {any} options @returns {FetchPlan | undefined} */
function fetchPlan(options) {
  // Node and others have no EventSource.
  const hasEventSource = isFunction(globalThis.EventSource);
  if (options === false && !hasEventSource) throw refused("option fetch", options, "there is no EventSource here");
  if (options === false || (options === undefined && hasEventSource)) return;
  if (options === true || options === undefined) options = {};
  if (!isObject(options)) throw refused("option fetch", options, "give true, or an object of options");
  only("option fetch", options, FETCH_OPTIONS);
  const { credentials, headers: given, retryIf } = options;
  const allowed = `give one of ${CREDENTIALS.map(shown).join(", ")}`;
  optional("fetch.retryIf", retryIf, isFunction, "give a function");
  return {
    headers: isFunction(given) ? [] : headers(given),
    headersFrom: isFunction(given) ? () => askedHeaders(given) : undefined,
    retryIf: retryIf && (refusal => mayPass(retryIf, refusal)),
    body: body(options),
    credentials: optional("fetch.credentials", credentials, value => CREDENTIALS.includes(value), allowed),
    lastEventIdInQuery: flag(options, "lastEventIdInQuery", "fetch."),
  };
}

/** The headers that the page's function provides; undefined if it fails, and then the error is reported. @param {Function} give */
async function askedHeaders(give) {
  try {
    const words = headers(await give() ?? null); // returning nothing is an error
    for (let at = 0; at < words.length; at += 2) new Headers([[words[at] ?? "", words[at + 1] ?? ""]]); // throws as `fetch` would
    return words;
  } catch (error) {
    report(error);
  }
}

/** What the page's function decides: undefined means the default. False if it fails. @param {Function} retryIf @param {any} refusal */
function mayPass(retryIf, refusal) {
  try {
    const may = retryIf(refusal);
    if (typeof may === "boolean" || may === undefined) return may;
    throw refused("what option fetch.retryIf gives", may, "give true or false, or undefined for the default");
  } catch (error) {
    report(error);
    return false;
  }
}

/** The body of a POST; undefined for a GET. @param {any} options */
function body({ method, body }) {
  const word = String(method ?? (body === undefined ? "GET" : "POST")).toUpperCase();
  if (word !== "GET" && word !== "POST") throw refused("option fetch.method", method, 'give "GET" or "POST"');
  if (body !== undefined && word === "GET") throw refused("option fetch.body", body, 'a "GET" has none; say method: "POST"');
  optional("fetch.body", body, isText, "give a string, such as JSON.stringify makes");
  return word === "POST" ? body ?? "" : undefined;
}

/** Names and values in turn, each name once, with its values joined as by `fetch`. @param {any} headers @returns {string[]} */
function headers(headers = []) {
  const allowed = "give Headers, or an object or pairs of strings, or a function that gives them";
  if (!isObject(headers)) throw refused("option fetch.headers", headers, allowed);
  const pairs = isFunction(headers[Symbol.iterator]) ? [...headers] : Object.entries(headers).filter(([, value]) => value !== undefined);
  const joined = new Map();
  for (const pair of pairs) {
    if (!(Array.isArray(pair) && pair.length === 2 && pair.every(isText))) {
      const [at, value] = Array.isArray(pair) && isText(pair[0]) ? [`.${pair[0]}`, pair[1]] : ["", pair];
      throw refused(`option fetch.headers${at}`, value, at ? "give a string" : allowed);
    }
    const [name = "", value = ""] = pair;
    const had = joined.get(name.toLowerCase());
    joined.set(name.toLowerCase(), [name, had ? `${had[1]}, ${value}` : value]);
  }
  return [...joined.values()].flat();
}

/** @param {any} events @param {FetchPlan | undefined} fetch @returns {string[]} */
function names(events = [], fetch) {
  if (events === "all" && fetch) return [];
  const allowed = `give an array of event names${events === "all" ? ': "all" is for fetch, an EventSource has to know them' : ""}`;
  if (!Array.isArray(events)) throw refused("option events", events, allowed);
  const names = [...events]; // with undefined for the hole in [, "a"]
  names.forEach((name, at) => {
    if (!isText(name)) throw refused(`option events[${at}]`, name, "give a string");
    if (HUBS.includes(name)) {
      throw new TypeError(`option events: \`${name}\` is the hub's own, and what it says comes as a signal; rename the event`);
    }
    if (/[\r\n]/.test(name)) throw new TypeError(`option events: ${shown(name)} has a line break, which no name can have`);
  });
  return names;
}

/** @param {any} id */
function lastEventId(id) {
  if (isText(id) && /[\r\n\0]/.test(id)) throw new TypeError(`option lastEventId: ${shown(id)} has a line break or NUL, which no ID can have`);
  return optional("lastEventId", id, isText, "give a string");
}

/** Decodes each event by the schema of its name (https://standardschema.dev). One without is given as text. @param {any} schemas */
function bySchemas(schemas) {
  for (const [name, schema] of Object.entries(schemas)) {
    if (!isFunction(schema?.["~standard"]?.validate)) throw refused(`option decode.${name}`, schema, "give a Standard Schema");
  }
  return async (/** @type {any} */ event) => {
    if (!Object.hasOwn(schemas, event.name)) return event.data;
    const { issues, value } = await schemas[event.name]["~standard"].validate(event.json());
    if (issues) throw Object.assign(new TypeError(issues[0]?.message ?? "it does not fit its schema"), { issues });
    return value;
  };
}

/** @param {any} options @param {string} name @param {string} [of] */
function flag(options, name, of = "") {
  return optional(of + name, options[name], value => typeof value === "boolean", "give true or false") ?? false;
}

/**
 * @param {any} options
 * @param {string} name
 * @param {number} least
 * @param {number} most
 * @param {string} what
 * @param {(value: unknown) => boolean} is
 */
function inRange(options, name, least, most, what, is) {
  const allowed = `give a ${what} from ${least} to ${most}${name === "heartbeat" ? ", or false" : ""}`;
  return optional(name, options[name], value => is(value) && value >= least && value <= most, allowed);
}

/** @param {string} name @param {any} value @param {(value: any) => boolean} fits @param {string} allowed */
function optional(name, value, fits, allowed) {
  if (value === undefined || fits(value)) return value;
  throw refused(`option ${name}`, value, allowed);
}

/** @param {string} what @param {object} options @param {string[]} known */
function only(what, options, known) {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new TypeError(`${what} ${shown(name)} is unknown; there are ${known.join(", ")}`);
  }
}

/** @param {unknown} value @returns {value is string} */
function isText(value) {
  return typeof value === "string";
}

/** @param {unknown} value */
function isNumber(value) {
  return typeof value === "number";
}

/** @param {unknown} value @returns {value is Function} */
function isFunction(value) {
  return typeof value === "function";
}

/** @param {unknown} value @returns {value is any} */
function isObject(value) {
  return typeof value === "object" && value !== null;
}

/** @param {unknown} value */
function isReconnect(value) {
  return typeof value === "boolean" || value === "refused";
}

/** @param {string} what @param {unknown} value @param {string} allowed */
function refused(what, value, allowed) {
  return new TypeError(`${what} can't be ${shown(value)}: ${allowed}`);
}

/** A short text of a value. @param {unknown} value */
function shown(value) {
  if (isText(value)) return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (isFunction(value)) return "a function";
  if (Array.isArray(value)) return "an array";
  if (isObject(value)) return "an object";
  return typeof value === "bigint" ? `${value}n` : String(value);
}
