// ------------------------------------------------------- what is drawn of a text
// What comes from the wire may be long, hostile or both: the browser lays out only what these functions leave of it.
const PREVIEW_MAX = 240; // characters of an event's data in its row
const NAME_MAX = 96;     // of a name there
const JSON_MAX = 16_384; // characters of JSON that are laid out and coloured; longer JSON is shown as it was sent
const PIECE_MAX = 1_000; // characters of a piece of an opened event
const PAGE = { characters: 4_000, pieces: 800, lines: 300 }; // of an opened event that are drawn at a time
const LINE = globalThis.matchMedia?.("(max-width: 619px)").matches ? 34 : 46; // JSON up to this long stays on one line, as it was sent

const writtenOut = (c) => `‹U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;

/** A name with the code points that turn text round, or can't be seen, written out. */
const visible = (name) => name.replace(/[\p{Bidi_Control}\p{Control}\u2028\u2029]/gu, writtenOut);

const nameOf = (name) => shortened(withoutCrowds(visible(name)), NAME_MAX);

/** Data is less strict than a name: it has lines, and marks of direction that turn nothing but themselves. */
const readable = (data) => data.replace(/[\u202A-\u202E\u2066-\u2069\u2028\u2029\p{Surrogate}]|(?![\t\n\r])\p{Control}/gu, writtenOut);

/** Says how many marks there are on a character in place of piling them up over the lines around. */
const withoutCrowds = (text) => text.replace(/(\p{Mark}{8})(\p{Mark}+)/gu, (_, kept, more) => `${kept}‹+${[...more].length}›`);

/** Whether a character may end here: not within a pair of surrogates, nor before a mark or what a joiner binds to it. */
function isBorder(text, at) {
  const pair = /^[\uDC00-\uDFFF]$/.test(text[at]) && /^[\uD800-\uDBFF]$/.test(text[at - 1]);
  return !pair && text[at - 1] !== "\u200D" && !/^[\p{Mark}\p{Emoji_Modifier}\u200D]/u.test(text.slice(at, at + 2));
}

/** Where to cut so that at most `max` characters are before it. A character that has no border for long is cut anyway. */
function borderBefore(text, max) {
  if (text.length <= max) return text.length;
  for (let at = max; at > Math.max(0, max - 32); at--) if (isBorder(text, at)) return at;
  return max > 1 && /^[\uDC00-\uDFFF]$/.test(text[max]) ? max - 1 : max;
}

const cut = (text, max) => text.slice(0, borderBefore(text, max));

const shortened = (text, max) => (text.length > max ? `${cut(text, max)}…` : text);

/** One line of an event's data. */
function preview(text) {
  const beginning = cut(text, 4 * PREVIEW_MAX);
  const line = withoutCrowds(readable(beginning.replace(/\s+/g, " ").trim()));
  return beginning.length < text.length && line.length <= PREVIEW_MAX ? `${line}…` : shortened(line, PREVIEW_MAX);
}

function sizeOf(characters) {
  if (characters < 1000) return `${characters} characters`;
  return characters < 1_000_000 ? `${(characters / 1000).toFixed(1)} thousand characters` : `${(characters / 1_000_000).toFixed(1)} million characters`;
}

// ------------------------------------------------------------- out of an envelope
const STRING = '"(?:[^"\\\\]|\\\\.)*"';
const DATA = ',"data":';
const HEAD = new RegExp(`^\\{"topic":${STRING}(?:,"(?:topics":\\[(?:${STRING},?)*\\]|private":true|end":true))*${DATA}`);

/** What an event is, out of its envelope, and its data's own text there: parsing would round long numbers. */
function opened(envelope) {
  const length = envelope.endsWith("}") ? HEAD.exec(envelope)?.[0].length : undefined;
  const head = length && parse(`${envelope.slice(0, length - DATA.length)}}`);
  if (!head) return { what: { topic: "", others: [], isPrivate: false, isLast: false }, raw: null };
  const { topic, topics = [], private: isPrivate = false, end: isLast = false } = head;
  return { what: { topic, others: topics.filter((other) => other !== topic), isPrivate, isLast }, raw: envelope.slice(length, -1) };
}

/** An event's data in full. */
function dataOf(envelope, raw) {
  if (raw === null) return envelope;
  return raw[0] === '"' ? (parse(raw) ?? raw) : raw;
}

/** What an event is, and all of its data. */
function unwrap(envelope) {
  const { what, raw } = opened(envelope);
  const text = dataOf(envelope, raw);
  const looksLike = raw !== null && text.length <= JSON_MAX && (raw[0] !== '"' || /^\s*[{[]/.test(text));
  return { ...what, text, json: looksLike && (raw[0] !== '"' || parse(text) !== undefined) };
}

/** What an event is, and as much of its data as a row shows: however long it is, no more than that is read. */
function glance(envelope) {
  const { what, raw } = opened(envelope);
  if (raw === null || raw[0] !== '"') return { ...what, line: preview(raw ?? envelope) };
  const inner = raw.slice(1, -1);
  const [whole] = /^(?:[^\\]|\\u[\da-f]{4}|\\[^u])*/i.exec(inner.slice(0, 6 * PREVIEW_MAX)); // no escape is cut in two
  const text = parse(`"${whole}"`) ?? whole;
  // What is not read yet counts as a space would, so that the line ends with an ellipsis.
  return { ...what, line: preview(whole.length < inner.length ? text + " ".repeat(4 * PREVIEW_MAX) : text) };
}

/** Whether an event has a filter's text, in lower case, in its topics, its name or its data. */
function matches({ event, data }, needle) {
  if (needle === "") return true;
  const { what, raw } = opened(data);
  return [event, what.topic, ...what.others, dataOf(data, raw)].some((part) => part.toLowerCase().includes(needle));
}

// ------------------------------------------------------------ an event in full
/** JSON text as [class, text] pieces: containers that fit on a line stay on it, the others are indented. */
function layOut(json) {
  const tokens = json.match(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  const starts = [0], ends = [], opened = []; // where each token starts, where each bracket closes
  tokens.forEach((token, i) => {
    starts.push(starts[i] + token.length);
    if (token === "{" || token === "[") opened.push(i);
    else if (token === "}" || token === "]") ends[opened.pop()] = i;
  });
  const pieces = [];
  let depth = 0, column = 0, flat = -1; // the last token of the container that stays on its line
  const newline = () => {
    column = 2 * Math.min(depth, 12);
    pieces.push(["", "\n" + " ".repeat(column)]);
  };
  tokens.forEach((token, i) => {
    const free = i > flat;
    if (free && (token === "}" || token === "]")) { depth--; newline(); }
    const kind = token === "," || token === ":" ? "sep" : token[0] === '"' ? (tokens[i + 1] === ":" ? "key" : "string") : /^[\w-]/.test(token) ? "word" : "";
    pieces.push([kind, token]);
    if (free && token === ",") newline();
    if (free && (token === "{" || token === "[")) {
      if (ends[i] === i + 1 || starts[ends[i] + 1] - starts[i] <= LINE - column) flat = ends[i];
      else { depth++; newline(); return; }
    }
    if (token !== "," || !free) column += token.length;
  });
  return pieces;
}

/** All of an event's data as [class, text] pieces, none of them long. */
function piecesOf({ text, json }) {
  const pieces = [];
  for (const [kind, whole] of json ? layOut(text) : [["", text]]) {
    for (let from = 0; from < whole.length;) {
      const piece = cut(whole.slice(from, from + PIECE_MAX + 2), PIECE_MAX);
      pieces.push([kind, piece]);
      from += piece.length;
    }
  }
  return pieces;
}

/** The page of these pieces that begins at `from`, as it is shown: one piece at least, and soon laid out. */
function pageOfPieces(pieces, from) {
  const page = [];
  let characters = 0, lines = 0;
  for (const [kind, text] of pieces.slice(from, from + PAGE.pieces)) {
    const shown = withoutCrowds(readable(text));
    characters += shown.length;
    lines += shown.split("\n").length - 1;
    if (page.length > 0 && (characters > PAGE.characters || lines > PAGE.lines)) break;
    page.push([kind, shown]);
  }
  return page;
}

// -------------------------------------------------------------- a list in pages
const TOPICS_PAGE = 100;

/** A page of those topics whose name has the searched text in it, in any case; `page` is brought into range. */
function pageOfTopics(topics, search, page) {
  const needle = search.trim().toLowerCase();
  const found = needle === "" ? topics : topics.filter(({ topic }) => topic.toLowerCase().includes(needle));
  const last = Math.max(0, Math.ceil(found.length / TOPICS_PAGE) - 1);
  const at = Math.min(Math.max(page, 0), last), from = at * TOPICS_PAGE;
  return { shown: found.slice(from, from + TOPICS_PAGE), from, found: found.length, page: at, last };
}

