// ------------------------------------------------------------------ watching
const query = new URLSearchParams(location.search);
let selectors = query.has("topic") ? [...new Set(query.getAll("topic").filter(Boolean))] : ["**"];

const connection = new Connection({
  url() {
    const wanted = new URLSearchParams(selectors.map((s) => ["topic", s]));
    wanted.append("envelope", "json");
    if (connection.lastEventId === "" && $("since").value) wanted.append("since", $("since").value);
    return `${BASE}events?${wanted}`;
  },
  onevent(entry) {
    if (!entry.event.startsWith("sse-")) {
      counts.received++;
      rate[currentSecond() % 60]++;
      arrived(entry.id);
      topicsSoon();
      enqueue(entry);
    } else if (["sse-gap", "sse-drain", "sse-end"].includes(entry.event)) {
      if (entry.event === "sse-gap") counts.gaps++;
      enqueue(entry);
    }
  },
  onread: schedule,
  headers: credentials,
  onunknown() { $("access").open = true; },
  onstate() {
    const { state } = connection;
    const node = $("state");
    if (node.dataset.state !== state) {
      node.textContent = node.dataset.state = state;
      document.title = `${state} · ${location.host} · sse-server`;
      if (state === "open") loadTopics();
    }
    $("retry-now").hidden = state !== "waiting";
    $("toggle").hidden = state === "idle";
    $("toggle").textContent = isOver() ? "Connect" : "Disconnect";
    drawLife();
    draw(); // at once, so that the figures never lag behind the state
  },
});

const isLive = () => ["connecting", "open", "waiting"].includes(connection.state);
const isOver = () => ["closed", "ended"].includes(connection.state);
/** A hub on this very machine is reached without any network. */
const isOffline = () => !navigator.onLine && !/^(localhost|127\..*|\[::1\]|.*\.localhost)$/.test(location.hostname);

function connect() {
  if (selectors.length === 0) connection.stop("idle", "Add a topic to watch.");
  else if (isOffline()) connection.suspend("The browser is offline; this goes on when the network is back.");
  else connection.start();
}

/** Keeps the choice in the address, so that a link carries it. No selector at all is one empty one. */
function remember() {
  const kept = new URLSearchParams((selectors.length ? selectors : [""]).map((s) => ["topic", s]));
  if ($("since").value) kept.append("since", $("since").value);
  history.replaceState(null, "", `?${String(kept).replaceAll("%2F", "/")}`);
}

function watch(next) {
  const unique = [...new Set(next)];
  if (unique.length === selectors.length && unique.every((s, i) => s === selectors[i])) return;
  selectors = unique;
  remember();
  drawSelectors();
  connect(); // positions are log-wide: the last id stays right for any other selectors
}

function drawSelectors() {
  $("chips").replaceChildren(...selectors.map((selector) => {
    const remove = make("button", { type: "button", class: "plain", "aria-label": `Stop watching ${visible(selector)}`, title: "Remove" }, "×");
    remove.onclick = () => { watch(selectors.filter((s) => s !== selector)); $("selector-input").focus(); };
    return make("li", { class: "chip", "data-testid": "chip", "data-selector": selector }, isolated(selector), remove);
  }));
  $("chips").hidden = selectors.length === 0;
  $("covered").hidden = !(selectors.length > 1 && selectors.includes("**"));
  for (const button of $("topics").querySelectorAll("button")) button.setAttribute("aria-pressed", selectors.includes(button.dataset.topic));

  const idle = selectors.length === 0;
  $("empty-title").textContent = idle ? "Nothing is watched" : "Nothing to show yet";
  $("empty-text").textContent = idle ? "Add a topic or a pattern, and what is published to it shows up here."
    : "Events show up here as soon as they are published. Try it from a terminal:";
  $("command").hidden = $("example").hidden = idle;
  const url = location.origin + (publishPath(exampleTopic()) ?? `${BASE}publish/news`);
  $("curl").textContent = $("curl-copy").dataset.copy = `curl ${token === "" ? "" : '-H "Authorization: Bearer $TOKEN" '}-d hello ${url.includes("[") ? `'${url}'` : url}`;
  $("example").textContent = `Or publish “hello” to ${visible(exampleTopic())} from here`;
}

/** A topic that the first selector matches. */
const exampleTopic = () => (selectors[0] ?? "news").split("/").map((s) => (s === "*" || s === "**" ? "news" : s)).join("/");

// ------------------------------------------------------------------ publishing
let sending = false;
let trip = null; // the publish whose event has not come back: {started, id, seen}

