// What every adapter in JavaScript shares: one JSON line for each thing that its client shows.

/** Where to connect to. */
export const url = process.argv[2];

/** The names that a client in the browser's manner listens for. */
export const names = ["message", "tick", "sse-cursor", "sse-gap", "sse-drain"];

export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** An event. A client may leave out the name of a `message`, and the id where there is none. */
export const event = (name, data, id) => say({ event: name || "message", data, id: id ?? "" });

/** The connection ended, or failed; `why` for people. */
export const ended = (why) => say({ ended: String(why) });
