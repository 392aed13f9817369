// ------------------------------------------------------------------- the list
const ROWS = 500;                   // in the list, and as many that wait for it
const KEPT_CHARACTERS = 16_777_216; // of data in the list, and as many that wait
const FRAME_MS = 6;                 // of a frame for new rows: the browser lays them out in what is left of it
const FRAME_ROWS = 24;
const PACE_MS = 50;                 // from frame to frame: nobody reads faster
const GROUP = 25;                   // rows that the browser passes over at once while they are out of sight
const CALM = 5;                     // events a second up to which a new row flashes
const OPEN = 4;                     // events that are open at once
const list = $("events"), log = $("log");
const counts = { received: 0, gaps: 0, dropped: 0, skipped: 0, sifted: 0 };
let pending = [], waiting = 0;      // what is not in the list yet, oldest first, and its characters
let rows = [], kept = 0;            // what is in the list, oldest first, and its characters
let open = [];                      // those that are open, in the order in which they were
let needle = "", isSifting = false; // the filter's text, and whether rows are left that it has not judged
let paused = false, isScrolled = false, hasFocus = false, isPressed = false, isAsked = false, drawnAt = 0;

/** Why new rows wait: nothing moves under the eyes, or the keyboard, of someone who reads. */
function holding() {
  if (paused) return "paused";
  if (open.length > 0) return "held while an event is open";
  if (hasFocus) return "held while the list has the focus";
  if (isScrolled) return "held while the list is scrolled";
  return isPressed ? "held" : ""; // else what is clicked would be elsewhere by the end of the click
}

/** Whether the filter hides an event. What the hub says itself is always shown. */
const isHidden = (entry) => !entry.event.startsWith("sse-") && !matches(entry, needle);

/** What does not pass the filter is not kept; what a flood or a pause pushes out before it is drawn is dropped unread. */
function enqueue(event) {
  const entry = { ...event, at: new Date(), needle };
  if (isHidden(entry)) {
    counts.sifted++;
    return;
  }
  pending.push(entry);
  waiting += entry.data.length;
  while (pending.length > ROWS || (waiting > KEPT_CHARACTERS && pending.length > 1)) {
    waiting -= pending.shift().data.length;
    counts.skipped++;
  }
}

/** Has a frame drawn: at once after a while without one. A hidden tab has none, and draws what waits when it is seen again. */
function schedule() {
  if (isAsked) return;
  isAsked = true;
  const wait = drawnAt + PACE_MS - performance.now();
  if (wait <= 0) requestAnimationFrame(frame);
  else setTimeout(requestAnimationFrame, wait, frame);
}

function frame() {
  isAsked = false;
  draw();
}

function draw() {
  drawnAt = performance.now();
  const until = drawnAt + FRAME_MS;
  if (isSifting) sift(until);
  if (!holding()) drawPending(until);
  drawFigures();
  if (isSifting || (pending.length > 0 && !holding())) schedule();
}

/** Puts what waits into the list, as much as a frame takes; the rest waits for the next one. */
function drawPending(until) {
  const second = currentSecond();
  const isCalm = pending.length < CALM && Math.max(rate[second % 60], rate[(second + 59) % 60]) < CALM;
  const drawn = [];
  let taken = 0;
  while (taken < pending.length && drawn.length < FRAME_ROWS && (taken === 0 || performance.now() < until)) {
    const entry = pending[taken++];
    waiting -= entry.data.length;
    if (entry.needle !== needle && isHidden(entry)) { counts.sifted++; continue; }
    const isMark = entry.event.startsWith("sse-");
    drawn.push({ ...entry, needle, node: isMark ? markRow(entry) : eventRow(entry, isCalm) });
    kept += entry.data.length;
  }
  pending.splice(0, taken);
  if (drawn.length === 0) return;
  prepend(drawn.map(({ node }) => node));
  rows.push(...drawn);
  let gone = 0;
  while (rows.length - gone > ROWS || (kept > KEPT_CHARACTERS && rows.length - gone > 1)) {
    const { node, data } = rows[gone++];
    kept -= data.length;
    if (node.contains(document.activeElement)) log.focus({ preventScroll: true });
    const group = node.parentNode;
    node.remove();
    if (group.childElementCount === 0) group.remove();
  }
  rows.splice(0, gone);
  counts.dropped += gone;
}

/** Puts rows, oldest first, before those in the list. Only the groups of the list move, not each of its rows. */
function prepend(nodes) {
  while (nodes.length > 0) {
    let group = list.firstElementChild;
    if (!group || group.childElementCount >= GROUP) list.prepend((group = make("div", { class: "group" })));
    group.prepend(...nodes.splice(0, GROUP - group.childElementCount).reverse());
  }
}

