// ------------------------------------------------------------------- the rows
const NAMES = 20;  // topics in the row of an end
const OTHERS = 2;  // further topics in an event's row; one that is opened has all of them

// ------------------------------------------------------- what a hub says itself
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

/** A row is one line of few nodes: what else there is of an event is drawn when it is opened. */
function eventRow({ event, data, id, at }, isFresh) {
  const { topic, others, isPrivate, isLast, line } = glance(data);
  const where = make("span", { class: "where" }, isolated(topic, { class: "topic" }), isolated(event, { class: event === "message" ? "name usual" : "name" }));
  for (const other of others.slice(0, OTHERS)) where.append(isolated(other, { class: "other", title: "It is in this topic too" }));
  if (others.length > OTHERS) where.append(make("span", { class: "other" }, `${others.length - OTHERS} more`));
  if (isPrivate) where.append(make("span", { class: "tag", title: "Only who may read its topics gets it" }, "private"));
  if (isLast) where.append(make("span", { class: "tag", title: "The last event of its topic" }, "last"));
  return make("div", { role: "listitem", class: isFresh ? "row fresh" : "row", "data-testid": "event-row", "data-id": id, "data-topic": topic, "data-event": event, "data-last": isLast },
    timeNode(at),
    where,
    make("button", { type: "button", class: "plain data", tabindex: -1, "aria-expanded": false, "data-testid": "event-data", dir: /^[{[]/.test(line) ? "ltr" : "auto" }, line || "no data"),
    idButton(id, { tabindex: -1 }));
}

/** All there is of an event. Of its data there is one page at a time, so that the row never has many nodes. */
function eventInFull({ event, data, id }) {
  const content = unwrap(data);
  const text = make("pre", { class: content.json ? "text json" : "text", tabindex: 0, role: "group", "aria-label": "Data in full", "data-testid": "event-full", dir: content.json ? "ltr" : "auto" });
  const button = (words, attributes = {}) => make("button", { type: "button", class: "button", ...attributes }, words);
  const copyData = button("Copy data"), copyId = button("Copy id", { "data-copy": id });
  const before = button("Previous part"), after = button("Next part", { "data-testid": "event-more" });
  const pieces = piecesOf(content), starts = [0]; // where the pages begin that were drawn, the one that is shown last
  function draw() {
    const from = starts.at(-1), page = pageOfPieces(pieces, from);
    text.replaceChildren(...page.map(([kind, piece]) => (kind ? make("span", { class: kind }, piece) : piece)));
    text.scrollTop = 0;
    before.setAttribute("aria-disabled", from === 0);
    after.setAttribute("aria-disabled", from + page.length >= pieces.length);
    before.hidden = after.hidden = page.length === pieces.length;
  }
  const isOff = (it) => it.getAttribute("aria-disabled") === "true";
  copyData.onclick = () => copy(content.text);
  before.onclick = () => { if (!isOff(before)) { starts.pop(); draw(); } };
  after.onclick = () => { if (!isOff(after)) { starts.push(starts.at(-1) + pageOfPieces(pieces, starts.at(-1)).length); draw(); } };
  draw();
  const fact = (name, ...values) => make("div", {}, make("dt", {}, name), ...values.map((value) => make("dd", {}, make("bdi", {}, value))));
  const facts = make("dl", { class: "facts" }, fact("Topic", visible(content.topic)));
  const { others } = content;
  if (others.length > 0) facts.append(fact("Also in", ...others.slice(0, NAMES).map(visible), ...(others.length > NAMES ? [`${others.length - NAMES} more`] : [])));
  facts.append(fact("Name", visible(event)), fact("Id", visible(id)), fact("Data", sizeOf(content.text.length)));
  return make("div", { class: "full" }, facts, text, make("div", { class: "pair" }, copyData, copyId, before, after));
}

function markRow({ event, data, at }) {
  if (event === "sse-end") return endRow(data, at);
  const gap = event === "sse-gap";
  const facts = parse(data) ?? {};
  const reason = typeof facts.reason === "string" ? facts.reason.slice(0, 40) : "";
  const row = make("div", { role: "listitem", class: gap ? "mark gap" : "mark", "data-testid": gap ? "gap-row" : "drain-row", "data-reason": reason },
    timeNode(at),
    make("p", {}, make("strong", {}, `${gap ? "Gap" : "Drain"}${reason && `, ${reason}`}. `),
      gap ? said(GAPS, reason, "Some events may have been lost.") : drainText(data)));
  if (gap) {
    const ids = make("p", { class: "ids small quiet" });
    if (facts.requested) ids.append("Asked for ", idButton(String(facts.requested).slice(0, 200)), ". ");
    if (facts.first) ids.append("Goes on with ", idButton(String(facts.first).slice(0, 200)), ".");
    else ids.append("Goes on with the next event.");
    row.append(ids);
  }
  return row;
}

function endRow(data, at) {
  const topics = parse(data)?.topics;
  const names = (Array.isArray(topics) ? topics : []).filter((topic) => typeof topic === "string");
  const sentence = make("p", {}, make("strong", {}, "End. "), ENDED.slice(0, -1));
  names.slice(0, NAMES).forEach((name, i) => sentence.append(i === 0 ? ": " : ", ", isolated(name, { class: "mono" })));
  sentence.append(names.length > NAMES ? ` and ${names.length - NAMES} more.` : ".");
  return make("div", { role: "listitem", class: "mark", "data-testid": "end-row" }, timeNode(at), sentence);
}

