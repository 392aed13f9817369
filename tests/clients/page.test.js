// The hub's page held to the protocol's vectors: its parser, and its words for every reason. What it draws of a text is in
// page_text.test.js. Run by `node --test`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const vectors = JSON.parse(read("sse-core/tests/vectors/hub.json"));
const page = (file) => read(`sse-server/src/http/routes/page/${file}`);

/** What scripts of the page declare under this name. */
const declared = (source, name) => new Function(`${source}\nreturn ${name};`)();

const EventStreamParser = declared(page("stream.js"), "EventStreamParser");
const Connection = declared(page("stream.js"), "Connection");

/** What the page's parser makes of a stream that comes in these pieces. */
function parse(pieces) {
  const seen = { events: [], retry: null };
  const parser = new EventStreamParser("", {
    onretry: (time) => { seen.retry = time; },
    onevent: ({ event, data, id }) => seen.events.push({ event, data, id: id ?? "" }),
  });
  for (const piece of pieces) parser.feed(piece);
  return seen;
}

test("the page's parser reads each of the hub's events, however it is cut", () => {
  for (const { why, wire, event, data, id, retry_ms: retry } of vectors.events) {
    const bytes = new TextEncoder().encode(wire);
    const expected = { events: [{ event, data, id: id ?? "" }], retry };
    assert.deepEqual(parse([bytes]), expected, why);
    assert.deepEqual(parse(Array.from(bytes, (byte) => Uint8Array.of(byte))), expected, `${why}, byte by byte`);
  }
});

test("the page has a sentence for every reason", () => {
  const [texts] = /^const GAPS = [^]*?^const DRAINS = [^]*?^};$/m.exec(page("rows.js"));
  const sentences = (name) => Object.keys(declared(texts, name)).sort();
  assert.deepEqual(sentences("GAPS"), vectors.gap_reasons.toSorted());
  assert.deepEqual(sentences("DRAINS"), vectors.drain_reasons.toSorted());
});

test("the page does not come back after the end of all topics, nor where it is not known who asks", { timeout: 10_000 }, async () => {
  const { wire } = vectors.events.find(({ event }) => event === "sse-end");
  const body = new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode(wire)) }); // and it stays open
  const told = new Response(body, { headers: { "content-type": "text/event-stream" } });
  for (const [answer, states, events] of [
    [told, ["connecting", "open", "ended"], ["sse-end"]],
    [new Response(null, { status: 204 }), ["connecting", "ended"], []],
    [new Response(null, { status: 401 }), ["connecting", "closed"], []],
  ]) {
    const seen = { states: [], events: [], asked: 0, unknown: 0 };
    globalThis.problem = async () => "no token"; // of another of the page's scripts
    globalThis.fetch = async (_, { headers }) => {
      seen.asked += headers.Authorization === "Bearer x";
      return answer;
    };
    await new Promise((ended) => {
      const connection = new Connection({
        url: () => "",
        headers: () => ({ Authorization: "Bearer x" }),
        onunknown: () => { seen.unknown++; },
        onevent: ({ event }) => seen.events.push(event),
        onread() {},
        onstate() {
          seen.states.push(connection.state);
          if (["ended", "closed"].includes(connection.state)) setTimeout(ended, 20);
        },
      });
      connection.start();
    });
    assert.deepEqual(seen, { states, events, asked: 1, unknown: Number(answer.status === 401) });
  }
});
