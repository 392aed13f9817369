import { EventStream } from "/sse-wasm-client/index.js";

const element = id => document.getElementById(id);
const [log, empty, state, problem, form, nameInput, textInput] =
  ["log", "empty", "state", "problem", "say", "name", "text"].map(element);

const KEPT = 500; // messages and notes in the page
const FLUSH = 30; // ms; a timer, since a page that is not seen draws no frames

// A topic's segment: what a room's name may not hold is left out. By characters, since half of one is none.
const asked = new URLSearchParams(location.search).get("room") ?? "";
const room = [...asked.replace(/[^\p{L}\p{N}_-]/gu, "")].slice(0, 40).join("") || "lobby";
const topic = `chat/${encodeURIComponent(room)}`;
element("room").textContent = room;
document.title = `#${room}`;

let own = remembered();
let countdown;
let flushing;
/** The last gap whose `first` has not come yet, and its note. */
let gap;
/** What is not in the page yet. A layout takes longer the more it holds, so there is one for many messages. */
const waiting = [];

nameInput.value = own;
form.addEventListener("submit", say);

const stream = EventStream.connect(`/events?topic=${topic}&since=1h`, { events: ["said"], pauseWhenHidden: 5 * 60_000 });
stream.onstate = show;
stream.ongap = noteGap;
window.chat = stream; // to play with in the console

for await (const event of stream) {
  if (event.id === gap?.first) moveGap();
  try {
    add(event.id, event.json());
  } catch {
    append(note(event.id, "Someone said what this page can't read.")); // anyone may publish to the hub
  }
}

/** Publishes what was typed. It comes back by the stream, like what the others say. */
async function say(submitted) {
  submitted.preventDefault();
  const [name, text] = [nameInput.value.trim(), textInput.value.trim()];
  if (!name || !text) return;
  remember(name);
  problem.textContent = "";
  textInput.value = ""; // at once, so that a second click sends nothing and the next message can be typed
  textInput.focus();
  try {
    const body = JSON.stringify({ name, text, at: Date.now() });
    const answer = await fetch(`/publish/${topic}?event=said`, { method: "POST", body });
    if (!answer.ok) {
      const said = await answer.json().catch(() => null); // a proxy answers in a language of its own
      throw new Error(said?.detail ?? `the server answers ${answer.status}`);
    }
  } catch (error) {
    if (textInput.value === "") {
      textInput.value = text;
      problem.textContent = `Not sent: ${error.message}`;
    } else {
      problem.textContent = `Not sent: “${text}”: ${error.message}`;
    }
  }
}

/** The name is kept where the browser allows it, and else as long as the page. */
function remembered() {
  try {
    return localStorage.getItem("name") ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  own = name;
  try {
    localStorage.setItem("name", name);
  } catch {
    // no matter
  }
}

function add(id, { name, text, at }) {
  if (typeof name !== "string" || typeof text !== "string") throw new TypeError("a message has a name and a text");
  const article = document.createElement("article");
  article.dataset.id = id;
  article.dataset.testid = "message";
  article.classList.toggle("own", name === own);
  article.style.setProperty("--hue", hue(name));
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

function note(id, text) {
  const paragraph = document.createElement("p");
  paragraph.className = "note";
  paragraph.dataset.id = id;
  paragraph.textContent = text;
  return paragraph;
}

/** A gap is not told in order with the messages, but by the first event that follows it. That may be here already. */
function noteGap({ first }) {
  flush();
  const missing = note("", "Some messages may be missing here.");
  const after = [...log.children].find(child => first !== null && child.dataset.id === first);
  if (after) {
    after.before(missing);
  } else {
    append(missing);
    gap = { first, missing };
  }
}

/** What has come since the gap was told is older than it. */
function moveGap() {
  flush();
  append(gap.missing);
  gap = undefined;
}

function append(child) {
  waiting.push(child);
  if (waiting.length > KEPT) waiting.shift();
  flushing ??= setTimeout(flush, FLUSH);
}

/** Who has scrolled up to read is left there. */
function flush() {
  clearTimeout(flushing);
  flushing = undefined;
  if (waiting.length === 0) return;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  empty.hidden = true;
  log.append(...waiting.splice(0));
  while (log.childElementCount > KEPT + 1) log.children[1].remove(); // the first says that there are none
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function show(now) {
  clearInterval(countdown);
  state.dataset.kind = now.kind;
  if (now.kind === "open") empty.hidden = log.childElementCount + waiting.length > 1;
  if (now.kind !== "waiting") {
    const closed = now.why === "ended" ? "ended" : "closed"; // whoever runs the hub may end a room
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

/** A colour of one's own. */
function hue(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 360;
  return sum;
}
