// Compiled, not run: what the WebAssembly build has besides.

import init, { EventStream } from "sse-wasm-client/wasm";

export async function modules(url: URL, response: Response, compiled: WebAssembly.Module) {
  await init();
  for (const source of ["/client.wasm", url, response, compiled, new Uint8Array(4), new ArrayBuffer(4)]) await init(source);
  await init(fetch("/client.wasm"));
  EventStream.connect<{ tick: number }>("/x", { events: ["tick"] }).close();
}
