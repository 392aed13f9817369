// What the hub's page draws of texts that others chose: little, whatever they are. Run by `node --test`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../../sse-server/src/http/routes/page/text.js", import.meta.url), "utf8");
const NAMES = ["visible", "nameOf", "readable", "withoutCrowds", "cut", "preview", "unwrap", "glance", "matches", "layOut", "piecesOf",
  "pageOfPieces", "pageOfTopics", "PREVIEW_MAX", "NAME_MAX", "PIECE_MAX", "JSON_MAX", "PAGE"];
const text = new Function("parse", `${source}\nreturn { ${NAMES.join(", ")} };`)((json) => {
  try { return JSON.parse(json); } catch { return undefined; }
});
const { visible, nameOf, readable, cut, preview, unwrap, glance, matches, piecesOf, pageOfPieces, pageOfTopics } = text;

const TURNS = /[\u202A-\u202E\u2066-\u2069\u0000-\u0008]/; // what would turn the text after it round, or can't be seen
const HALF = /\p{Surrogate}/u;

/** Texts that have made pages freeze, each of about this many characters. */
const hostile = (size) => ({
  json: JSON.stringify(Array.from({ length: size / 40 }, (_, id) => ({ id, name: `user ${id}`, ok: true }))),
  deep: "[".repeat(size / 2) + "]".repeat(size / 2),
  unfinished: '{"k":['.repeat(size / 6),
  rightToLeft: "שלום".repeat(size / 4),
  marks: `a${"\u0301".repeat(size)}`,
  zalgo: "Z\u0351\u036b\u0343\u036a\u0302\u0363\u0328\u0327\u0321\u0315\u034d\u0330".repeat(size / 13),
  word: "x".repeat(size),
  families: "👩‍👩‍👧‍👦".repeat(size / 11),
  astral: "𝒳".repeat(size / 2),
  halves: "\ud800".repeat(size),
  overrides: "\u202e".repeat(size),
  lines: "\n".repeat(size),
  quotes: '"\\'.repeat(size / 2),
  nothing: "",
});
const envelopeOf = (data) => JSON.stringify({ topic: "a", data });

test("the page knows what an envelope says of an event", () => {
  const plain = { topic: "a", others: [], isPrivate: false, isLast: false, text: "x", json: false };
  for (const [envelope, expected] of [
    ['{"topic":"a","data":"x"}', plain],
    ['{"topic":"a","topics":["a","b],\\"c"],"private":true,"end":true,"data":"x"}', { ...plain, others: ['b],"c'], isPrivate: true, isLast: true }],
    ['{"topic":"a","end":true,"data":{"topics":["b"],"n":10000000000000000001}}', { ...plain, isLast: true, text: '{"topics":["b"],"n":10000000000000000001}', json: true }],
    ['{"topic":"a","data":{"topic":"b","end":true,"data":"x"}}', { ...plain, text: '{"topic":"b","end":true,"data":"x"}', json: true }],
    ["none", { ...plain, topic: "", text: "none" }],
  ]) {
    assert.deepEqual(unwrap(envelope), expected);
  }
});

test("the page writes out what turns a name round or can't be seen, and nothing else", () => {
  for (const [name, shown] of [
    ["news/\u202Egnp.exe", "news/‹U+202E›gnp.exe"],
    ["a\u2066b\u2069\u200F\u061C", "a‹U+2066›b‹U+2069›‹U+200F›‹U+061C›"],
    ["\u009B31m\u0000\u2028", "‹U+009B›31m‹U+0000›‹U+2028›"],
    ["חדשות/日本 é 👩‍👧", "חדשות/日本 é 👩‍👧"],
  ]) {
    assert.equal(visible(name), shown);
  }
});

test("a cut never goes through a pair of surrogates, and keeps a character with its marks where it can", () => {
  for (const [whole, max, kept] of [
    ["short", 10, "short"],
    ["a😀b", 2, "a"],
    ["a😀b", 3, "a😀"],
    ["ae\u0301\u0302x", 3, "a"],
    ["x👩‍👧y", 4, "x"],
    ["x👍🏽y", 3, "x"],
    [`a${"\u0301".repeat(100)}`, 50, `a${"\u0301".repeat(49)}`], // its end is too far away
    ["😀".repeat(40), 33, "😀".repeat(16)],
  ]) {
    assert.equal(cut(whole, max), kept);
  }
});

test("a row has one short line of any event, with nothing in it that turns it round", () => {
  for (const [what, data] of Object.entries(hostile(8_000))) {
    for (const envelope of [envelopeOf(data), `{"topic":"a","data":${JSON.stringify([data])}}`, data]) {
      const { line } = glance(envelope);
      assert.ok(line.length <= text.PREVIEW_MAX + 1, `${what}: ${line.length}`);
      assert.ok(!/[\n\r\t]/.test(line) && !TURNS.test(line) && !HALF.test(line), `${what}: ${line}`);
      assert.ok(!/\p{Mark}{9}/u.test(line), what);
    }
  }
});

