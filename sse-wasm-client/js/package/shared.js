// One connection for all tabs of the browser that want the same stream. What that takes is loaded when it is asked for.

import { Connection } from "./connection.js";
import { report as reported } from "./report.js";
import { warn } from "./stream.js";

/**
 * @param {import("./options.js").Plan} plan
 * @param {import("./connection.js").Dial} dial
 * @returns {import("./connection.js").Dial}
 */
export function byTabs(plan, dial) {
  return (lastEventId, report) => {
    let isOver = false;
    let close = () => {};
    const handlers = {
      event: (/** @type {import("./tabs/wire.js").Delivery} */ { name, data, id, origin }) => report.event(name, data, id, origin),
      state: report.state,
      aside: report.signal,
    };
    import("./tabs/across.js").then(
      ({ acrossTabs }) => acrossTabs(connect, plan.url, plan),
      error => {
        warn(plan, `this tab has a connection of its own, since what tabs share by can't be loaded: ${error}`);
        return connect;
      },
    ).then(connect => {
      if (isOver) return;
      const connection = connect(lastEventId, handlers);
      close = () => connection.close();
    }).catch(error => {
      reported(error);
      report.state({ kind: "closed", why: "failed" });
    });
    return () => {
      isOver = true;
      close();
    };
  };

  /** The connection itself, in the tab that leads. @type {import("./tabs/across.js").Connect} */
  function connect(lastEventId, { event, state, aside }) {
    const own = { ...plan, lastEventId, shared: false, pauseWhenHidden: undefined };
    /** @type {(...parts: import("./stream.js").Parts) => void} */
    const take = (name, data, id, origin) => event({ name, data, id, origin });
    return new Connection(own, dial, {
      event: take,
      hubs: take,
      room: () => undefined, // or one tab would hold up the others
      signal(signal) {
        if (signal.type === "state") state(signal.state);
        else if (signal.type === "refused" || signal.type === "too-long") aside(signal);
      },
    });
  }
}
