// Node's own fetch, with npm's `eventsource-parser`. Reconnecting is its user's, here.
import { setTimeout as wait } from "node:timers/promises";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { ended, event, say, url } from "./say.js";

let lastEventId = "", retry = 50;
for (;;) {
  try {
    const headers = { Accept: "text/event-stream" };
    if (lastEventId) headers["Last-Event-ID"] = lastEventId;
    const answer = await fetch(url, { headers });
    const events = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream({
      onComment: (comment) => say({ comment }),
      onRetry: (time) => { retry = time; },
    }));
    for await (const seen of events) {
      lastEventId = seen.id ?? lastEventId;
      event(seen.event, seen.data, seen.id);
    }
    ended("the stream ended");
  } catch (error) {
    ended(error.message);
  }
  await wait(retry);
}
