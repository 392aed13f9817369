// The protocol between tabs, against what the Rust client's simulation wrote down.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Tab } from "../package/tabs/tab.js";
import { decode, encode } from "../package/tabs/wire.js";

const read = name => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
const RUNS = read("traces.json");

/** Tabs that do as those of a run. Each step is checked. */
function replay({ tabs, notices, events: rows, steps }) {
  const events = rows.map(([name, data, id, origin]) => ({ name, data, id, origin }));
  const running = new Map();

  const hand = (at, now, input, value) => {
    if (input === "join") running.set(at, new Tab(tabs[at], value, now));
    const tab = running.get(at);
    switch (input) {
      case "join": return;
      case "granted": return tab.handleGranted(now);
      case "stolen": return tab.handleStolen(now);
      case "unavailable": return tab.handleUnavailable();
      case "notice": return tab.handleNotice(decode(notices[value], now), now);
      case "event": return tab.handleEvent(events[value], now);
      case "state": return tab.handleState(value, now);
      case "aside": return tab.handleAside(value);
      case "time": return tab.handleTime(now);
      case "frozen": return tab.handleFrozen();
      case "resumed": return tab.handleResumed(now);
      case "close": return tab.close();
      default: assert.fail(`the input ${input}`);
    }
  };

  for (const [number, [at, now, input, value, expected, next]] of steps.entries()) {
    hand(at, now, input, value);
    const outputs = [];
    for (let output; (output = running.get(at).pollOutput());) {
      const [kind, given] = output;
      outputs.push(kind === "post" ? [kind, encode(given, now)] : output);
    }
    const texts = expected.map(([kind, given]) => {
      if (kind === "post") return [kind, notices[given]];
      return kind === "event" ? [kind, events[given]] : given === undefined ? [kind] : [kind, given];
    });
    const what = `step ${number}: tab ${tabs[at]} at ${now} ms, ${input}`;
    assert.deepEqual(outputs, texts, what);
    assert.equal(running.get(at).nextTime, next ?? Infinity, `the next time after ${what}`);
  }
}

for (const run of RUNS) {
  test(`tabs do as in the trace ${run.about}`, () => replay(run));
}

test("every notice is written as it was read", () => {
  for (const text of [...read("notices.json"), ...RUNS.flatMap(run => run.notices)]) {
    for (const now of [0, 12_345]) assert.equal(encode(decode(text, now), now), text);
  }
});

test("a time is the same moment on every page", () => {
  const notice = until => ({ from: 1, term: [1, 1], says: { beat: { number: 1, state: { kind: "waiting", attempt: 2, until } } } });
  assert.deepEqual(decode(encode(notice(103_000), 100_000), 7000), notice(10_000));
  assert.deepEqual(decode(encode(notice(99_000), 100_000), 7000), notice(7000)); // over already
  assert.deepEqual(decode(encode(notice(1000.75), 0.5), 0), notice(1000)); // the Rust client reads whole numbers
});

test("anything else is passed over", () => {
  const texts = [
    "", "null", "{}", "1", '{"from":1,"term":[1,1],"says":"shout"}', '{"from":1,"term":[1],"says":{"call":{}}}',
    '{"from":1,"term":[1,1],"says":null}', '{"from":9007199254740993,"term":[1,1],"says":{"call":{}}}',
    '{"from":"1","term":[1,1],"says":{"call":{}}}',
  ];
  for (const text of [...texts, undefined, {}, new ArrayBuffer(1)]) assert.equal(decode(text, 0), undefined, text);
});
