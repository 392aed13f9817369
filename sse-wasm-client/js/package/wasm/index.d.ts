/// <reference lib="dom" />

export * from "../index.js";

/**
 * Loads the WebAssembly module, once; later calls return the same promise. `EventStream.connect` does so by itself.
 *
 * @param module The module or its address; by default `sse_wasm_client_bg.wasm` beside this file.
 */
export default function init(module?: ModuleSource | Promise<ModuleSource>): Promise<void>;

/** What the module can be loaded from. */
export type ModuleSource = string | URL | Request | Response | BufferSource | WebAssembly.Module;
