// npm's `eventsource-client`: every event to one callback. It reconnects by itself.
import { createEventSource } from "eventsource-client";
import { ended, event, url } from "./say.js";

createEventSource({
  url,
  onMessage: (seen) => event(seen.event, seen.data, seen.id),
  onDisconnect: () => ended("disconnected"),
});
