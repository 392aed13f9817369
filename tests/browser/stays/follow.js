// Runs in a page: follows a stream, and keeps what comes of it where a test can ask.

window.follow = async (url, options, build) => {
  // How many connections this tab has made, to know which one leads.
  window.made = 0;
  const { EventSource: Source, fetch } = window;
  window.EventSource = class extends Source {
    constructor(...plan) {
      super(...plan);
      window.made += 1;
    }
  };
  const { EventStream } = await import(build);
  window.fetch = (...plan) => {
    window.made += 1;
    return fetch(...plan);
  };

  window.stream = EventStream.connect(url, options);
  window.seen = [];
  window.gaps = [];
  window.states = [];
  stream.onstate = state => states.push(state.kind);
  stream.ongap = gap => gaps.push(gap);
  (async () => {
    for await (const event of stream) seen.push([event.id, event.data]);
  })();
};
return window.follow(...arguments);
