// npm's `eventsource`: the browser's interface. It reconnects by itself.
import { EventSource } from "eventsource";
import { ended, event, names, url } from "./say.js";

const source = new EventSource(url);
for (const name of names) source.addEventListener(name, (seen) => event(seen.type, seen.data, seen.lastEventId));
source.onerror = (error) => ended(`${error.message}, state ${source.readyState}`);
