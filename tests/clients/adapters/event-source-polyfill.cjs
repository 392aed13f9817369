// npm's `event-source-polyfill`: the browser's interface. It reconnects by itself, and resumes by the query parameter
// `lastEventId`.
const { EventSourcePolyfill } = require("event-source-polyfill");

import("./say.js").then(({ ended, event, names, url }) => {
  const source = new EventSourcePolyfill(url);
  for (const name of names) source.addEventListener(name, (seen) => event(seen.type, seen.data, seen.lastEventId));
  source.onerror = (error) => ended(`${error.type}, state ${source.readyState}`);
});
