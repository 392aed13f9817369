// Runs in a page of the hub's origin, as the body of a function; gives null or what went wrong for each test.

const { default: init, EventStream } = await import(BUILD);

let count = 0;
const topic = () => `package/${Date.now()}/${count += 1}`;
const events = topic => `/events?topic=${topic}`;
const publish = async (topic, name, data) => {
  const answer = await fetch(`/publish/${topic}?event=${name}`, { method: "POST", body: data });
  return (await answer.json()).id;
};

const equal = (one, other) => {
  const [left, right] = [one, other].map(value => JSON.stringify(value));
  if (left !== right) throw new Error(`${left} is not ${right}`);
};
const thrown = act => {
  try { act(); } catch (error) { return `${error.name}: ${error.message}`; }
  throw new Error("nothing was thrown");
};
const reach = async (stream, kind) => {
  for await (const state of stream.states()) if (state.kind === kind) return state;
  throw new Error(`it ended before it was ${kind}`);
};
const open = async (topic, options) => {
  const stream = EventStream.connect(events(topic), options);
  await reach(stream, "open");
  return stream;
};
/** Does something while every request gets this stream, in one piece and open at its end. */
const answered = async (text, act) => {
  const { fetch } = globalThis;
  globalThis.fetch = async () => {
    const body = new ReadableStream({ start: stream => stream.enqueue(new TextEncoder().encode(text)) });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  try {
    return await act();
  } finally {
    globalThis.fetch = fetch;
  }
};
const within = promise => Promise.race([
  promise,
  new Promise((_, fail) => setTimeout(() => fail(new Error("nothing came of it for 10 s")), 10_000)),
]);

const tests = {};