/** The path to publish at, or null: a browser would resolve `.` and `..` away, even percent-encoded. */
function publishPath(topic) {
  const segments = topic.split("/");
  if (/\p{Surrogate}/u.test(topic) || segments.some((s) => s === "" || s === "." || s === "..")) return null;
  return `${BASE}publish/` + segments.map((s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)).join("/");
}

async function publish(topic, event, data) {
  if (sending) return;
  const result = $("publish-result");
  delete result.dataset.id;
  delete result.dataset.error;
  const fail = (sentence) => { trip = null; result.dataset.error = result.textContent = sentence; };
  const path = publishPath(topic);
  if (path === null) return fail("Give a topic: names with “/” between them, none of them empty, “.” or “..”.");
  sending = true;
  $("publish-send").setAttribute("aria-disabled", true);
  result.textContent = "Sending…";
  trip = { started: performance.now(), id: null, seen: new Map() };
  try {
    const response = await fetch(path + (event && `?${new URLSearchParams({ event })}`), { method: "POST", body: data, headers: credentials() });
    if (response.ok) {
      const { id } = await response.json();
      result.dataset.id = id;
      result.replaceChildren("Published as ", idButton(id));
      trip.id = id;
      if (trip.seen.has(id)) arrived(id, trip.seen.get(id));
      clearTimeout(topicsTimer);
      topicsTimer = setTimeout(loadTopics, 150);
    } else {
      fail(await problem(response));
    }
  } catch {
    fail("No answer from the hub, so the event may or may not have been published.");
  }
  sending = false;
  $("publish-send").removeAttribute("aria-disabled");
}

/** Measures the round trip. The event may arrive before the publish is answered. */
function arrived(id, now = performance.now()) {
  if (trip === null) return;
  if (trip.id === null && trip.seen.size < 1000) trip.seen.set(id, now);
  if (trip.id !== id) return;
  const ms = now - trip.started;
  $("trip").textContent = `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  trip = null;
}

// ------------------------------------------------------------------ wiring
$("selector-form").onsubmit = (submit) => {
  submit.preventDefault();
  const added = $("selector-input").value.split(",").map((s) => s.trim()).filter(Boolean);
  $("selector-input").value = "";
  watch([...selectors, ...added]);
};
$("since").onchange = () => {
  // Another start is another reading of the log: the position, and what was read up to it, go.
  connection.lastEventId = "";
  remember();
  clearList();
  connect();
};
$("publish-form").onsubmit = (submit) => {
  submit.preventDefault();
  publish($("publish-topic").value.trim(), $("publish-event").value.trim(), $("publish-data").value);
};
$("token-form").onsubmit = (submit) => {
  submit.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  $("token-note").textContent = token === "" ? "No token is sent." : "A token is sent with whatever this page asks of the hub. Use an empty one to forget it.";
  drawSelectors();
  loadTopics();
  connect();
};
$("publish-data").onkeydown = (press) => {
  if (press.key === "Enter" && (press.ctrlKey || press.metaKey)) { press.preventDefault(); $("publish-form").requestSubmit(); }
};
$("example").onclick = () => {
  $("publish-topic").value = exampleTopic();
  $("publish-event").value = "";
  $("publish-data").value = "hello";
  $("publish-form").requestSubmit();
};
$("pause").onclick = togglePause;
$("clear").onclick = clearList;
$("toggle").onclick = () => (isOver() ? connect() : connection.stop("closed", "Closed from this page."));
$("retry-now").onclick = connect;
document.addEventListener("click", (click) => {
  const text = click.target.closest("[data-copy]")?.dataset.copy;
  if (text) copy(text);
});
addEventListener("online", () => { if (connection.state === "waiting") connect(); });
addEventListener("offline", () => { if (isOffline() && isLive()) connect(); });
// A page with an open connection may not be kept for the back button; one that comes back goes on from its last id.
addEventListener("pagehide", () => { if (isLive()) connection.suspend(""); });
addEventListener("pageshow", (show) => { if (show.persisted && connection.state === "waiting") connect(); });

const since = query.get("since") ?? "";
if (![...$("since").options].some((option) => option.value === since)) $("since").append(make("option", { value: since }, `the last ${visible(since)}`));
$("since").value = since;
$("origin").textContent = location.host;
// Where there is room for one column only, the events come first: for the eyes, and for the Tab key.
const narrow = matchMedia("(max-width: 899px)");
function arrange() {
  const way = narrow.matches ? "append" : "prepend";
  $("main")[way]($("controls"));
  $("stream")[way]($("stats"));
}
narrow.onchange = arrange;
arrange();
setInterval(tick, 1000);
drawSelectors();
loadTopics();
connect();
tick();
