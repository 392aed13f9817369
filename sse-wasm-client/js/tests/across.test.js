// Tabs in a browser, all on one page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";

import { acrossTabs } from "../package/tabs/across.js";
import { requestLock } from "../package/tabs/lock.js";
import { optionsText, sharedName } from "../package/tabs/shared_name.js";
import { Browser } from "./browser.js";

const URL_OF_ALL = "https://hub.example/events?topic=a";
const OPTIONS = { events: ["tick"], withCredentials: false };
const NAME = sharedName(URL_OF_ALL, OPTIONS);

let browser;
beforeEach(() => { browser = new Browser(); });
afterEach(() => browser.remove());

const id = number => `0123456789ab-${String(number).padStart(11, "0")}`;
const event = (name, number, data = "") => ({ name, data, id: number === null ? "" : id(number), origin: "https://hub.example" });

/** A hub, what it has sent, and the open connections. */
class Server {
  log = [];
  open = new Set();
  checks = 0;
  starts = [];

  connect = (lastEventId, handlers) => {
    this.starts.push(lastEventId);
    this.open.add(handlers);
    queueMicrotask(() => {
      if (!this.open.has(handlers)) return;
      const after = lastEventId ? Number(lastEventId.slice(13)) : this.log.length;
      handlers.state({ kind: "open" });
      this.hello(handlers, after);
      for (const sent of this.log.slice(after)) handlers.event(sent);
    });
    return { close: () => this.open.delete(handlers), checkDeadlines: () => { this.checks += 1; } };
  };

  hello(handlers, after) {
    handlers.event(event("sse-cursor", after));
  }

  publish(data, name = "tick") {
    this.log.push(event(name, this.log.length + 1, data));
    for (const handlers of [...this.open]) handlers.event(this.log[this.log.length - 1]);
  }
}

/** A tab, and what it has been told. */
class Page {
  events = [];
  states = [];
  asides = [];

  constructor(server, { lastEventId = "", url = URL_OF_ALL, on = () => {} } = {}) {
    this.connection = acrossTabs(server.connect, url, OPTIONS)(lastEventId, {
      event: event => { this.events.push(event); on(this, event); },
      state: state => this.states.push(state.kind),
      aside: aside => this.asides.push(aside),
    });
  }

  get data() {
    return this.events.filter(({ name }) => !name.startsWith("sse-")).map(({ data }) => data);
  }

  get state() {
    return this.states[this.states.length - 1];
  }
}

/** So many tabs, one after the other. */
async function pages(count, server) {
  const pages = [];
  for (let at = 0; at < count; at += 1) {
    pages.push(new Page(server));
    await browser.run(1100);
  }
  return pages;
}

const data = pages => pages.map(page => page.data.join());

test("tabs share a connection and pass it on", async () => {
  const server = new Server();
  const [first, second, third] = await pages(3, server);
  assert.deepEqual([first, second, third].map(page => page.state), ["open", "open", "open"]);
  server.publish("1");
  server.publish("2");
  await browser.run(10);
  assert.deepEqual(data([first, second, third]), ["1,2", "1,2", "1,2"]);
  assert.equal(server.open.size, 1);
  assert.ok(server.checks >= 2); // the others have told their positions

  first.connection.close();
  assert.equal(server.open.size, 0);
  server.publish("3");
  await browser.run(1000);
  assert.deepEqual(data([first, second, third]), ["1,2", "1,2,3", "1,2,3"]);
  assert.equal(server.open.size, 1);
  second.connection.close();
  server.publish("4");
  await browser.run(1000);
  assert.deepEqual(third.data, ["1", "2", "3", "4"]);
  third.connection.close();
  await browser.settle();
  assert.deepEqual([server.open.size, browser.channels.size, browser.timers, browser.locks.queue(NAME).length], [0, 0, 0, 0]);
});

