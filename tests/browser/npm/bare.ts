// Compiled where there is neither a page nor a worker, such as on a server.

import init, { EventStream, type State } from "sse-wasm-client";

interface Ticks {
  tick: { number: number };
}

export async function events(): Promise<State> {
  await init();
  const stream = EventStream.connect<Ticks>("https://hub.example/events?topic=a", { events: "all", fetch: { headers: { a: "b" } } });
  for await (const event of stream) if (event.name === "tick") event.json().number.toFixed();
  for await (const many of stream.batches({ every: 20 })) many.map(event => event.id);
  return stream.closed;
}
