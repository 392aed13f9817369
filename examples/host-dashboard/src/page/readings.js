// The readings: what each topic said, in the order of its time.

const KEPT_MS = 600_000;   // as far back as the longest choice shows, and as is asked for at first
const MAX_POINTS = 7_000;  // of one topic: ten minutes at ten a second, and some
const MAX_TOPICS = 1_024;  // drawn at once
const HOLE = 2.5;          // intervals without a reading are a hole

/** What each kind of topic must have to be drawn. */
const KINDS = {
  cpu: (data) => isShare(data.busy) && data.cores instanceof Object && Object.values(data.cores).every(isShare),
  mem: (data) => [data.total, data.available, data.used, data.swap_total, data.swap_used].every(isCount) && data.total > 0,
  net: (data) => [data.in, data.out].every(isCount),
};
const isCount = (value) => Number.isFinite(value) && value >= 0;
const isShare = (value) => isCount(value) && value <= 1;

const topics = new Map(); // topic → {host, kind, name, points, id}, points in the order of their time
const hosts = new Map();  // segment → {skew, gaps}

/** Takes an event of any publisher: what is no reading is left alone. */
function take(envelope, id) {
  const { topic, data } = parse(envelope) ?? {};
  if (typeof topic !== "string" || !(data instanceof Object) || !isCount(data.at) || !(data.every > 0)) return;
  const [root, host, kind, name, ...rest] = topic.split("/");
  if (root !== "host" || rest.length > 0 || !Object.hasOwn(KINDS, kind) || (name !== undefined) !== (kind === "net") || !KINDS[kind](data)) return;
  let series = topics.get(topic);
  if (!series) {
    if (topics.size >= MAX_TOPICS) return $("more").hidden = false;
    topics.set(topic, (series = { host, kind, name, points: [], id: "", arrived: -Infinity }));
    if (!hosts.has(host)) hosts.set(host, { skew: 0, gaps: [], pending: "" });
  }
  const { points } = series, last = points.at(-1), of = hosts.get(host);
  // One that comes as long after its forerunner as it was read after it is live, and tells how far the clocks are apart.
  const now = performance.now(), between = now - series.arrived;
  if (last && between > (data.at - last.at) / 2 && between < 2 * (data.at - last.at) + 1_000) {
    const apart = Date.now() - data.at;
    of.skew = Math.abs(apart) > 2_000 + data.every ? apart : 0;
  }
  series.arrived = now;
  if (of.pending) {
    of.gaps.push({ at: data.at, reason: of.pending });
    of.pending = "";
  }
  if (!last || data.at > last.at) {
    points.push(data);
    series.id = id;
  } else {
    // What was published late, or again by a hub that lost track, has its place.
    const place = points.findLastIndex((point) => point.at <= data.at);
    if (points[place]?.at !== data.at) points.splice(place + 1, 0, data);
  }
  if (points.length > MAX_POINTS) points.shift();
}

/** Drops what is too old to be shown. */
function expire() {
  for (const [topic, { host, points }] of topics) {
    const oldest = nowOf(host) - KEPT_MS - 5_000;
    const from = points.findIndex((point) => point.at >= oldest);
    if (from === -1) {
      topics.delete(topic);
      $("more").hidden = true;
    } else points.splice(0, from);
  }
  for (const [host, { gaps }] of hosts) {
    if (![...topics.values()].some((series) => series.host === host)) hosts.delete(host);
    else while (gaps.length > 0 && gaps[0].at < nowOf(host) - KEPT_MS) gaps.shift();
  }
}

/** The time on the host's clock. */
const nowOf = (host) => Date.now() - (hosts.get(host)?.skew ?? 0);
