// The whole client where there is no page: in Node, over fetch.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";

import { EventStream } from "../package/index.js";

let url;
let requests = 0;
const server = createServer((request, response) => {
  requests += 1;
  const { searchParams } = new URL(request.url, url);
  const status = Number(searchParams.get("status") ?? 200);
  response.writeHead(status, { "content-type": "text/event-stream" });
  for (let number = 0; number < Number(searchParams.get("events") ?? 0); number += 1) response.write(`id: ${number}\ndata: ${number}\n\n`);
  if (searchParams.has("named")) response.write("event: named\ndata: 1\n\ndata: 2\n\n");
  response.end();
});
before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${server.address().port}/`;
});
after(() => server.close());

const connect = (query, options) => EventStream.connect(`${url}?${query}`, { reconnect: false, ...options });

test("events come by fetch, without an EventSource", async () => {
  const read = [];
  const stream = connect("named", { events: "all" });
  for await (const event of stream) read.push([event.name, event.data, event.origin]);
  assert.deepEqual(read, [["named", "1", new URL(url).origin], ["message", "2", new URL(url).origin]]);
  assert.deepEqual([stream.state, await stream.closed], [{ kind: "closed", why: "ended" }, { kind: "closed", why: "ended" }]);
  assert.throws(() => connect("", { fetch: false }), /option fetch can't be false: there is no EventSource here/);
});

test("no event is lost or doubled by batches, however many wait", async () => {
  const read = [];
  for await (const many of connect("events=20000").batches({ every: 5 })) read.push(...many.map(event => Number(event.data)));
  assert.deepEqual(read, Array.from({ length: 20_000 }, (_, number) => number));
});

test("a function of the page's that fails closes the stream, and the error is the page's own", async () => {
  const uncaught = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", error => uncaught.push(error.message));
  const { warn } = console;
  console.warn = () => {};
  try {
    const before = requests;
    const stream = connect("status=503", { reconnect: true, fetch: { retryIf: () => { throw new Error("mine"); } } });
    stream.onstate = () => { throw new Error("a handler's"); };
    const heard = once(stream, "state");
    assert.deepEqual(await stream.closed, { kind: "closed", why: "status", status: 503 });
    await heard;
    await new Promise(done => setImmediate(done));
    assert.deepEqual([uncaught.sort(), requests - before], [["a handler's", "a handler's", "mine"], 1]);
  } finally {
    console.warn = warn;
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  }
});

test("what is closed before it has connected asks for nothing", async () => {
  const before = requests;
  const stream = connect("events=1");
  stream.close();
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.ok(requests - before <= 1);
});
