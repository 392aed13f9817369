// Checks the options of EventStream.connect. Knows no browser and no WebAssembly.

const MAX_MS = 2_147_483_647; // what a browser's timer can wait
const MAX_COUNT = 4_294_967_295;
const OPTIONS = [
  "events", "lastEventId", "withCredentials", "fetch", "shared", "heartbeat", "pauseWhenHidden", "reconnectionTime", "maxWait",
  "giveUpAfter", "capacity", "signal",
];
const FETCH_OPTIONS = ["method", "headers", "body", "credentials", "lastEventIdInQuery", "retryIf"];
const CREDENTIALS = ["omit", "same-origin", "include"];

/** The options as the WebAssembly module takes them. */
export function plan(url, options = {}) {
  const address = text(url) ? url : url?.href; // a URL may be another frame's, so no `instanceof`
  if (!text(address)) throw refused("the URL", url, "give a string or a URL");
  if (!isObject(options)) throw refused("the second argument", options, "give an object of options");
  only("option", options, OPTIONS);
  const { withCredentials, fetch } = options;
  const plan = {
    url: address,
    events: names(options.events),
    lastEventId: optional("lastEventId", options.lastEventId, text, "give a string"),
    withCredentials: flag("withCredentials", withCredentials),
    shared: flag("shared", options.shared),
    heartbeat: heartbeat(options.heartbeat),
    pauseWhenHidden: number("pauseWhenHidden", options.pauseWhenHidden, 0, MAX_MS, "milliseconds"),
    reconnectionTime: number("reconnectionTime", options.reconnectionTime, 0, MAX_MS, "milliseconds"),
    maxWait: number("maxWait", options.maxWait, 0, MAX_MS, "milliseconds"),
    giveUpAfter: whole("giveUpAfter", options.giveUpAfter),
    capacity: whole("capacity", options.capacity),
    fetch: fetch === undefined || fetch === false ? undefined : fetchPlan(fetch === true ? {} : fetch),
    signal: signal(options.signal),
  };
  if (plan.fetch && withCredentials !== undefined) {
    throw refused("option withCredentials", withCredentials, 'over fetch say fetch: { credentials: "include" } instead');
  }
  return plan;
}

function fetchPlan(options) {
  if (!isObject(options)) throw refused("option fetch", options, "give true, or an object of options");
  only("option fetch", options, FETCH_OPTIONS);
  const { credentials, headers: given, retryIf } = options;
  const asked = typeof given === "function";
  if (credentials !== undefined && !CREDENTIALS.includes(credentials)) {
    throw refused("option fetch.credentials", credentials, `give one of ${CREDENTIALS.map(shown).join(", ")}`);
  }
  return {
    headers: asked ? [] : headers(given),
    headersFrom: asked ? () => askedHeaders(given) : undefined,
    retryIf: optional("fetch.retryIf", retryIf, isFunction, "give a function") && (refusal => mayPass(retryIf, refusal)),
    body: body(options.method, options.body),
    credentials,
    lastEventIdInQuery: flag("fetch.lastEventIdInQuery", options.lastEventIdInQuery),
  };
}

/** The headers that the page's function provides; undefined if it fails, and then the error is reported. */
async function askedHeaders(give) {
  try {
    const pairs = headers(await give() ?? null); // returning nothing is an error
    for (let at = 0; at < pairs.length; at += 2) new Headers([[pairs[at], pairs[at + 1]]]); // throws as `fetch` would
    return pairs;
  } catch (error) {
    reportError(error);
  }
}

/** What the page's function decides: undefined means the default. False if it fails, and then the error is reported. */
function mayPass(retryIf, refusal) {
  try {
    const may = retryIf(refusal);
    if (typeof may === "boolean" || may === undefined) return may;
    throw refused("what option fetch.retryIf gives", may, "give true or false, or undefined for the default");
  } catch (error) {
    reportError(error);
    return false;
  }
}

/** The body of a POST; undefined for a GET. */
function body(method, body) {
  const post = method === undefined ? body !== undefined : String(method).toUpperCase() === "POST";
  if (!(post || method === undefined || String(method).toUpperCase() === "GET")) {
    throw refused("option fetch.method", method, 'give "GET" or "POST"');
  }
  if (body !== undefined && !post) throw refused("option fetch.body", body, 'a "GET" has none; say method: "POST"');
  optional("fetch.body", body, text, "give a string, such as JSON.stringify makes");
  return post ? body ?? "" : undefined;
}

/** Names and values, alternating. */
function headers(headers = []) {
  const allowed = "give Headers, or an object or pairs of strings, or a function that gives them";
  if (!isObject(headers)) throw refused("option fetch.headers", headers, allowed);
  const said = () => Object.entries(headers).filter(([, value]) => value !== undefined);
  const pairs = typeof headers[Symbol.iterator] === "function" ? [...headers] : said();
  for (const pair of pairs) {
    if (!(Array.isArray(pair) && pair.length === 2 && pair.every(text))) {
      const [at, value] = Array.isArray(pair) && text(pair[0]) ? [`.${pair[0]}`, pair[1]] : ["", pair];
      throw refused(`option fetch.headers${at}`, value, at ? "give a string" : allowed);
    }
  }
  return joined(pairs).flat();
}

/** Each name once, with its values joined, as by `fetch`. */
function joined(pairs) {
  const headers = new Map();
  for (const [name, value] of pairs) {
    const had = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), [name, had ? `${had[1]}, ${value}` : value]);
  }
  return [...headers.values()];
}

function names(events = []) {
  const allowed = "give an array of event names";
  if (!Array.isArray(events)) throw refused("option events", events, allowed);
  const names = [...events]; // with undefined for the hole in [, "a"]
  names.forEach((name, at) => {
    if (!text(name)) throw refused(`option events[${at}]`, name, "give a string");
  });
  return names;
}

/** 0 means never. */
function heartbeat(interval) {
  return interval === false ? 0 : number("heartbeat", interval, 1, MAX_MS, "milliseconds", ", or false");
}

function signal(signal) {
  // It may be another frame's, so no `instanceof`.
  if (signal === undefined || typeof signal?.throwIfAborted === "function") return signal;
  throw refused("option signal", signal, "give an AbortSignal");
}

function flag(name, value) {
  return optional(name, value, value => typeof value === "boolean", "give true or false") ?? false;
}

function number(name, value, least, most, of, more = "") {
  const fits = value => typeof value === "number" && value >= least && value <= most;
  return optional(name, value, fits, `give a number of ${of} from ${least} to ${most}${more}`);
}

function whole(name, value) {
  const fits = value => Number.isInteger(value) && value >= 1 && value <= MAX_COUNT;
  return optional(name, value, fits, `give a whole number from 1 to ${MAX_COUNT}`);
}

function optional(name, value, fits, allowed) {
  if (value === undefined || fits(value)) return value;
  throw refused(`option ${name}`, value, allowed);
}

function only(what, options, known) {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new TypeError(`${what} ${shown(name)} is unknown; there are ${known.join(", ")}`);
  }
}

function text(value) {
  return typeof value === "string";
}

function isFunction(value) {
  return typeof value === "function";
}

function isObject(value) {
  return typeof value === "object" && value !== null;
}

function refused(what, value, allowed) {
  return new TypeError(`${what} can't be ${shown(value)}: ${allowed}`);
}

/** A short text of a value. */
function shown(value) {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (isObject(value)) return "an object";
  return typeof value === "bigint" ? `${value}n` : String(value);
}