test("a row's line is the event's own data, and says when there is more", () => {
  assert.deepEqual(glance('{"topic":"a","topics":["a","b"],"end":true,"data":"x\\n\\ty"}'), { topic: "a", others: ["b"], isPrivate: false, isLast: true, line: "x y" });
  assert.equal(glance(envelopeOf('{"a": 1}')).line, '{"a": 1}');
  assert.equal(glance('{"topic":"a","data":{"n":10000000000000000001}}').line, '{"n":10000000000000000001}');
  assert.equal(glance("none").line, "none");
  assert.equal(glance(envelopeOf("y".repeat(240))).line, "y".repeat(240));
  assert.equal(glance(envelopeOf("y".repeat(241))).line, `${"y".repeat(240)}…`);
  assert.equal(glance(envelopeOf("\u0001".repeat(2_000))).line.at(-1), "…");
  assert.equal(preview(`${" ".repeat(5_000)}x`), "…");
});

test("of an event of megabytes a row reads no more than of a small one", () => {
  const read = { characters: 0 }; // counted, since times differ from machine to machine
  const { glance } = new Function("parse", `${source}\nreturn { glance };`)((json) => {
    read.characters = Math.max(read.characters, json.length);
    return JSON.parse(json);
  });
  glance(envelopeOf('"\\é\n'.repeat(2_000_000)));
  assert.ok(read.characters < 2_000, `${read.characters}`);
});

test("names and data have what turns them round written out; data keeps its lines and its marks of direction", () => {
  assert.equal(readable("a\n\t\u200Eb\u202Ec\u0000\ud800d"), "a\n\t\u200Eb‹U+202E›c‹U+0000›‹U+D800›d");
  assert.equal(text.withoutCrowds(`e${"\u0301".repeat(20)}x`), `e${"\u0301".repeat(8)}‹+12›x`);
  assert.equal(text.withoutCrowds("กำ हिन्दी שָׁלוֹם"), "กำ हिन्दी שָׁלוֹם");
  for (const name of Object.values(hostile(1_024))) assert.ok(nameOf(name).length <= text.NAME_MAX + 1);
});

test("an opened event is drawn a small page at a time, and all of it can be read", () => {
  for (const size of [8_000, 200_000]) {
    for (const [what, data] of Object.entries(hostile(size))) {
      const pieces = piecesOf(unwrap(envelopeOf(data)));
      let from = 0, all = "";
      while (from < pieces.length) {
        const page = pageOfPieces(pieces, from);
        const characters = page.reduce((sum, [, piece]) => sum + piece.length, 0);
        assert.ok(page.length >= 1 && page.length <= text.PAGE.pieces, what);
        assert.ok(characters <= Math.max(text.PAGE.characters, 8 * text.PIECE_MAX), `${what}: ${characters}`);
        assert.ok(page.every(([, piece]) => !TURNS.test(piece) && !HALF.test(piece)), what);
        all += page.map(([, piece]) => piece).join("");
        from += page.length;
      }
      if (["word", "rightToLeft", "lines", "families", "astral"].includes(what)) assert.equal(all, data, what);
      if (["json", "deep"].includes(what)) assert.equal(all.replace(/\s/g, ""), data.replace(/\s/g, ""), what);
    }
  }
});

test("the filter looks into topics, names and data, whatever the case of letters and however data is escaped", () => {
  const event = { event: "Created", data: '{"topic":"orders/7","topics":["orders/7","ada"],"data":"say \\"Grüße\\"\\n"}' };
  for (const needle of ["", "created", "orders/", "ada", 'say "grüße"']) assert.ok(matches(event, needle), needle);
  for (const needle of ["nowhere", "topics", '\\"']) assert.ok(!matches(event, needle), needle);
});

test("topics are searched, and come a hundred at a time", () => {
  const topics = Array.from({ length: 5_000 }, (_, i) => ({ topic: `Many/${String(i).padStart(4, "0")}` }));
  const { shown, ...first } = pageOfTopics(topics, "", 0);
  assert.deepEqual([shown.length, shown[0].topic, first], [100, "Many/0000", { from: 0, found: 5_000, page: 0, last: 49 }]);
  assert.equal(pageOfTopics(topics, "", 49).shown.at(-1).topic, "Many/4999");
  assert.equal(pageOfTopics(topics, "", 50).page, 49); // there are fewer than before
  assert.equal(pageOfTopics(topics, "", -1).page, 0);
  assert.deepEqual(pageOfTopics(topics, " many/49", 3), { shown: topics.slice(4_900), from: 0, found: 100, page: 0, last: 0 });
  assert.deepEqual(pageOfTopics([], "x", 0), { shown: [], from: 0, found: 0, page: 0, last: 0 });
});
