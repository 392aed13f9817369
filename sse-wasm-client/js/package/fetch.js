// `fetch`, which sends headers and a body, and tells the status and the body of a refusal.

import { Parser } from "./parser.js";
import { withLastEventId } from "./url.js";

/** How much of a refusal's body is read, in bytes: problem details take a few lines. */
const MAX_PROBLEM = 16 << 10;
/** The longest interval of heartbeats that is believed, in seconds: more is a mistake, and would disable the watchdog. */
const MAX_HEARTBEAT = 3600;

/**
 * Throws if the browser refuses a header.
 *
 * @param {import("./options.js").Plan} plan
 * @param {import("./options.js").FetchPlan} options
 * @returns {import("./connection.js").Dial}
 */
export function byFetch({ url }, options) {
  requestOf(url, options, "", null);
  return (lastEventId, report) => {
    const controller = new AbortController();
    const request = requestOf(url, options, lastEventId, controller.signal);
    exchange(request, options, lastEventId, report, controller.signal).catch(() => report.ended("failed"));
    return () => controller.abort();
  };
}

/**
 * @param {string} url
 * @param {import("./options.js").FetchPlan} options
 * @param {string} lastEventId
 * @param {AbortSignal | null} signal
 */
function requestOf(url, options, lastEventId, signal) {
  const { body, credentials, lastEventIdInQuery } = options;
  const headers = new Headers({ accept: "text/event-stream" });
  setHeaders(headers, options.headers);
  if (lastEventId) {
    url = withLastEventId(url, lastEventIdInQuery ? lastEventId : "");
    if (!lastEventIdInQuery) headers.set("last-event-id", bytesOf(lastEventId));
  }
  /** @type {RequestInit} */
  const init = { headers, signal, cache: "no-store" }; // which also sends `Cache-Control: no-cache`, without a preflight
  if (credentials) init.credentials = credentials;
  if (body !== undefined) Object.assign(init, { method: "POST", body });
  return new Request(url, init);
}

/**
 * @param {Request} request
 * @param {import("./options.js").FetchPlan} options
 * @param {string} lastEventId
 * @param {import("./connection.js").Report} report
 * @param {AbortSignal} signal
 */
async function exchange(request, { headersFrom }, lastEventId, report, signal) {
  const more = headersFrom ? await headersFrom() : [];
  if (!more) return report.ended("failed");
  setHeaders(request.headers, more);
  if (signal.aborted) return;
  const response = await fetch(request);
  const head = response.headers;
  const type = (head.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (response.status === 204) return report.last();
  if (response.status === 200 && type === "text/event-stream") {
    const seconds = Number(head.get("sse-heartbeat") ?? NaN);
    report.head(Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_HEARTBEAT ? seconds * 1000 : undefined);
    return read(response, lastEventId, report, signal);
  }
  const isJson = type === "application/problem+json" || type === "application/json";
  const problem = isJson ? problemOf(await startOf(response)) : null;
  response.body?.cancel().catch(() => {});
  report.refused({ type: "refused", status: response.status, problem, retryAfter: retryAfter(head.get("retry-after")) });
}

/**
 * Parses the response, no faster than the application takes events.
 *
 * @param {Response} response
 * @param {string} lastEventId
 * @param {import("./connection.js").Report} report
 * @param {AbortSignal} signal
 */
async function read(response, lastEventId, report, signal) {
  const [parser, decoder, reader] = [new Parser(lastEventId), new TextDecoder(), response.body?.getReader()];
  const origin = response.url ? new URL(response.url).origin : "null";
  for (let chunk; reader && !(chunk = await reader.read()).done;) {
    report.heard();
    parser.push(decoder.decode(chunk.value, { stream: true }));
    for (let item; !signal.aborted && (item = parser.next());) {
      if (item.retry !== undefined) report.retry(item.retry);
      else if (item.limit) report.tooLong(item.limit);
      else report.event(item.name, item.data, item.id, origin);
      const room = report.room();
      if (room) await room;
    }
    if (signal.aborted) return;
    report.id(parser.lastEventId);
  }
  report.ended("ended");
}

/** @param {Headers} headers @param {string[]} words names and values in turn */
function setHeaders(headers, words) {
  for (let at = 0; at < words.length; at += 2) {
    const [name = "", value = ""] = words.slice(at, at + 2);
    try {
      headers.set(name, value);
    } catch (error) {
      throw new TypeError(`the browser refuses the header \`${name}\`: ${error}`);
    }
  }
}

/** `id` in UTF-8, of which each byte is the character of the same number, as scripts have headers. @param {string} id */
function bytesOf(id) {
  return String.fromCharCode(...new TextEncoder().encode(id));
}

/** The start of the body as text. @param {Response} response */
async function startOf({ body }) {
  const [decoder, reader] = [new TextDecoder(), body?.getReader()];
  let [text, length] = ["", 0];
  for (let chunk; reader && length < MAX_PROBLEM && !(chunk = await reader.read().catch(() => ({ done: true, value: undefined }))).done;) {
    length += chunk.value?.length ?? 0;
    text += decoder.decode(chunk.value, { stream: true });
  }
  reader?.releaseLock();
  return text;
}

/** The server's explanation (RFC 9457), if this is one. @param {string} text */
function problemOf(text) {
  try {
    const { type = "about:blank", title = null, detail = null } = JSON.parse(text);
    return [type, title ?? "", detail ?? ""].every(word => typeof word === "string") && /"(type|title|detail)"/.test(text)
      ? { type, title, detail }
      : null;
  } catch {
    return null;
  }
}

/** In milliseconds, of seconds or a date. @param {string | null} value */
function retryAfter(value) {
  if (value === null) return null;
  const milliseconds = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(milliseconds) ? null : Math.max(milliseconds, 0);
}
