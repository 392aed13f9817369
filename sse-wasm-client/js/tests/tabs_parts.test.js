// What the traces don't reach: limits, and what is rare.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ReplayBuffer } from "../package/tabs/replay_buffer.js";
import { SeenIds, order } from "../package/tabs/seen_ids.js";
import { Tab } from "../package/tabs/tab.js";

/** The ID of a hub that `short` abbreviates, as `b-12` does `bbbbbbbbbbbb-00000000012`; any other as it is. */
function long(short) {
  const [, epoch, number] = /^(\w)-(\w+)$/.exec(short) ?? [];
  return epoch ? `${epoch.repeat(12)}-${number.padStart(11, "0")}` : short;
}

const event = (id, { name = "tick", data = "", origin = "" } = {}) => ({ name, data, id: long(id), origin });

function outputs(tab) {
  const outputs = [];
  for (let output; (output = tab.pollOutput());) outputs.push(output);
  return outputs;
}

/** What a tab says, and what else it wants done. */
function done(tab) {
  const all = outputs(tab);
  return [all.filter(([kind]) => kind === "post").map(([, notice]) => notice), all.filter(([kind]) => kind !== "post")];
}

test("IDs of one epoch compare and no others", () => {
  for (const [one, other, expected] of [
    ["a-1", "a-2", -1], ["a-0v", "a-0a", 1], ["a-9", "a-10", -1], ["a-1", "a-1", 0], ["a-1", "b-2", NaN], ["41", "42", NaN],
    ["41", "41", 0], ["", "a-1", NaN], ["", "", 0], ["evt-9k2f", "evt-1aab", NaN],
    ["0123456789ab-0000000000A", "0123456789ab-0000000000B", NaN], ["0123456789ab-0000000000w", "0123456789ab-0000000000x", NaN],
    ["0123456789ab-00000-00001", "0123456789ab-00000-00002", NaN],
  ]) {
    assert.equal(order(long(one), long(other)), expected, `${one} ${other}`);
  }
});

test("so many IDs are remembered", () => {
  const seen = new SeenIds("");
  for (let number = 0; number < 3 * 1024; number += 1) seen.push(`#${number}`);
  assert.deepEqual([seen.relation("#2048"), seen.relation("#2047"), seen.relation("#3071")], [-1, NaN, 0]);
  assert.deepEqual([seen.isBefore("#2048", "#2049"), seen.isBefore("#2049", "#2048"), seen.isBefore("#1", "#2049")], [true, false, false]);
  assert.equal(seen.through("#2050").length, 3);
});

test("a replay buffer holds so many events", () => {
  const buffer = new ReplayBuffer("");
  for (let number = 1; number <= 515; number += 1) assert.equal(buffer.push(event(`#${number}`)), number);
  assert.deepEqual([buffer.floor, buffer.after(2), buffer.after(516), buffer.after(515)], [3, undefined, undefined, []]);
  assert.deepEqual([buffer.find("#2"), buffer.find("#3"), buffer.find("#515")], [undefined, [3, false], [515, false]]);
});

test("a replay buffer holds so much", () => {
  const buffer = new ReplayBuffer("");
  const half = "x".repeat(256 * 1024);
  for (const id of ["a-1", "a-2", "a-3"]) buffer.push(event(id, { data: half }));
  assert.deepEqual([buffer.floor, buffer.last], [2, 3]); // with names and IDs two are too many
  buffer.push(event("a-4", { data: half + half }));
  assert.deepEqual([buffer.floor, buffer.last, buffer.find(long("a-4"))], [4, 4, [4, false]]);
});

test("who missed more than the leader has is told of a gap", () => {
  const [leader, follower] = [new Tab(1, "", 0), new Tab(2, "#elsewhere", 0)];
  leader.handleGranted(0);
  for (let number = 1; number <= 515; number += 1) leader.handleEvent(event(`#${number}`, { origin: "http://hub" }), 0);
  const [asked] = done(follower);
  done(leader);
  leader.handleNotice(asked[0], 0);
  for (const notice of done(leader)[0]) follower.handleNotice(notice, 0);
  const [, told] = done(follower);
  const data = '{"reason":"lagged","requested":"#elsewhere","first":"#4"}';
  assert.deepEqual(told[0], ["event", { name: "sse-gap", data, id: "#elsewhere", origin: "http://hub" }]);
  assert.deepEqual([told.filter(([kind]) => kind === "event").length, told[1][1].id], [513, "#4"]);
});

