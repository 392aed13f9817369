// Errors of the page's own functions: told as those of any event handler, and never to whoever led to them.

/** @param {unknown} error */
export function report(error) {
  if (typeof reportError === "function") return reportError(error);
  queueMicrotask(() => {
    throw error; // Node has no `reportError`, and does the same with an error of a handler
  });
}
