// ------------------------------------------------------------------ the data
const GAPS = {
  trimmed: "Some events after the last position were already removed from the log. The oldest that are left follow.",
  epoch: "The hub has begun a new log since the last position. Everything that it has kept follows.",
  unknown: "The hub does not know the last position. Everything that it has kept follows.",
  lost: "The last position lies in a stretch that a crash of the hub took before it was safely stored.",
  lagged: "This page read too slowly, and the hub left events out.",
};
const DRAINS = {
  shutdown: "The hub is shutting down and ended the stream.",
  age: "The hub ended the stream because it reached its greatest age.",
  expired: "The hub ended the stream because the permission for it ran out.",
  lag: "The hub ended the stream because this page read too slowly.",
  busy: "The hub takes no more streams just now.",
  revoked: "The hub ended the stream because the permission for it was withdrawn.",
  store: "The hub ended the stream because its log can’t go on.",
};
const said = (texts, reason, otherwise) => (Object.hasOwn(texts, reason) ? texts[reason] : otherwise);
const drainText = (data) => said(DRAINS, parse(data)?.reason, "The hub ended the stream.");

const TEXT_MAX = 16_384; // characters of an event's data that are shown
const JSON_MAX = 6_144;  // characters of JSON that are laid out and coloured
const LINE = matchMedia("(max-width: 619px)").matches ? 34 : 46; // JSON up to this long stays on one line, as it was sent

const STRING = '"(?:[^"\\\\]|\\\\.)*"';
const ENVELOPE = new RegExp(`^(\\{"topic":${STRING}(?:,"(?:topics":\\[(?:${STRING},?)*\\]|private":true|end":true))*),"data":([^]*)\\}$`);