test("who joins a stream that is no hub's before its first event gets that", () => {
  const [leader, follower] = [new Tab(1, "#1", 0), new Tab(2, "", 0)];
  leader.handleGranted(0);
  done(leader);
  leader.handleNotice(done(follower)[0][0], 0);
  leader.handleEvent(event("#2"), 0);
  for (const notice of done(leader)[0]) follower.handleNotice(notice, 0);
  const events = done(follower)[1].filter(([kind]) => kind === "event");
  assert.deepEqual(events.map(([, { name, id }]) => [name, id]), [["sse-cursor", "#1"], ["tick", "#2"]]);
});

/** A tab in step with a leader, which has had `a-1` as its first event, and gets the lock then. */
function heir() {
  const [leader, heir] = [new Tab(1, "", 0), new Tab(2, "", 0)];
  heir.handleNotice({ from: 3, term: [0, 0], says: { call: {} } }, 0);
  leader.handleGranted(0);
  leader.handleEvent(event("a-1", { name: "sse-cursor" }), 0);
  for (const notice of done(leader)[0]) heir.handleNotice(notice, 0);
  done(heir);
  heir.handleGranted(0);
  done(heir);
  return [leader, heir];
}

test("an end that comes after the lock is one for who has had everything", () => {
  const [leader, tab] = heir();
  leader.handleEvent(event("a-2", { name: "sse-end" }), 0);
  for (const notice of done(leader)[0]) tab.handleNotice(notice, 0);
  const last = done(tab)[1];
  assert.deepEqual(last.map(([kind]) => kind), ["event", "state", "release"]);
  tab.handleTime(1000);
  assert.deepEqual(outputs(tab), []);

  const [behind, other] = heir();
  behind.handleEvent(event("a-2"), 0);
  done(behind);
  behind.handleEvent(event("a-3", { name: "sse-end" }), 0);
  for (const notice of done(behind)[0]) other.handleNotice(notice, 0);
  assert.deepEqual(done(other)[1], []);
  other.handleTime(1000);
  assert.deepEqual(done(other)[1], [["connect", long("a-1")]]);
});

test("a stream that is closed for another reason is closed for who gets the lock", () => {
  const [leader, tab] = heir();
  const closed = { kind: "closed", why: "status", status: 401 };
  const refused = { type: "refused", status: 401, problem: null, retryAfter: null };
  leader.handleAside(refused);
  leader.handleState(closed, 0);
  for (const notice of done(leader)[0]) tab.handleNotice(notice, 0);
  assert.deepEqual(outputs(tab), [["aside", refused], ["state", closed], ["release"]]);
});

test("who hears a leader of an earlier term tells it the later one", () => {
  const [former, leader, follower] = [new Tab(1, "", 0), new Tab(2, "", 0), new Tab(3, "", 0)];
  former.handleGranted(0);
  for (const term of [[2, 2], [1, 1]]) follower.handleNotice({ from: term[1], term, says: { beat: { number: 0, state: { kind: "open" } } } }, 0);
  done(follower);
  follower.handleNotice({ from: 1, term: [1, 1], says: { beat: { number: 0, state: { kind: "open" } } } }, 2000);
  assert.deepEqual(done(follower)[0].map(({ term }) => term), [[2, 2]]);
  leader.handleNotice({ from: 9, term: [4, 9], says: { here: { id: "", number: null, fresh: true } } }, 0);
  leader.handleGranted(0);
  leader.handleTime(150);
  done(leader);
  leader.handleNotice({ from: 1, term: [1, 1], says: { beat: { number: 0, state: { kind: "open" } } } }, 200);
  assert.deepEqual(done(leader)[0].map(({ term, says }) => [term, Object.keys(says)]), [[[5, 2], ["beat"]]]);
});
