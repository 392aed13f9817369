// ---------------------------------------------------------------- small tools
// Where the hub is mounted: the page may be called with or without a slash behind it.
const BASE = location.pathname.replace(/\/?$/, "/");
const $ = (id) => document.getElementById(id);

/** Makes an element. Text only ever becomes a text node: nothing from the wire is parsed as HTML. */
function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Sets a text that may be the same as before: then the browser has nothing to lay out again. */
function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

/** A name that someone else chose, whose direction of writing stays its own. */
const isolated = (name, attributes = {}) => make("bdi", attributes, nameOf(name));

/** The ends of an id's two parts, the log's epoch and the place in it: there ids differ. */
const shorten = (id) => (id.length > 14 ? `${id.slice(0, Math.max(id.lastIndexOf("-"), 4)).slice(-4)}…${id.slice(-6)}` : id);

/** Its name has what it shows in it, for those who tell their computer by voice what to click. */
function idButton(id, attributes = {}) {
  const shown = visible(shorten(id));
  return make("button", { type: "button", class: "plain id", title: `${visible(id)}\nClick to copy`, "data-copy": id, "aria-label": `${shown}, copy id ${visible(id)}`, ...attributes }, shown);
}

function timeNode(date) {
  const two = (n) => String(n).padStart(2, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return make("time", { datetime: date.toISOString() }, `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`);
}

function parse(json) {
  try { return JSON.parse(json); } catch { return undefined; }
}

let token = ""; // kept nowhere else

/** The headers that say who asks. */
const credentials = () => (token === "" ? {} : { Authorization: `Bearer ${token}` });

/** The sentence of a problem answer (RFC 9457), or what can be said without one. */
async function problem(response) {
  const body = await response.json().catch(() => null);
  const sentence = body?.detail || body?.title;
  return typeof sentence === "string" ? sentence.slice(0, 400) : `The hub answered with status ${response.status}.`;
}

let toastTimer;
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Off localhost and without TLS a page has no clipboard object; the old command still works there.
    const focused = document.activeElement;
    const field = make("textarea", { class: "away" }, text);
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    focused?.focus();
  }
  $("toast").textContent = "Copied";
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").textContent = ""; }, 1600);
}

