// When the client connects: the courses that src/reconnect/tests.rs has in Rust.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Reconnect } from "../package/reconnect.js";

const S = 1000;

/** The state machine with a clock, and what it has asked for so far. */
class Course {
  now = 0;
  done = [];

  constructor(settings = {}, start = "") {
    const all = { reconnectionTime: 3 * S, maxWait: 30 * S, reconnect: true, shared: false, ...settings };
    this.reconnect = new Reconnect(all, start, 0);
    this.collect();
    assert.deepEqual(this.taken(), [["connect", start]]);
  }

  collect() {
    const { reconnect } = this;
    if (reconnect.disconnect) this.done.push("disconnect");
    if (reconnect.connect) this.done.push(["connect", reconnect.start]);
    reconnect.disconnect = reconnect.connect = false;
  }

  taken() {
    return this.done.splice(0);
  }

  event(id, ofHub = true) {
    assert.equal(this.reconnect.handleEvent(id, ofHub, this.now), true);
    assert.equal(this.reconnect.state.kind, "open");
  }

  end(why = "ended", random = 0) {
    this.reconnect.handleEnd(why, this.now, random);
    this.collect();
  }

  refuse(status, { retryAfter = null, mayPass = status === null || status >= 500, random = 0 } = {}) {
    const may = mayPass && this.reconnect.mayRepeat; // as connection.js has it
    this.reconnect.handleRefusal({ type: "refused", status, problem: null, retryAfter }, may, this.now, random);
    this.collect();
  }

  pass(time) {
    const end = this.now + time;
    while (this.reconnect.nextTime <= end) {
      this.now = Math.max(this.now, this.reconnect.nextTime);
      this.reconnect.handleTime(this.now, 0);
      this.collect();
    }
    this.now = end;
  }

  get state() {
    return this.reconnect.state;
  }
}

const open = (settings, id = "e-1") => {
  const course = new Course(settings);
  course.event(id);
  return course;
};
const closed = (why, status) => (status ? { kind: "closed", why, status } : { kind: "closed", why });

test("an end is followed by a wait and a resume", () => {
  const course = open();
  course.end();
  assert.deepEqual([course.state, course.taken()], [{ kind: "waiting", attempt: 1, until: 3 * S, why: "ended" }, ["disconnect"]]);
  course.pass(3 * S);
  assert.deepEqual([course.state, course.taken()], [{ kind: "connecting" }, [["connect", "e-1"]]]);
});

test("waits grow, are drawn, and are forgotten after a stable stream", () => {
  const course = new Course();
  const waits = [];
  for (let attempt = 1; attempt <= 6; attempt += 1) {
    course.reconnect.handleEnd("failed", course.now, 1);
    waits.push(course.state.until - course.now);
    assert.deepEqual([course.state.attempt, course.state.why], [attempt, "unreachable"]);
    course.pass(waits.at(-1));
  }
  assert.deepEqual(waits, [6, 12, 24, 30, 30, 30].map(seconds => seconds * S));
  course.event("e-1");
  course.pass(5 * S);
  course.end("ended", 1);
  assert.equal(course.state.attempt, 1);
});

test("the server's time is kept as the first wait, up to ten minutes", () => {
  for (const [asked, wait] of [[50, 50], [20 * S, 20 * S], [3600 * S, 600 * S]]) {
    const course = open();
    course.reconnect.handleRetry(asked);
    course.end("ended", 1);
    assert.equal(course.state.until, wait);
  }
});

test("a Retry-After is waited for whatever the network and the page do", () => {
  const course = new Course({ pauseWhenHidden: 0 });
  course.refuse(503, { retryAfter: 60 * S });
  course.reconnect.handleOnline(course.now);
  assert.deepEqual(course.state, { kind: "waiting", attempt: 1, until: 60 * S, why: "refused" });
  course.reconnect.handleHidden(course.now);
  course.pass(0);
  assert.equal(course.state.kind, "paused");
  course.reconnect.handleVisible(course.now);
  assert.deepEqual(course.state.until, 60 * S);
});

test("a refusal says whether it is final", () => {
  for (const [status, options, settings, state] of [
    [404, {}, {}, closed("status", 404)],
    [200, {}, {}, closed("not-an-event-stream")],
    [503, {}, { giveUpAfter: 1 }, closed("gave-up")],
    [null, { mayPass: false }, {}, closed("gave-up")],
    [503, {}, {}, { kind: "waiting", attempt: 1, until: 3 * S, why: "refused", status: 503 }],
  ]) {
    const course = new Course(settings);
    course.refuse(status, options);
    assert.deepEqual(course.state, state);
  }
});

test("a silent stream is made anew at once, and each time it gets more time", () => {
  const course = open();
  const silences = [];
  for (let time = 0; time < 8; time += 1) {
    const began = course.now;
    while (course.done.length === 0) course.pass(S);
    assert.deepEqual(course.taken(), ["disconnect", ["connect", course.reconnect.lastEventId]]);
    assert.deepEqual(course.state, { kind: "connecting", why: "silent" });
    silences.push((course.now - began) / S);
    course.event("e-1");
    course.event("e-2", false);
  }
  assert.deepEqual(silences, [20, 40, 80, 160, 320, 600, 600, 600]);
});

