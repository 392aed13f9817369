// A run carried by the hub. Node 20 and nothing else; in the page the npm package.
import { setTimeout as sleep } from "node:timers/promises";
import { EventStream } from "sse-wasm-client";

const HUB = "http://127.0.0.1:8080";

// -- write: under its key the same is sent again, and the hub passes over what it has
export async function write(run, events) {
  for (let wait = 100; ; wait = Math.min(2 * wait, 5000)) {
    try {
      const headers = { "content-type": "text/event-stream", "idempotency-key": run };
      const body = ReadableStream.from(blocks(events()));
      const request = { method: "POST", headers, body, duplex: "half" };
      if ((await fetch(`${HUB}/publish/runs/${run}?end`, request)).ok) return;
    } catch {}
    await sleep(wait);
  }
}

async function* blocks(events) {
  for await (const { name, data } of events) {
    const lines = data.split(/\r\n|\r|\n/).map(line => `data: ${line}\n`);
    yield new TextEncoder().encode(`event: ${name}\n${lines.join("")}\n`);
  }
}

// -- read: the hub's own route

// -- stop: each run's last one first, then as they come
export async function stop(run) {
  await fetch(`${HUB}/publish/runs/${run}/stop`, { method: "POST", body: "" });
}

export async function* stops() {
  for (;; await sleep(1000)) {
    try {
      const answer = await fetch(`${HUB}/events?topic=runs/*/stop&since=last&envelope=json`);
      let text = "";
      for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
        text += piece;
        for (const [, run] of text.matchAll(/^data: \{"topic":"runs\/(\w+)\/stop".*\n/gm)) yield run;
        text = text.slice(text.lastIndexOf("\n") + 1);
      }
    } catch {}
  }
}

// -- page
export async function follow(run, tell) {
  const stream = EventStream.connect(`${HUB}/events?topic=runs/${run}&since=earliest`, { events: ["prompt", "stopped", "failed"] });
  for await (const event of stream) tell(event.name, event.data);
  tell("end", "");
}
