// The connection to the hub.

const HUB = document.documentElement.dataset.hub || location.origin;
const SILENCE_MS = 45_000; // three of the hub's heartbeats
const AGAIN_MS = [1_000, 2_000, 5_000, 10_000, 20_000];

let source = null, lastEventId = "", life = 0, failures = 0, timer = 0;

/**
 * A new EventSource. The first asks for history, a later one goes on from the last id, which the browser itself sends
 * as long as it keeps one alive: in its state CONNECTING it is left alone.
 */
function connect() {
  clearTimeout(timer);
  source?.close();
  const query = new URLSearchParams({ topic: "host/*/**", envelope: "json" });
  if (lastEventId) query.set("last_event_id", lastEventId);
  else query.set("since", `${KEPT_MS / 60_000}m`);
  source = new EventSource(`${HUB}/events?${query}`);
  life = performance.now();
  source.onmessage = (event) => { alive(event); take(event.data, event.lastEventId); };
  // A hub that is full answers too: only its first event opens a stream.
  source.addEventListener("sse-cursor", alive);
  source.addEventListener("sse-gap", (event) => {
    alive(event);
    // It stands just before what comes next. A host that was not drawn yet has nothing to miss.
    for (const host of hosts.values()) host.pending = parse(event.data)?.reason ?? "unknown";
  });
  source.addEventListener("sse-drain", (event) => {
    lastEventId = event.lastEventId || lastEventId; // a hub that takes no more streams sends no id
    become("connecting", "The hub ended the stream; this page comes back by itself.");
  });
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return become("connecting", "The connection broke; the browser tries again.");
    const elsewhere = HUB !== location.origin;
    become("refused", elsewhere ? `The hub refuses this page, or is not there. Its cors.origins must name ${location.origin}.`
      : "The hub refuses this page, or is not there.");
    timer = setTimeout(connect, AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]);
  };
}

function alive(event) {
  life = performance.now();
  lastEventId = event.lastEventId;
  failures = 0;
  if ($("state").dataset.state !== "live") become("live", "");
  schedule();
}

function become(state, why) {
  $("state").textContent = $("state").dataset.state = state;
  $("why").textContent = why;
}

setInterval(() => { if (performance.now() - life > SILENCE_MS && source) connect(); }, 5_000);
// A page with an open connection may not be kept for the back button; one that comes back goes on from its last id.
addEventListener("pagehide", () => { clearTimeout(timer); source?.close(); source = null; });
addEventListener("pageshow", (show) => { if (show.persisted) connect(); });
