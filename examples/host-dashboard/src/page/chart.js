// A chart: one or two quantities over time.

const PAD = { top: 8, bottom: 19 }; // room for the labels of a chart with axes
const TICKS = new Map([[2, 30_000], [5, 60_000], [10, 120_000]]);

let minutes = 5;
let hover = null; // where the pointer is, as a share of the width

/**
 * A chart of one or two quantities over time. `above` grows upwards from the base line, `below` downwards.
 * Its width is the page's business, so it is drawn in pixels and again when it is given another width.
 */
class Chart {
  #width = 0; #height = 0;
  #grid = draw("g"); #hole = draw("path", { class: "hole" }); #gaps = draw("path", { class: "gap" });
  #labels = draw("g"); #cross = draw("path", { class: "cross" });
  #above; #below;

  constructor({ above, below, label, axes = true }) {
    Object.assign(this, { above, below, label, axes });
    const shape = (kind) => ({ area: draw("path", { class: `area ${kind}` }), line: draw("path", { class: `line ${kind}`, "data-testid": "line" }) });
    this.#above = shape(below ? "up" : "only");
    this.#below = below && shape("down");
    const shapes = [this.#above, this.#below].filter(Boolean).flatMap(({ area, line }) => [area, line]);
    this.node = draw("svg", { class: "chart", role: "img" }, this.#hole, this.#grid, ...shapes, this.#gaps, this.#labels, this.#cross);
    sizes.observe(this.node);
    if (axes) {
      this.node.onpointermove = (event) => { hover = event.offsetX / this.#width; schedule(); };
      this.node.onpointerleave = () => { hover = null; schedule(); };
    }
  }

  resize({ width, height }) {
    [this.#width, this.#height] = [width, height];
    schedule();
  }

  /** `scale` is [the greatest above, the greatest below, a text for a value]. */
  draw(points, now, gaps, [high, low, text]) {
    const width = this.#width, height = this.#height;
    if (width === 0) return;
    const from = now - minutes * 60_000;
    const x = (at) => width * (at - from) / (now - from);
    const top = this.axes ? PAD.top : 2, bottom = height - (this.axes ? PAD.bottom : 1);
    const unit = (bottom - top) / (high + low), base = top + high * unit;
    const { runs, holes } = split(points, from, now);

    let hole = "";
    for (const [start, end] of holes) hole += `M${x(Math.max(start, from)).toFixed(1)} ${top}V${bottom}H${x(end).toFixed(1)}V${top}Z`;
    this.#hole.setAttribute("d", hole);
    const apart = this.#below ? 0.8 : 0; // so that two lines at zero are still two
    this.#shape(this.#above, runs, x, (point) => base - apart - this.above(point) * unit, base);
    if (this.#below) this.#shape(this.#below, runs, x, (point) => base + apart + this.below(point) * unit, base);
    this.#gaps.setAttribute("d", gaps.filter(({ at }) => at > from).map(({ at }) => `M${x(at).toFixed(1)} ${top}V${bottom}`).join(""));
    this.#cross.setAttribute("d", hover !== null && this.axes ? `M${Math.round(hover * width)} ${top}V${bottom}` : "");
    if (this.axes) this.#axes({ from, now, x, top, bottom, base, width, high, low, text });
    this.node.dataset.points = runs.reduce((sum, run) => sum + run.length, 0);
  }

  #shape({ area, line }, runs, x, y, base) {
    let outline = "", filled = "";
    for (const run of runs) {
      const path = thin(run.map((point) => [x(point.at), y(point)]), base).map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`);
      // a lone point is a line of no length: its round ends make a dot
      outline += `M${path.join("L")}${path.length === 1 ? "h0" : ""}`;
      filled += `M${x(run[0].at).toFixed(1)} ${base.toFixed(1)}L${path.join("L")}L${x(run.at(-1).at).toFixed(1)} ${base.toFixed(1)}Z`;
    }
    line.setAttribute("d", outline);
    area.setAttribute("d", filled);
  }

  #axes({ from, now, x, top, bottom, base, width, high, low, text }) {
    const grid = [], labels = [];
    const level = (y, kind = "grid") => grid.push(draw("path", { class: kind, d: `M0 ${Math.round(y) + 0.5}H${width}` }));
    const label = (x, y, content, anchor = "start") => labels.push(draw("text", { x, y, "text-anchor": anchor }, content));
    if (this.#below) {
      level(top); level(bottom); level(base, "base");
      label(0, top + 12, `↓ ${text(high)}`);
      label(0, bottom - 5, `↑ ${text(low)}`);
    } else {
      for (const share of [0.25, 0.5, 0.75, 1]) level(bottom - share * (bottom - top));
      level(bottom, "base");
      label(0, top + 12, text(high));
      label(0, (top + bottom) / 2 + 12, text(high / 2));
    }
    const step = TICKS.get(minutes);
    // zones differ by whole quarters of an hour, so these are whole minutes of any clock
    for (let at = Math.ceil(from / step) * step; at <= now; at += step) {
      const seconds = step < 60_000 ? clock(at) : clock(at).slice(0, 5);
      const place = x(at), room = step < 60_000 ? 26 : 17;
      grid.push(draw("path", { class: "grid", d: `M${Math.round(place) + 0.5} ${top}V${bottom + 4}` }));
      if (place > room && place < width - room) label(place.toFixed(1), bottom + 16, seconds, "middle");
    }
    this.#grid.replaceChildren(...grid);
    this.#labels.replaceChildren(...labels);
  }
}

const charts = new WeakMap();
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) charts.get(target)?.resize(contentRect);
});

function chart(options) {
  const made = new Chart(options);
  charts.set(made.node, made);
  return made;
}

/** The points since `from` in runs without a hole, and the holes: between readings, and from the last one to now. */
function split(points, from, now) {
  const runs = [], holes = [];
  let before = null;
  // one point beyond the left edge, so that the line begins there
  for (let i = Math.max(0, points.findIndex((point) => point.at >= from) - 1); i < points.length; i++) {
    const point = points[i];
    if (before && point.at - before.at <= HOLE * Math.max(point.every, before.every)) runs.at(-1).push(point);
    else {
      if (before) holes.push([before.at, point.at]);
      runs.push([point]);
    }
    before = point;
  }
  if (before && now - before.at > (HOLE + 1) * before.every) holes.push([before.at, now]);
  return { runs: runs.filter((run) => run.at(-1).at >= from), holes: holes.filter(([, end]) => end >= from) };
}

/** Of the points that share half a pixel the one farthest from the base: peaks stay. */
function thin(path, base) {
  const kept = [];
  for (const point of path) {
    const last = kept.at(-1);
    if (!last || point[0] - last[0] >= 0.5) kept.push(point);
    else if (Math.abs(point[1] - base) > Math.abs(last[1] - base)) last[1] = point[1];
  }
  return kept;
}

/** The reading that the numbers show: the latest, or the one under the pointer. */
function shown({ points, host }) {
  if (hover === null) return points.at(-1);
  const now = nowOf(host), at = now - (1 - hover) * minutes * 60_000;
  const after = points.findIndex((point) => point.at >= at);
  const near = after === -1 ? points.at(-1) : after > 0 && at - points[after - 1].at < points[after].at - at ? points[after - 1] : points[after];
  return Math.abs(near.at - at) <= HOLE * near.every ? near : null;
}