/** Shows the rows that pass the filter and hides the others, newest first, as many as a frame takes. */
function sift(until) {
  isSifting = false;
  for (const row of rows.toReversed()) {
    if (row.needle === needle) continue;
    if (performance.now() > until) { isSifting = true; return; }
    row.needle = needle;
    row.node.hidden = isHidden(row);
    if (row.node.hidden) closeEvent(row);
  }
}

function drawFigures() {
  say("received", String(counts.received));
  say("gaps", String(counts.gaps));
  $("gaps").classList.toggle("warn", counts.gaps > 0);
  say("reconnects", String(connection.reconnects));
  const last = $("last-id"), id = connection.lastEventId;
  if (last.dataset.id !== id) {
    last.dataset.id = last.dataset.copy = id;
    last.textContent = id ? visible(shorten(id)) : "none";
    last.title = id && `${visible(id)}\nClick to copy`;
  }
  const why = holding();
  say("held", why && pending.length > 0 ? `${why}, ${pending.length} new held back` : why);
  say("pause", isStopped() ? "Resume" : "Pause");
  for (const [name, words] of [["dropped", "older rows dropped"], ["skipped", "not shown"], ["sifted", "filtered out"]]) {
    say(name, counts[name] > 0 ? `${counts[name]} ${words}` : "");
    if ($(name).dataset.count !== String(counts[name])) $(name).dataset.count = counts[name];
  }
  list.hidden = rows.length === 0;
  $("empty").hidden = rows.length + pending.length + counts.sifted > 0;
  $("none-passes").hidden = needle === "" || isSifting || rows.some(({ node }) => !node.hidden);
}

function clearList() {
  pending = [];
  rows = [];
  open = [];
  kept = waiting = counts.dropped = counts.skipped = counts.sifted = 0;
  if (list.contains(document.activeElement)) log.focus();
  list.replaceChildren();
  drawFigures();
}

// ------------------------------------------------------------- reading the list
function openEvent(row) {
  if (open.length === OPEN) closeEvent(open[0]);
  open.push(row);
  row.node.querySelector(".data").setAttribute("aria-expanded", true);
  row.node.append(eventInFull(row));
}

function closeEvent(row) {
  if (!open.includes(row)) return;
  open = open.filter((other) => other !== row);
  const button = row.node.querySelector(".data"), full = row.node.querySelector(".full");
  button.setAttribute("aria-expanded", false);
  if (full.contains(document.activeElement)) button.focus();
  full.remove();
}

function toggleEvent(node) {
  const row = rows.find((row) => row.node === node);
  if (!row) return;
  if (open.includes(row)) closeEvent(row);
  else openEvent(row);
  schedule();
}

/** Whether the list goes on only when it is told to. It does so by itself once a press ends, or the focus is elsewhere. */
const isStopped = () => paused || open.length > 0 || isScrolled;

function togglePause() {
  paused = !isStopped();
  if (!paused) {
    open.slice().forEach(closeEvent);
    log.scrollTop = 0;
    isScrolled = false;
  }
  schedule();
}

/** The list is one stop of the Tab key: arrows go from event to event in it. */
function moveInList(press) {
  const from = document.activeElement.closest(".row");
  if (press.key === "Escape" && from) {
    const row = open.find(({ node }) => node === from);
    if (row) closeEvent(row);
    else log.focus();
    schedule();
    return;
  }
  // In an opened event's text, arrows scroll.
  if (press.altKey || press.ctrlKey || press.metaKey || (from && !document.activeElement.matches(".data"))) return;
  const shown = rows.filter(({ node }) => !node.hidden && node.matches(".row")).map(({ node }) => node).reverse();
  const at = shown.indexOf(from);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1 }[press.key];
  if (to === undefined || shown.length === 0) return;
  press.preventDefault();
  if (to < 0) log.focus();
  else shown[Math.min(to, shown.length - 1)].querySelector(".data").focus();
}

list.addEventListener("click", ({ target, detail }) => {
  const row = target.closest(".row"), isByKey = detail === 0;
  if (row && !target.closest(".full, .id") && (isByKey || getSelection().isCollapsed)) toggleEvent(row);
});
list.addEventListener("pointerdown", () => { isPressed = true; });
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { if (isPressed) { isPressed = false; schedule(); } });
list.addEventListener("focusin", ({ target }) => { hasFocus = target.matches(":focus-visible"); schedule(); });
list.addEventListener("focusout", () => { hasFocus = false; schedule(); });
log.addEventListener("keydown", moveInList);
log.addEventListener("scroll", () => {
  if (isScrolled !== log.scrollTop > 0) { isScrolled = !isScrolled; schedule(); }
}, { passive: true });
let filterTimer = 0;
$("filter").oninput = () => {
  clearTimeout(filterTimer);
  filterTimer = setTimeout(() => {
    needle = $("filter").value.trim().toLowerCase();
    counts.sifted = 0;
    isSifting = true;
    schedule();
  }, 150);
};

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

