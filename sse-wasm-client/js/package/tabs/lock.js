// The browser's lock between the tabs of an origin.

/**
 * Waits for the lock called `name`, or steals it, and holds it until the returned function gives it up, or the wait for
 * it. After that nothing is told. Undefined if the browser has no locks.
 *
 * `tell` is called with the input of a `Tab` that says what became of the request: it was granted; then stolen; or the
 * browser refused it, as it does on a page without an origin.
 *
 * @param {string} name
 * @param {boolean} steal
 * @param {(input: "handleGranted" | "handleStolen" | "handleUnavailable") => void} tell
 */
export function requestLock(name, steal, tell) {
  const locks = globalThis.navigator?.locks;
  if (!locks) return;
  const controller = new AbortController();
  let isOver = false;
  /** @type {((value?: undefined) => void) | undefined} */
  let release;
  const hold = () => {
    if (isOver) return;
    const held = new Promise(resolve => { release = resolve; });
    tell("handleGranted");
    return held;
  };
  const lost = () => { if (!isOver) tell(release ? "handleStolen" : "handleUnavailable"); };
  locks.request(name, steal ? { steal } : { signal: controller.signal }, hold).catch(lost);
  return () => {
    isOver = true;
    release?.();
    controller.abort();
  };
}
