import init, { EventStream } from "/sse-wasm-client/index.js";

const element = id => document.getElementById(id);
const [log, empty, state, problem, form, nameInput, textInput] =
  ["log", "empty", "state", "problem", "say", "name", "text"].map(element);

// A topic's segment: what a room's name may not hold is left out.
const room = (new URLSearchParams(location.search).get("room") ?? "").replace(/[^\p{L}\p{N}_-]/gu, "").slice(0, 40) || "lobby";
const topic = `chat/${encodeURIComponent(room)}`;
element("room").textContent = room;
document.title = `#${room}`;
nameInput.value = localStorage.getItem("name") ?? "";

let countdown;

await init();
const stream = EventStream.connect(`/events?topic=${topic}&since=1h`, { events: ["said"], pauseWhenHidden: 5 * 60_000 });
stream.onstate = show;
stream.ongap = () => note("Some messages may be missing here.");
form.addEventListener("submit", say);
window.chat = stream; // to play with in the console

for await (const event of stream) {
  try {
    add(event.id, event.json());
  } catch {
    note("Someone said what this page can't read."); // anyone may publish to the hub
  }
}

/** Publishes what was typed. It comes back by the stream, like what the others say. */
async function say(submitted) {
  submitted.preventDefault();
  const [name, text] = [nameInput.value.trim(), textInput.value.trim()];
  if (!name || !text) return;
  localStorage.setItem("name", name);
  problem.textContent = "";
  try {
    const body = JSON.stringify({ name, text, at: Date.now() });
    const answer = await fetch(`/publish/${topic}?event=said`, { method: "POST", body });
    if (!answer.ok) throw new Error((await answer.json()).detail);
    textInput.value = "";
  } catch (error) {
    problem.textContent = `Not sent: ${error.message}`;
  }
  textInput.focus();
}

function add(id, { name, text, at }) {
  const article = document.createElement("article");
  article.dataset.id = id;
  article.dataset.testid = "message";
  article.classList.toggle("own", name === localStorage.getItem("name"));
  article.style.setProperty("--hue", hue(String(name)));
  const head = document.createElement("h2");
  head.textContent = name;
  const time = document.createElement("time");
  const date = new Date(at);
  if (!Number.isNaN(date.getTime())) {
    time.dateTime = date.toISOString();
    time.textContent = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  }
  const words = document.createElement("p");
  words.textContent = text;
  article.append(head, time, words);
  append(article);
}

function note(text) {
  const paragraph = document.createElement("p");
  paragraph.className = "note";
  paragraph.textContent = text;
  append(paragraph);
}

/** Who has scrolled up to read is left there. */
function append(child) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  empty.hidden = true;
  log.append(child);
  while (log.childElementCount > 500) log.children[1].remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function show(now) {
  clearInterval(countdown);
  state.dataset.kind = now.kind;
  if (now.kind === "open") empty.hidden = log.childElementCount > 1;
  if (now.kind !== "waiting") {
    state.textContent = { connecting: "connecting …", open: "live", paused: "paused", closed: "closed" }[now.kind];
    return;
  }
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((now.until - performance.now()) / 1000));
    state.textContent = `no connection; again in ${seconds} s`;
  };
  tick();
  countdown = setInterval(tick, 1000);
}

/** A colour of one's own. */
function hue(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 360;
  return sum;
}
