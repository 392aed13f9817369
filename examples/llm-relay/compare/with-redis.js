// A run carried by Redis Streams. Node 20 and the package `redis` 5; Redis with `appendonly yes`, `appendfsync always`.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";

const KEPT = 24 * 3600; // s that a run is kept
const options = { disableOfflineQueue: true, socket: { reconnectStrategy: tries => Math.min(50 * tries, 2000) } };
const redis = await createClient(options).on("error", () => {}).connect();

// -- write: the n-th event of a run has the id n-0, so that Redis refuses one that it has
export async function write(run, events) {
  for (let wait = 100; ; wait = Math.min(2 * wait, 5000)) {
    try {
      let number = 0;
      for await (const event of events()) await add(run, ++number, event);
      await add(run, ++number, { name: "end", data: "" });
      await redis.expire(`runs:${run}`, KEPT);
      return;
    } catch {
      await sleep(wait);
    }
  }
}

async function add(run, number, { name, data }) {
  try {
    await redis.xAdd(`runs:${run}`, `${number}-0`, { name, data });
  } catch (error) {
    if (!/equal or smaller/.test(error.message)) throw error;
  }
}

// -- read: GET /events/RUN, with a connection to Redis for each reader, since a read that waits blocks it
export async function read(request, response, run) {
  const key = `runs:${run}`;
  let last = request.headers["last-event-id"] ?? "";
  if (!/^\d+-0$/.test(last)) last = "0-0";
  const reader = createClient(options).on("error", () => {});
  const leave = () => reader.isOpen && reader.destroy();
  try {
    const [newest] = await redis.xRevRange(key, "+", "-", { COUNT: 1 });
    if (newest?.message.name === "end" && newest.id === last) return response.writeHead(204).end();
    await reader.connect();
    response.on("close", leave);
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no" });
    response.flushHeaders();
    for (;;) {
      const got = await reader.xRead({ key, id: last }, { BLOCK: 15_000, COUNT: 100 });
      if (!got) response.write(":\n");
      for (const { id, message } of got?.[0].messages ?? []) {
        if (!response.write(block(id, message))) await once(response, "drain");
        if (message.name === "end") return response.end();
        last = id;
      }
    }
  } catch {
    if (response.headersSent) response.destroy();
    else response.writeHead(503).end();
  } finally {
    leave();
  }
}

function block(id, { name, data }) {
  const lines = data.split(/\r\n|\r|\n/).map(line => `data: ${line}\n`);
  return `id: ${id}\n${name === "message" ? "" : `event: ${name}\n`}${lines.join("")}\n`;
}

// -- stop: a stream too, since who is away misses what is published to a channel
export async function stop(run) {
  await redis.xAdd("stops", "*", { run }, { TRIM: { strategy: "MAXLEN", strategyModifier: "~", threshold: 1000 } });
}

export async function* stops() {
  for (let last = "0-0"; ; await sleep(1000)) {
    const reader = createClient(options).on("error", () => {});
    try {
      await reader.connect();
      for (;;) {
        const got = await reader.xRead({ key: "stops", id: last }, { BLOCK: 15_000 });
        for (const { id, message } of got?.[0].messages ?? []) {
          last = id;
          yield message.run;
        }
      }
    } catch {
      if (reader.isOpen) reader.destroy();
    }
  }
}

// -- page: a browser does not try again by itself after a 503
export function follow(run, tell, last) {
  const source = new EventSource(`/events/${run}`);
  const take = event => {
    if (last && order(event.lastEventId) <= order(last)) return; // begun anew after a 503
    last = event.lastEventId;
    tell(event.type, event.data);
    if (event.type === "end") source.close();
  };
  for (const name of ["message", "prompt", "stopped", "failed", "end"]) source.addEventListener(name, take);
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 3000, run, tell, last);
  };
}

function order(id) {
  return Number(id.split("-")[0]);
}
