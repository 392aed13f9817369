// `@microsoft/fetch-event-source`: every event to one callback. It reconnects after an error; an end is none unless its
// user makes it one, as its README has it. It is of browsers, and asks for a page.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = await import("@microsoft/fetch-event-source");
const { ended, event, url } = await import("./say.js");

class Ended extends Error {}

let retry = 50;
await fetchEventSource(url, {
  openWhenHidden: true,
  onmessage(seen) {
    if (seen.retry !== undefined) retry = seen.retry;
    event(seen.event, seen.data, seen.id);
  },
  onclose() { throw new Ended("the stream ended"); },
  onerror(error) {
    ended(error.message);
    return retry;
  },
});