test("a leader that is robbed follows", async () => {
  const server = new Server();
  const both = await pages(2, server);
  const release = requestLock(NAME, true, () => {});
  await browser.run(10);
  assert.equal(server.open.size, 0);
  server.publish("1");
  release();
  await browser.run(1000);
  assert.deepEqual(data(both), ["1", "1"]);
  assert.equal(server.open.size, 1);
});

test("a leader that is never heard is robbed", async () => {
  const server = new Server();
  const fates = [];
  requestLock(NAME, false, fate => fates.push(fate));
  await browser.settle();
  const page = new Page(server);
  await browser.run(11_000);
  assert.deepEqual([fates, server.open.size], [["handleGranted"], 0]);
  await browser.run(6000); // four beats of up to 4 s
  assert.deepEqual([fates, page.state], [["handleGranted", "handleStolen"], "open"]);
});

test("a page that sleeps lets another lead, and comes back", async () => {
  const server = new Server();
  const both = await pages(2, server);
  browser.document.dispatchEvent(new Event("freeze")); // all of this page
  await browser.settle();
  assert.deepEqual([server.open.size, both.map(page => page.state)], [0, ["paused", "paused"]]);
  server.publish("1");
  browser.document.dispatchEvent(new Event("resume"));
  await browser.run(1000);
  assert.deepEqual([server.open.size, data(both)], [1, ["1", "1"]]);
  both.forEach(page => page.connection.close());
  browser.document.dispatchEvent(new Event("freeze"));
  assert.deepEqual(both.map(page => page.state), ["open", "open"]);
});

for (const [what, missing, value] of [
  ["locks", "navigator", {}],
  ["a navigator", "navigator", undefined],
  ["channels", "BroadcastChannel", undefined],
]) {
  test(`without ${what} each has its own`, async () => {
    browser.replace(missing, value);
    const server = new Server();
    const both = await pages(2, server);
    server.publish("1");
    await browser.settle();
    assert.deepEqual([server.open.size, data(both)], [2, ["1", "1"]]);
    both.forEach(page => page.connection.close());
    await browser.settle();
    assert.deepEqual([server.open.size, browser.timers, browser.locks.queue(NAME).length], [0, 0, 0]);
  });
}

test("in a worker no page is listened to", async () => {
  browser.replace("document", undefined);
  const [page] = await pages(1, new Server());
  assert.equal(page.state, "open");
  page.connection.close();
});

test("a lock is waited for, stolen and let go", async () => {
  const fates = [];
  const request = (number, steal) => requestLock("lock", steal, fate => fates.push([number, fate]));
  const first = request(1, false);
  request(2, false);
  const third = request(3, false);
  await browser.settle();
  assert.deepEqual(fates, [[1, "handleGranted"]]);
  third(); // while it waits
  first();
  await browser.settle();
  assert.deepEqual(fates.splice(0), [[1, "handleGranted"], [2, "handleGranted"]]);
  const thief = request(4, true);
  thief(); // before it is told
  request(5, true);
  await browser.settle();
  assert.deepEqual(fates, [[2, "handleStolen"], [5, "handleGranted"]]);
});

test("a lock that the browser refuses is none", async () => {
  browser.locks.request = () => Promise.reject(new DOMException("no origin", "SecurityError"));
  const server = new Server();
  const [page] = await pages(1, server);
  assert.deepEqual([page.state, server.open.size], ["open", 1]);
});

test("what is reported beside goes round, and is nobody's after the end", async () => {
  const server = new Server();
  const both = await pages(2, server);
  const [leader] = server.open;
  const refused = { type: "refused", status: 503, problem: { type: "about:blank", title: null, detail: "é" }, retryAfter: 1000 };
  leader.aside(refused);
  leader.state({ kind: "waiting", attempt: 1, until: browser.now + 1000.5 });
  await browser.settle();
  assert.deepEqual(both.map(page => page.asides), [[refused], [refused]]);
  assert.deepEqual(both.map(page => page.state), ["waiting", "waiting"]);
  leader.state({ kind: "closed", why: "status", status: 401 });
  leader.state({ kind: "open" });
  leader.event(event("tick", 1, "1"));
  leader.aside(refused);
  await browser.run(1000);
  assert.deepEqual(both.map(page => [page.state, page.asides.length, page.data.length]), [["closed", 1, 0], ["closed", 1, 0]]);
  assert.deepEqual([server.open.size, server.starts.length], [0, 1]);
});