/** What an event is and its data, out of an envelope. The data's own text is kept: parsing would round long numbers. */
function unwrap(envelope) {
  const parts = ENVELOPE.exec(envelope);
  const head = parts && parse(`${parts[1]}}`);
  if (!head) return { topic: "", others: [], isPrivate: false, isLast: false, text: envelope, json: false };
  const { topic, topics = [], private: isPrivate = false, end: isLast = false } = head;
  const what = { topic, others: topics.filter((other) => other !== topic), isPrivate, isLast };
  if (parts[2][0] !== '"') return { ...what, text: parts[2], json: parts[2].length <= JSON_MAX };
  const text = parse(parts[2]) ?? parts[2];
  return { ...what, text, json: text.length <= JSON_MAX && /^\s*[{[]/.test(text) && parse(text) !== undefined };
}

/** JSON text as [class, text] pieces: containers that fit on a line stay on it, the others are indented. */
function layOut(json) {
  const tokens = json.match(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  const starts = [0], ends = [], opened = []; // where each token starts, where each bracket closes
  tokens.forEach((token, i) => {
    starts.push(starts[i] + token.length);
    if (token === "{" || token === "[") opened.push(i);
    else if (token === "}" || token === "]") ends[opened.pop()] = i;
  });
  const pieces = [];
  let depth = 0, column = 0, flat = -1; // the last token of the container that stays on its line
  const newline = () => {
    column = 2 * Math.min(depth, 12);
    pieces.push(["", "\n" + " ".repeat(column)]);
  };
  tokens.forEach((token, i) => {
    const free = i > flat;
    if (free && (token === "}" || token === "]")) { depth--; newline(); }
    const kind = token === "," || token === ":" ? "sep" : token[0] === '"' ? (tokens[i + 1] === ":" ? "key" : "string") : /^[\w-]/.test(token) ? "word" : "";
    pieces.push([kind, token]);
    if (free && token === ",") newline();
    if (free && (token === "{" || token === "[")) {
      if (ends[i] === i + 1 || starts[ends[i] + 1] - starts[i] <= LINE - column) flat = ends[i];
      else { depth++; newline(); return; }
    }
    if (token !== "," || !free) column += token.length;
  });
  return pieces;
}

function dataBlock({ text, json }) {
  const node = make("div", { class: "text", "data-testid": "event-data" });
  if (json) {
    node.classList.add("json");
    node.append(...layOut(text).map(([kind, piece]) => (kind ? make("span", { class: kind }, piece) : piece)));
  } else node.textContent = text.slice(0, TEXT_MAX);
  const block = make("div", { class: "data" }, node);
  if (text.length > 1500 || node.textContent.split("\n", 16).length > 15) node.tabIndex = 0; // it scrolls, for the keyboard too
  if (text.length > TEXT_MAX) block.append(make("p", { class: "small quiet" }, `${text.length - TEXT_MAX} more characters are not shown.`));
  return block;
}

// ------------------------------------------------------------------ the list
const ROWS = 500;                   // in the list, and as many held back
const HELD_CHARACTERS = 16_777_216; // of data held back
const list = $("events");
const counts = { received: 0, gaps: 0, dropped: 0 };
let pending = [], held = 0;         // what is not in the list yet, oldest first, and its characters
let paused = false, renderTimer = 0, renderMs = 0;

function eventRow({ event, data, id, at, flood }) {
  const content = unwrap(data);
  const topic = make("bdi", { class: "topic" });
  for (const segment of content.topic.split(/(?<=\/)/)) topic.append(visible(segment), make("wbr", {}));
  const where = make("span", { class: "where" }, topic, isolated(event, { class: event === "message" ? "name usual" : "name" }));
  for (const other of content.others) where.append(isolated(other, { class: "other", title: "It is in this topic too" }));
  if (content.isPrivate) where.append(make("span", { class: "tag", title: "Only who may read its topics gets it" }, "private"));
  if (content.isLast) where.append(make("span", { class: "tag", title: "The last event of its topic" }, "last"));
  return make("li", { class: flood ? "row" : "row fresh", "data-testid": "event-row", "data-id": id, "data-topic": content.topic, "data-event": event, "data-last": content.isLast },
    timeNode(at),
    where,
    idButton(id),
    dataBlock(content));
}

function markRow({ event, data, at }) {
  if (event === "sse-end") return endRow(data, at);
  const gap = event === "sse-gap";
  const facts = parse(data) ?? {};
  const reason = typeof facts.reason === "string" ? facts.reason.slice(0, 40) : "";
  const row = make("li", { class: gap ? "mark gap" : "mark", "data-testid": gap ? "gap-row" : "drain-row", "data-reason": reason },
    timeNode(at),
    make("p", {}, make("strong", {}, `${gap ? "Gap" : "Drain"}${reason && `, ${reason}`}. `),
      gap ? said(GAPS, reason, "Some events may have been lost.") : drainText(data)));
  if (gap) {
    const ids = make("p", { class: "ids small quiet" });
    if (facts.requested) ids.append("Asked for ", idButton(String(facts.requested).slice(0, 200)), ". ");
    if (facts.first) ids.append("Goes on with ", idButton(String(facts.first)), ".");
    else ids.append("Goes on with the next event.");
    row.append(ids);
  }
  return row;
}

function endRow(data, at) {
  const topics = parse(data)?.topics;
  const names = (Array.isArray(topics) ? topics : []).filter((topic) => typeof topic === "string");
  const sentence = make("p", {}, make("strong", {}, "End. "), ENDED.slice(0, -1));
  names.forEach((name, i) => sentence.append(i === 0 ? ": " : ", ", isolated(name, { class: "mono" })));
  sentence.append(".");
  return make("li", { class: "mark", "data-testid": "end-row" }, timeNode(at), sentence);
}

/** What a flood, or a pause, pushes out before it is drawn is dropped unparsed. */
function enqueue(entry) {
  pending.push({ ...entry, at: new Date() });
  held += entry.data.length;
  while (pending.length > ROWS || (held > HELD_CHARACTERS && pending.length > 1)) {
    held -= pending.shift().data.length;
    counts.dropped++;
  }
}

/** Draws soon, and at most a quarter of the time. By a timer, since animation frames stop in a hidden tab. */
function schedule() {
  renderTimer ||= setTimeout(() => { renderTimer = 0; render(); }, Math.max(40, 3 * renderMs));
}

function render() {
  const started = performance.now();
  if (!paused && pending.length > 0) {
    const flood = pending.length > 30; // needs no flashing
    list.prepend(...pending.map((entry) => (entry.event.startsWith("sse-") ? markRow(entry) : eventRow({ ...entry, flood }))).reverse());
    pending = [];
    held = 0;
    for (; list.childElementCount > ROWS; counts.dropped++) list.lastElementChild.remove();
  }
  $("received").textContent = counts.received;
  $("gaps").textContent = counts.gaps;
  $("gaps").classList.toggle("warn", counts.gaps > 0);
  $("reconnects").textContent = connection.reconnects;
  const last = $("last-id"), id = connection.lastEventId;
  last.dataset.id = last.dataset.copy = id;
  last.textContent = id ? visible(shorten(id)) : "none";
  last.title = id && `${visible(id)}\nClick to copy`;
  $("dropped").textContent = counts.dropped > 0 ? `${counts.dropped} older rows dropped` : "";
  $("dropped").dataset.count = counts.dropped;
  $("held").textContent = paused ? `paused, ${pending.length} new held back` : "";
  $("empty").hidden = list.childElementCount + pending.length > 0;
  renderMs = performance.now() - started;
}

function clearList() {
  pending = [];
  held = counts.dropped = 0;
  list.replaceChildren();
  render();
}

// --------------------------------------------------------- the figures over time
const rate = new Uint32Array(60); // events in each of the last sixty seconds, as a ring
let rateSecond = 0;

function currentSecond() {
  const second = Math.floor(performance.now() / 1000);
  for (let s = Math.max(rateSecond + 1, second - 59); s <= second; s++) rate[s % 60] = 0; // those without events
  return (rateSecond = second);
}

function tick() {
  const second = currentSecond(), peak = Math.max(...rate), last = rate[(second + 59) % 60]; // the last whole second
  let path = "";
  for (let i = 0; i < 60; i++) {
    const n = rate[(second + 1 + i) % 60], height = Math.max(2, (32 * n) / peak); // the oldest first
    if (n > 0) path += `M${i * 4} 34v${-height}h3v${height}z`;
  }
  $("spark").firstElementChild.setAttribute("d", path);
  $("spark").setAttribute("aria-label", `Events per second over the last minute: ${last} now, ${peak} at most`);
  $("rate").textContent = `${last}/s`;
  drawLife();
}

function drawLife() {
  const { state, life, due, why, heartbeat } = connection;
  const silent = Math.floor((performance.now() - life) / 1000);
  $("life").textContent = life === null ? "none" : silent < 1 ? "now" : silent < 120 ? `${silent} s` : `${Math.floor(silent / 60)} min`;
  const left = Math.ceil((due - performance.now()) / 1000);
  $("detail").textContent = state === "waiting" && left > 0 ? `${why} Next attempt in ${left} s.`
    : state === "open" && heartbeat ? `heartbeat every ${heartbeat} s` : why;
}

