// The hub's own events, which `sse_core::hub` writes. What a later hub adds is passed over.

/** @type {Record<string, string[]>} */
const REASONS = {
  gap: ["trimmed", "epoch", "unknown", "lost", "lagged"],
  drain: ["shutdown", "age", "lag", "busy", "expired", "revoked", "store"],
};

/**
 * What an event of the hub's says; null for a cursor, which tells no more than its ID; undefined for any other event.
 *
 * @param {string} name
 * @param {string} data
 * @returns {import("./index.js").Gap | import("./index.js").Drain | import("./index.js").End | null | undefined}
 */
export function controlOf(name, data) {
  const [, type] = /^sse-(cursor|gap|drain|end)$/.exec(name) ?? [];
  if (!type) return;
  if (type === "cursor") return null;
  const said = parsed(data);
  if (type === "end") {
    const { topics } = said;
    return { type, topics: Array.isArray(topics) && topics.every(isText) ? topics : [] };
  }
  const reason = /** @type {any} */ (REASONS[type]?.includes(said.reason) ? said.reason : "other");
  if (type === "drain") return { type, reason };
  return { type: "gap", reason, requested: isText(said.requested) ? said.requested : "", first: isText(said.first) ? said.first : null };
}

/** @param {string} data @returns {Record<string, any>} */
function parsed(data) {
  try {
    return Object(JSON.parse(data));
  } catch {
    return {};
  }
}

/** @param {unknown} value @returns {value is string} */
function isText(value) {
  return typeof value === "string";
}