test("who closes while an event is handed out gets no more", async () => {
  const server = new Server();
  const [first] = await pages(1, server);
  const second = new Page(server, { on: (page, { name }) => { if (name === "tick") page.connection.close(); } });
  await browser.run(1100);
  server.publish("1");
  server.publish("2");
  await browser.run(10);
  assert.deepEqual(data([first, second]), ["1,2", "1"]);
  first.connection.close();
  await browser.settle();
  assert.equal(browser.channels.size, 0);
});

test("what nobody listens for is not passed on, but the position now and then", async () => {
  const server = new Server();
  const [page] = await pages(1, server);
  const cursors = () => page.events.filter(({ name }) => name === "sse-cursor").map(({ id }) => Number(id.slice(13)));
  assert.deepEqual(cursors(), [0]);
  server.publish("1", "tock");
  server.publish("2");
  await browser.run(2999);
  server.publish("3", "tock");
  assert.deepEqual(cursors(), [0]);
  await browser.run(1);
  server.publish("4", "tock");
  server.publish("5", "tock");
  assert.deepEqual([cursors(), page.data], [[0, 4], ["2"]]);
  assert.equal(page.events[page.events.length - 1].data, "");
});

test("of another server's stream no position is told", async () => {
  const server = new Server();
  server.hello = () => {};
  const [page] = await pages(1, server);
  server.publish("1");
  await browser.run(10_000);
  server.publish("2", "tock");
  server.publish("3", "message");
  assert.deepEqual([page.data, page.events.length], [["1", "3"], 2]);
});

const SINCE = { url: "https://hub.example/events?topic=a&since=1h" };

test("a tab that begins in the past finds its position first, and joins there", async () => {
  const server = new Server();
  const first = new Page(server, SINCE);
  await browser.run(1000);
  assert.deepEqual([server.starts, server.open.size, first.states], [["", id(0)], 1, ["open"]]);
  const second = new Page(server, SINCE);
  await browser.run(1000);
  server.publish("1");
  await browser.run(10);
  assert.deepEqual([server.open.size, data([first, second])], [1, ["1", "1"]]);
  [first, second].forEach(page => page.connection.close());
  await browser.settle();
  assert.deepEqual([server.open.size, browser.channels.size], [0, 0]);

  new Page(server, { ...SINCE, lastEventId: id(1) }); // one that resumes has a position
  await browser.run(1000);
  assert.deepEqual([server.starts.slice(3), server.open.size], [[id(1)], 1]);
});

test("with a server that is no hub it stays alone", async () => {
  const server = new Server();
  server.hello = () => {};
  const page = new Page(server, SINCE);
  await browser.settle();
  assert.deepEqual(page.states, []);
  server.publish("1", "tock");
  server.publish("2");
  assert.deepEqual([page.states, page.data, browser.channels.size], [["open"], ["2"], 0]);
  page.connection.close();
  server.publish("3");
  assert.deepEqual([page.data, server.open.size], [["2"], 0]);
});

test("who closes when it is told the position does not join", async () => {
  const server = new Server();
  const page = new Page(server, { ...SINCE, on: page => page.connection.close() });
  await browser.run(1000);
  assert.deepEqual([page.events.length, server.open.size, browser.channels.size], [1, 0, 0]);
});

test("both clients find each other", () => {
  const vectors = JSON.parse(readFileSync(new URL("shared_names.json", import.meta.url), "utf8"));
  for (const { url, options, text, name } of vectors) {
    assert.equal(optionsText(options), text);
    assert.equal(sharedName(url, options), name);
  }
});
