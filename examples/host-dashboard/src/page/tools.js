// Small tools: elements, and numbers as people read them.

const $ = (id) => document.getElementById(id);

/** Makes an element. Text only ever becomes a text node: nothing from the wire is parsed as HTML. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function parse(json) {
  try { return JSON.parse(json); } catch { return null; }
}

/** A name as it was before it became a topic's segment. */
function named(segment) {
  try { return decodeURIComponent(segment); } catch { return segment; }
}

/** Three digits and a unit: 12.3 kB. */
function scaled(value, base, units) {
  let unit = 0;
  while (value >= base * 0.9995 && unit < units.length - 1) { value /= base; unit++; }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const memory = (bytes) => scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
const rate = (bytes) => scaled(bytes, 1000, ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"]);
const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

/** The next of 1, 2, 5, 10, 20 … that is not below the value. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((step) => step * power >= value * 0.9999);
}
