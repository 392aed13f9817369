// What is drawn of a host: a card for each of its topics.

/** A small chart with a name and a number. */
class Cell {
  constructor(name, above) {
    this.number = make("b");
    this.chart = chart({ above, axes: false });
    this.node = make("div", { class: "cell" }, make("p", {}, make("span", { class: "quiet" }, name), this.number), this.chart.node);
  }

  draw(series, now, text, high) {
    this.number.textContent = text;
    this.chart.draw(series.points, now, [], [high, 0]);
  }
}

class Card {
  constructor(kind, title, options) {
    this.value = make("p", { class: "value", "data-testid": "value" });
    this.sub = make("p", { class: "sub small quiet" });
    this.chart = chart(options);
    this.cells = make("div", { class: "cells" });
    this.node = make("article", { class: `card ${kind}`, "data-testid": kind },
      make("header", {}, make("h3", {}, title), this.value), this.sub, this.chart.node);
  }

  /** Draws, and tells in attributes what of: the event's id, its time and its numbers. */
  draw(series, numbers) {
    const now = nowOf(series.host), reading = shown(series);
    const { points } = series, last = points.at(-1);
    Object.assign(this.node.dataset, numbers(last), { id: series.id, at: last.at });
    this.node.classList.toggle("stale", now - last.at > (HOLE + 1) * last.every);
    this.node.classList.toggle("then", hover !== null);
    const from = now - minutes * 60_000;
    return { now, reading, visible: points.filter((point) => point.at >= from), gaps: hosts.get(series.host).gaps };
  }

  numbers(...parts) {
    this.value.replaceChildren(...parts);
  }
}

class Processors extends Card {
  #cores = new Map();

  constructor() {
    super("cpu", "Processors", { above: (point) => point.busy });
    this.node.append(this.cells);
  }

