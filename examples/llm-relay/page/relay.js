import { EventStream } from "/sse-wasm-client/index.js";

const element = id => document.getElementById(id);
const [empty, state, prompt, text, end, form, asked, stop, problem] =
  ["empty", "state", "prompt", "text", "end", "ask", "asked", "stop", "problem"].map(element);
const { hub } = document.documentElement.dataset;

let stream;
let countdown;

addEventListener("hashchange", follow);
form.addEventListener("submit", ask);
stop.addEventListener("click", askToStop);
follow();

/** The run is in the address: a reload and another device have all they need. */
function run() {
  return location.hash.match(/^#([0-9a-f]{32})$/)?.[1];
}

/** Shows the run from its beginning. */
async function follow() {
  stream?.close();
  clearInterval(countdown);
  prompt.textContent = text.textContent = end.textContent = problem.textContent = "";
  prompt.hidden = true;
  empty.hidden = run() !== undefined;
  stop.disabled = run() === undefined;
  if (!run()) return;

  const url = `${hub}/events?topic=runs/${run()}&since=earliest`;
  const own = stream = EventStream.connect(url, { events: ["prompt", "stopped", "failed"], pauseWhenHidden: 5 * 60_000 });
  own.onstate = now => own === stream && show(now);
  own.ongap = () => own === stream && follow(); // what is in the page may lack something: from the beginning, then
  for await (const event of own) {
    if (own !== stream) return;
    if (event.name === "message") text.append(event.data);
    else if (event.name === "prompt") [prompt.textContent, prompt.hidden] = [event.data, false];
    else end.textContent = event.name === "stopped" ? "Stopped." : `Not all of it: ${event.data}.`;
  }
  if (own !== stream || own.state.why !== "ended") return;
  end.textContent ||= "The end.";
  end.dataset.over = "";
  stop.disabled = true;
}

async function ask(submitted) {
  submitted.preventDefault();
  problem.textContent = "";
  try {
    const answer = await fetch("/prompts", { method: "POST", body: asked.value });
    if (!answer.ok) throw new Error(await answer.text());
    location.hash = (await answer.json()).run;
    asked.value = "";
  } catch (error) {
    problem.textContent = `Not asked: ${error.message}`;
  }
}

/** The relay watches this topic. If it is away, it hears of it when it comes. */
async function askToStop() {
  problem.textContent = "";
  stop.disabled = true;
  try {
    const answer = await fetch(`${hub}/publish/runs/${run()}/stop`, { method: "POST", body: "" });
    if (!answer.ok) throw new Error(`the hub answers ${answer.status}`);
  } catch (error) {
    stop.disabled = false;
    problem.textContent = `Not stopped: ${error.message}`;
  }
}

function show(now) {
  clearInterval(countdown);
  state.dataset.kind = now.kind === "closed" ? now.why : now.kind;
  if (now.kind !== "waiting") {
    const closed = now.why === "ended" ? "ended" : "closed";
    state.textContent = { connecting: "connecting …", open: "live", paused: "paused", closed }[now.kind];
    return;
  }
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((now.until - performance.now()) / 1000));
    state.textContent = `no connection; again in ${seconds} s`;
  };
  tick();
  countdown = setInterval(tick, 1000);
}
