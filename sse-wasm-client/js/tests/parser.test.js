// The parser under every cut: the standard's vectors, which the parser in Rust passes too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Parser } from "../package/parser.js";

const vectors = name => JSON.parse(readFileSync(new URL(`../../../sse-core/tests/vectors/${name}.json`, import.meta.url)));

/** All that a stream holds, which arrives in these pieces of bytes. */
function parse(pieces, lastEventId = "") {
  const [parser, decoder, items] = [new Parser(lastEventId), new TextDecoder(), []];
  for (const piece of pieces) {
    parser.push(decoder.decode(piece, { stream: true }));
    for (let item; (item = parser.next());) items.push(item);
  }
  return [items, parser.lastEventId];
}

function expected({ events, last_event_id, retry_ms }, [items, lastEventId]) {
  const found = items.filter(item => item.name).map(({ name, data, id }) => ({ event: name, data, id }));
  const retry = items.findLast(item => item.retry !== undefined)?.retry ?? null;
  assert.deepEqual([found, lastEventId, retry], [events, last_event_id, retry_ms]);
}

for (const vector of [...vectors("parse"), ...vectors("parse_seeded")]) {
  const chunks = vector.chunks_b64?.map(chunk => Buffer.from(chunk, "base64")) ?? vector.chunks.map(chunk => Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  const start = vector.initial_last_event_id;
  test(vector.name, () => {
    expected(vector, parse(chunks, start));
    for (let cut = 0; cut <= bytes.length; cut += 1) expected(vector, parse([bytes.subarray(0, cut), bytes.subarray(cut)], start));
    for (const size of [1, 2, 3]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
      expected(vector, parse(pieces, start));
    }
  });
}

const whole = text => parse([Buffer.from(text)])[0];
const LARGEST = 4 << 20;

test("what exceeds a limit is dropped, told and committed", () => {
  const [items, lastEventId] = parse([Buffer.from(`id: 1\ndata: ${"x".repeat(LARGEST)}\n\nid: 2\ndata: next\n\n`)]);
  assert.deepEqual([items, lastEventId], [[{ limit: "line" }, { name: "message", data: "next", id: "2" }], "2"]);
  assert.deepEqual(whole(`event: ${"n".repeat(1025)}\ndata: x\n\n`), [{ limit: "name" }]);
  assert.deepEqual(whole(`id: ${"n".repeat(1025)}\ndata: x\n\ndata: y\n\n`), [{ limit: "id" }, { name: "message", data: "y", id: "" }]);
  assert.deepEqual(whole(`${`data: ${"x".repeat(1 << 20)}\n`.repeat(5)}\n`), [{ limit: "event" }]);
  assert.deepEqual(whole(`: ${"x".repeat(LARGEST + 9)}\n${"y".repeat(LARGEST + 9)}\ndata: a\n\n`).map(item => item.data), ["a"]);
});

test("an ID with a NUL is no ID, however long", () => {
  assert.deepEqual(whole(`id: \0${"n".repeat(2000)}\ndata: a\n\n`), [{ name: "message", data: "a", id: "" }]);
});

test("an endless line is not kept", () => {
  const parser = new Parser("");
  for (let mebibyte = 0; mebibyte < 20; mebibyte += 1) {
    parser.push("x".repeat(1 << 20));
    assert.equal(parser.next(), undefined);
  }
  parser.push("\n\ndata: a\n\n");
  assert.equal(parser.next().data, "a");
});

test("nothing is looked at again, whichever line ends a stream has", () => {
  // with a scan for each line this would take minutes
  const lines = 200_000;
  for (const end of ["\n", "\r", "\r\n"]) assert.equal(whole(`data: x${end}${end}`.repeat(lines)).length, lines);
});