  draw(series) {
    const { now, reading, visible, gaps } = super.draw(series, ({ busy }) => ({ busy }));
    const peak = Math.max(0, ...visible.map(({ busy }) => busy));
    this.numbers(make("span", {}, reading ? percent(reading.busy) : "–"));
    this.sub.textContent = `busy, of all cores; at most ${percent(peak)} in ${minutes} min`;
    this.chart.node.setAttribute("aria-label", `Processors busy over the last ${minutes} minutes: ${percent(series.points.at(-1).busy)} now, ${percent(peak)} at most`);
    this.chart.draw(series.points, now, gaps, [1, 0, (share) => `${100 * share} %`]);
    const cores = Object.keys(series.points.at(-1).cores);
    if (cores.length !== this.#cores.size || !cores.every((core) => this.#cores.has(core))) {
      this.#cores = new Map(cores.map((core) => [core, this.#cores.get(core) ?? new Cell(`core ${core}`, (point) => point.cores[core] ?? 0)]));
      this.cells.replaceChildren(...[...this.#cores.values()].map((cell) => cell.node));
    }
    for (const [core, cell] of this.#cores) {
      const busy = reading?.cores[core];
      cell.draw(series, now, busy === undefined ? "–" : percent(busy), 1);
      cell.chart.node.setAttribute("aria-label", `Core ${core}`);
    }
  }
}

class Memory extends Card {
  #available = new Cell("available", (point) => point.available);
  #swap = new Cell("swap used", (point) => point.swap_used);

  constructor() {
    super("mem", "Memory", { above: (point) => point.used });
    this.cells.append(this.#available.node, this.#swap.node);
    this.node.append(this.cells);
  }

  draw(series) {
    const { now, reading, visible, gaps } = super.draw(series, ({ total, available, used }) => ({ total, available, used }));
    const last = series.points.at(-1), peak = Math.max(0, ...visible.map(({ used }) => used));
    this.numbers(make("span", {}, reading ? memory(reading.used) : "–", make("small", {}, ` of ${memory(last.total)}`)));
    this.sub.textContent = `used; at most ${memory(peak)} in ${minutes} min`;
    this.chart.node.setAttribute("aria-label", `Memory used over the last ${minutes} minutes: ${memory(last.used)} of ${memory(last.total)} now, ${memory(peak)} at most`);
    this.chart.draw(series.points, now, gaps, [last.total, 0, (bytes) => memory(bytes)]);
    this.#available.draw(series, now, reading ? memory(reading.available) : "–", last.total);
    const swap = last.swap_total > 0 ? (reading ? `${memory(reading.swap_used)} of ${memory(last.swap_total)}` : "–") : "none";
    this.#swap.draw(series, now, swap, last.swap_total || 1);
  }
}

class Interface extends Card {
  constructor(name) {
    super("net", name, { above: (point) => point.in, below: (point) => point.out });
  }

  draw(series) {
    const { now, reading, visible, gaps } = super.draw(series, (point) => ({ in: point.in, out: point.out }));
    const most = (key) => Math.max(0, ...visible.map((point) => point[key]));
    const peak = { in: most("in"), out: most("out") };
    const number = (key, arrow) => make("span", { class: key, "data-testid": key }, `${arrow} ${reading ? rate(reading[key]) : "–"}`);
    this.numbers(number("in", "↓"), number("out", "↑"));
    this.sub.textContent = `at most ${rate(peak.in)} in, ${rate(peak.out)} out in ${minutes} min`;
    this.chart.node.setAttribute("aria-label", `${this.node.querySelector("h3").textContent} over the last ${minutes} minutes: at most ${rate(peak.in)} in, ${rate(peak.out)} out`);
    // one scale for both; the smaller side has at least a quarter of the height
    const [high, low] = [peak.in, peak.out].map((value) => roundUp(Math.max(value, 1_000)));
    this.chart.draw(series.points, now, gaps, [Math.max(high, roundUp(low / 4)), Math.max(low, roundUp(high / 4)), rate]);
  }
}

class HostView {
  #cards = new Map();
  #age = make("span", { class: "small quiet" });
  #gaps = make("span", { class: "small gaps", "data-testid": "gaps" });
  #main = make("div", { class: "cards" });
  #nets = make("div", { class: "cards" });

  constructor(host) {
    this.host = host;
    this.node = make("section", { class: "host", "data-testid": "host", "data-host": named(host) },
      make("header", {}, make("h2", {}, named(host)), this.#age, this.#gaps), this.#main, this.#nets);
  }

  draw(all) {
    const kept = new Map();
    for (const series of all) {
      const key = series.kind === "net" ? `net/${series.name}` : series.kind;
      kept.set(key, this.#cards.get(key) ?? (series.kind === "cpu" ? new Processors() : series.kind === "mem" ? new Memory() : new Interface(named(series.name))));
    }
    if (kept.size !== this.#cards.size || ![...kept.keys()].every((key) => this.#cards.has(key))) {
      const node = (key) => kept.get(key)?.node;
      // the loopback interface is the last that one looks for
      const nets = [...kept.keys()].filter((key) => key.startsWith("net/")).sort((a, b) => (a === "net/lo") - (b === "net/lo") || a.localeCompare(b, "en", { numeric: true }));
      this.#main.replaceChildren(...["cpu", "mem"].map(node).filter(Boolean));
      this.#nets.replaceChildren(...nets.map(node));
      this.#nets.hidden = nets.length === 0;
    }
    this.#cards = kept;
    for (const series of all) kept.get(series.kind === "net" ? `net/${series.name}` : series.kind).draw(series);

    const now = nowOf(this.host), latest = all.map(({ points }) => points.at(-1)).reduce((a, b) => (a.at > b.at ? a : b));
    const age = Math.max(0, Math.round((now - latest.at) / 1000)), late = now - latest.at > (HOLE + 1) * latest.every;
    this.#age.classList.toggle("late", late);
    this.#age.textContent = hover !== null ? `as it was at ${clock(now - (1 - hover) * minutes * 60_000)}`
      : late ? `no reading for ${age < 120 ? `${age} s` : `${Math.round(age / 60)} min`}` : `read every ${latest.every / 1000} s`;
    const gaps = hosts.get(this.host).gaps;
    this.#gaps.textContent = gaps.length > 0 ? `gap at ${clock(gaps.at(-1).at)}: ${GAPS[gaps.at(-1).reason] ?? "readings may be missing"}` : "";
  }
}

const GAPS = {
  trimmed: "older readings were already removed from the hub’s log",
  epoch: "the hub has begun a new log",
  unknown: "the hub did not know this page’s position",
  lost: "a crash of the hub took readings",
  lagged: "this page read too slowly",
};
