// The page: when it draws, and what can be chosen.

const views = new Map();
let renderTimer = 0;

/** Draws soon: what comes together is drawn once. By a timer, since animation frames stop in a hidden tab. */
function schedule() {
  renderTimer ||= setTimeout(() => { renderTimer = 0; render(); }, 40);
}

function render() {
  expire();
  const names = [...hosts.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const changed = names.length !== views.size || !names.every((host) => views.has(host));
  if (changed) {
    for (const host of views.keys()) if (!hosts.has(host)) views.delete(host);
    for (const host of names) if (!views.has(host)) views.set(host, new HostView(host));
    $("hosts").replaceChildren(...names.map((host) => views.get(host).node));
  }
  for (const host of names) views.get(host).draw([...topics.values()].filter((series) => series.host === host));
  $("empty").hidden = names.length > 0 || $("state").dataset.state !== "live";
  const busy = names.length === 1 && [...topics.values()].find(({ kind }) => kind === "cpu")?.points.at(-1).busy;
  document.title = `${typeof busy === "number" ? `${named(names[0])} ${percent(busy)} · ` : ""}host-dashboard`;
}

function choose(wanted) {
  minutes = TICKS.has(wanted) ? wanted : 5;
  for (const button of $("spans").children) button.setAttribute("aria-pressed", Number(button.value) === minutes);
  schedule();
}

$("spans").append(...[...TICKS.keys()].map((each) => {
  const button = make("button", { type: "button", value: each }, `${each} min`);
  button.onclick = () => { choose(each); history.replaceState(null, "", `?minutes=${each}`); };
  return button;
}));
const own = HUB === location.origin;
$("hub").textContent = own ? "" : `hub ${HUB}`;
$("footer").append("The same readings in a terminal: ", make("code", {}, `curl -N '${HUB}/events?topic=host/**'`),
  ", or ", make("a", { href: own ? "/hub?topic=host/**" : `${HUB}/?topic=host/**` }, "event by event"), ".");
choose(Number(new URLSearchParams(location.search).get("minutes")));
setInterval(schedule, 1000);
connect();