test("only who sends heartbeats is watched", () => {
  const other = new Course();
  other.reconnect.handleHead(undefined, 0);
  other.event("1", false);
  assert.equal(other.reconnect.nextTime, Infinity);
  other.event("2");
  assert.equal(other.reconnect.nextTime, 20 * S);
  const promised = new Course({ heartbeat: 5 * S });
  promised.event("1", false);
  assert.equal(promised.reconnect.nextTime, 10 * S);
  const announced = new Course();
  announced.reconnect.handleHead(2 * S, 0);
  announced.event("1", false);
  assert.equal(announced.reconnect.nextTime, 7 * S);
  const never = new Course({ heartbeat: 0 });
  never.reconnect.handleHead(2 * S, 0);
  never.event("1");
  assert.equal(never.reconnect.nextTime, Infinity);
});

test("an attempt that leads nowhere is a failure", () => {
  const course = new Course();
  course.pass(30 * S); // no head
  assert.deepEqual([course.taken(), course.state.why, course.state.attempt], [["disconnect"], "silent", 1]);
  course.pass(3 * S);
  course.reconnect.handleHead(undefined, course.now);
  course.pass(20 * S); // no event
  assert.deepEqual([course.state.kind, course.state.attempt], ["waiting", 2]);
});

test("a page that slept is given a moment to hear what has arrived", () => {
  const course = open();
  course.now = 100 * S;
  course.reconnect.handleTime(course.now, 0);
  assert.equal(course.state.kind, "open");
  course.pass(5 * S);
  assert.deepEqual(course.state, { kind: "connecting", why: "silent" });
});

test("what is held for want of room is not silent", () => {
  const course = open();
  course.reconnect.handleHold(true, course.now);
  course.pass(1000 * S);
  assert.equal(course.state.kind, "open");
  course.reconnect.handleHold(false, course.now);
  course.pass(20 * S);
  assert.equal(course.state.kind, "connecting");
});

test("the browser's own attempt is left alone, but for the network's return", () => {
  const course = open();
  course.reconnect.handleLost(course.now);
  assert.deepEqual([course.state, course.taken()], [{ kind: "connecting", why: "ended" }, []]);
  course.reconnect.handleOnline(course.now);
  course.collect();
  assert.deepEqual(course.taken(), ["disconnect", ["connect", "e-1"]]);
});

test("a stored page has no connection, and resumes", () => {
  const course = open();
  course.reconnect.handleStored(course.now);
  course.collect();
  assert.deepEqual([course.state, course.taken()], [{ kind: "paused" }, ["disconnect"]]);
  course.reconnect.handleRestored(course.now);
  course.collect();
  assert.deepEqual(course.taken(), [["connect", "e-1"]]);
});

test("a hub that turns a client away has not begun a stream", () => {
  const course = new Course({ reconnect: "refused" });
  course.reconnect.handleHead(undefined, 0);
  course.reconnect.handleDrain("e-1", 0);
  course.end();
  assert.deepEqual([course.state.kind, course.reconnect.lastEventId], ["waiting", "e-1"]);
});

test("what is not asked for again ends with its stream", () => {
  const ending = (reconnect, act) => {
    const course = new Course({ reconnect });
    act(course);
    return course.state;
  };
  const ends = course => { course.event("", false); course.end(); };
  assert.equal(ending(true, ends).kind, "waiting");
  for (const reconnect of ["refused", undefined, false]) assert.deepEqual(ending(reconnect, ends), closed("ended"));
  const breaks = course => { course.event("e-1"); course.end("failed"); };
  assert.equal(ending(undefined, breaks).kind, "waiting"); // it can be resumed
  for (const reconnect of ["refused", false]) assert.deepEqual(ending(reconnect, breaks), closed("failed"));
  assert.equal(ending("refused", course => course.refuse(503)).kind, "waiting");
  for (const reconnect of [undefined, false]) assert.deepEqual(ending(reconnect, course => course.refuse(503)), closed("status", 503));
  assert.deepEqual(ending(false, course => { course.event(""); course.pass(60 * S); }), closed("failed"));
  assert.deepEqual(ending(false, course => { course.event(""); course.reconnect.handleStored(course.now); }), closed("failed"));
  assert.deepEqual(ending(false, course => { course.event(""); course.reconnect.handleLost(course.now); }), closed("ended"));
  assert.deepEqual(ending(false, course => course.reconnect.handleLost(course.now)), closed("failed"));
});

test("an answer that may not be asked for again may take its time", () => {
  const course = new Course({ reconnect: undefined });
  course.pass(100 * S); // no head
  course.reconnect.handleHead(undefined, course.now);
  course.pass(100 * S); // no event
  assert.equal(course.state.kind, "connecting");
  const announced = new Course({ reconnect: undefined });
  announced.reconnect.handleHead(2 * S, announced.now);
  announced.pass(7 * S);
  assert.deepEqual(announced.state, closed("failed"));
});

test("the end of all topics is final, and what comes late is nothing", () => {
  const course = open();
  course.reconnect.handleLast();
  assert.deepEqual([course.state, course.reconnect.handleEvent("e-2", true, 1)], [closed("ended"), false]);
  course.refuse(503);
  course.end();
  assert.deepEqual(course.state, closed("ended"));
});

test("the state is the same object until it changes", () => {
  const course = open();
  const { state } = course;
  course.event("e-2");
  assert.equal(course.state, state);
});

test("an application need not wait", () => {
  const course = open();
  course.end();
  course.taken();
  course.reconnect.retryNow(course.now);
  course.collect();
  assert.deepEqual(course.taken(), [["connect", "e-1"]]);
});
