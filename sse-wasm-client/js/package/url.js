// The last event ID in a URL's query, which is the only way to tell a new `EventSource` where to resume.

/** The query parameter, and an alias that hubs accept. */
const NAMES = ["last_event_id", "lastEventId"];

/**
 * `url` with the parameter set to `id`, in place of one that it has; an empty `id` removes it. All else is kept as it is.
 *
 * @param {string} url
 * @param {string} id
 */
export function withLastEventId(url, id) {
  const [rest = "", ...fragment] = url.split("#");
  const [path = "", ...query] = rest.split("?");
  const pairs = query.join("?").split("&").filter(pair => pair && !NAMES.includes(nameOf(pair)));
  if (id) pairs.push(`${NAMES[0]}=${encodeURIComponent(id)}`);
  return [path + (pairs.length ? `?${pairs.join("&")}` : ""), ...fragment].join("#");
}

/** @param {string} pair */
function nameOf(pair) {
  try {
    return decodeURIComponent(pair.split("=", 1)[0] ?? "");
  } catch {
    return ""; // it is no encoding of anything
  }
}
