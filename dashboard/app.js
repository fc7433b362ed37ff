// The page: it listens to one node, understands what it says, and shows it.

import { draw } from "./chart.js";
import { showMatrix } from "./matrix.js";
import { span, understand } from "./model.js";
import { levelsTable, nodesTable, pathsTable, predictedTable, put } from "./tables.js";
import { listen } from "./trace.js";

const QUIET_MS = 3500;
const RETRY_MS = 2000;
const PREDICT_MS = 10000;
const SECONDS_KEPT = 900;
const SPANS = { seconds: 15 * 60 * 1000, minutes: 24 * 60 * 60 * 1000 };
const THEMES = ["as the system", "light", "dark"];

const CHARTS = [
  { title: "Convergence time", unit: "ms", lines: [["convergence_p50_ms", "p50"],
    ["convergence_p95_ms", "p95"], ["convergence_p99_ms", "p99"]] },
  { title: "Oldest write of this node that some owner lacks", unit: "ms",
    lines: [["behind_ms", "behind"]] },
  { title: "Apart, as this node sees it", unit: "", lines: [["shards_differing", "shards"],
    ["links_down", "links down"]] },
  { title: "Writes", unit: "per s", lines: [["minted_per_s", "made here"],
    ["delivered_per_s", "of others"]] },
];

const byId = (id) => document.getElementById(id);
const state = { history: null, report: null, heardAt: null, source: null,
  predictedAt: 0 };

function connect() {
  const source = new EventSource("/v1/convergence");
  state.source = source;
  source.addEventListener("history", (event) => {
    state.history = JSON.parse(event.data);
  });
  source.addEventListener("cluster", (event) => {
    state.report = JSON.parse(event.data);
    state.heardAt = Date.now();
    remember(state.report.last);
    show();
  });
  source.addEventListener("error", () => {
    tick();
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(connect, RETRY_MS);
    }
  });
}

// Asks what the model says, now and then.
async function predict() {
  if (Date.now() - state.predictedAt < PREDICT_MS) {
    return;
  }
  state.predictedAt = Date.now();
  try {
    const response = await fetch("/v1/predict");
    put(byId("predicted"), predictedTable(await response.json()));
  } catch {
    // What was said last stays; whether the node can be heard is shown above.
  }
}

function remember(row) {
  const rows = state.history?.seconds;
  if (rows && row && (rows.length === 0 || rows[rows.length - 1][0] < row[0])) {
    rows.push(row);
    rows.splice(0, rows.length - SECONDS_KEPT);
  }
}

// What is known about the connection to the node itself; also without anything arriving.
function tick() {
  const link = byId("link");
  const age = state.heardAt === null ? null : Date.now() - state.heardAt;
  let [name, text] = ["live", "live"];
  if (age === null) {
    const isLost = state.source.readyState !== EventSource.OPEN;
    [name, text] = isLost ? ["lost", "cannot reach this node, trying again"]
      : ["connecting", "connecting"];
  } else if (state.source.readyState !== EventSource.OPEN || age > 2 * QUIET_MS) {
    [name, text] = ["lost", `disconnected, last heard ${span(age)} ago, trying again`];
  } else if (age > QUIET_MS) {
    [name, text] = ["stale", `quiet for ${span(age)}`];
  }
  if (link.dataset.state !== name) {
    link.dataset.state = name;
    document.body.dataset.link = name;
  }
  if (link.textContent !== text) {
    link.textContent = text;
  }
  if (name === "lost") {
    showVerdict({ level: "warn", headline: "This node cannot be heard",
      detail: age === null ? "Nothing is known yet. Is it running?"
        : "Everything below is what it said last. Other nodes show the same page." });
  }
}

function show() {
  if (document.hidden || !state.history) {
    return;
  }
  const facts = understand(state.report, state.history);
  const where = facts.datacenters.length;
  byId("about").textContent = `${facts.nodes.length} nodes in ${where} ` +
    `datacenter${where === 1 ? "" : "s"}, as node ${facts.me} sees them`;
  tick();
  showVerdict(facts.verdict);
  showTiles(facts);
  showBetween(facts);
  showMatrix(byId("matrix"), byId("cell"), facts);
  showCharts();
  showAlerts(facts);
  put(byId("nodes"), nodesTable(facts));
  put(byId("paths"), pathsTable(facts));
  put(byId("levels"), levelsTable(facts, state.report.replication));
  predict();
}

function showVerdict({ level, headline, detail }) {
  const box = byId("verdict");
  box.dataset.level = level;
  const [first, second] = box.children;
  if (first.textContent !== headline) {
    first.textContent = headline;
    document.title = `${headline} - Starling`;
  }
  if (second.textContent !== detail) {
    second.textContent = detail;
  }
}

function showTiles(facts) {
  const { totals, nodes } = facts;
  const silences = [...facts.pairs.values()].map((pair) => pair.silence || 0);
  const rows = [
    ["nodes that answer", `${totals.answering}`, `of ${nodes.length}`,
      totals.answering < nodes.length ? "bad" : "good"],
    ["links up", `${totals.links - totals.down}`, `of ${totals.links}`,
      totals.down > 0 ? "bad" : "good"],
    ["pairs that differ", `${totals.behind}`, "", totals.behind > 0 ? "warn" : "good"],
    ["longest silence", span(Math.max(0, ...silences)), "",
      Math.max(0, ...silences) > 5000 ? "warn" : "good"],
    ["clients", `${totals.clients}`, "", "good"],
    ["conflicts", `${totals.conflicts}`, "since the start", "good"],
    ["stale reads", `${totals.stale}`, `of ${totals.compared} compared`, "good"],
  ];
  for (const line of [...CHARTS[0].lines].reverse()) {
    const value = latest(line[0]);
    if (value !== null) {
      rows.unshift([`convergence ${line[1]}`, span(value), "", value > 5000 ? "bad" : "good"]);
    }
  }
  const list = document.createElement("dl");
  list.className = "tiles";
  list.append(...rows.map(([name, value, more, level]) => {
    const tile = document.createElement("div");
    tile.className = "tile";
    tile.dataset.level = level;
    const [title, number] = [document.createElement("dt"), document.createElement("dd")];
    title.textContent = name;
    number.textContent = value;
    const small = document.createElement("small");
    small.textContent = more ? ` ${more}` : "";
    number.append(small);
    tile.append(title, number);
    return tile;
  }));
  byId("tiles").replaceChildren(...list.children);
}

function latest(series) {
  const index = state.history.series.indexOf(series);
  const rows = state.history.seconds;
  return index < 0 || rows.length === 0 ? null : rows[rows.length - 1][index + 1];
}

function showBetween(facts) {
  const words = { equal: "together", behind: "catching up", unknown: "not known from here" };
  byId("datacenters").replaceChildren(...facts.between.map((one) => {
    const box = document.createElement("div");
    box.className = "between";
    box.dataset.state = one.state;
    const line = document.createElement("i");
    line.className = "line";
    line.setAttribute("aria-hidden", "true");
    const more = document.createElement("span");
    more.textContent = one.state === "down"
      ? one.isCut ? "cut" : `${one.down} of ${one.count} links down` : words[one.state];
    box.append(one.a, line, one.b, more);
    return box;
  }));
}

function showCharts() {
  const range = document.querySelector("input[name='range']:checked").value;
  const rows = state.history[range];
  const box = document.createElement("div");
  for (const { title, unit, lines } of CHARTS) {
    const found = lines.map(([series, name]) => ({
      name, index: state.history.series.indexOf(series) + 1,
    })).filter((line) => line.index > 0);
    if (found.length > 0) {
      const place = { spanMs: SPANS[range], width: Math.max(240, byId("charts").clientWidth) };
      draw(box, { title, unit, lines: found }, rows, place);
    }
  }
  byId("charts").replaceChildren(box);
}

function showAlerts(facts) {
  const list = byId("alerts");
  const wanted = facts.alerts.length > 0 ? facts.alerts : [{
    level: "good", what: "Nothing is wrong",
    why: "Looked at: every node answers, every link is up, no message between nodes was dropped.",
    what_to_do: "",
  }];
  const text = JSON.stringify(wanted);
  if (list.dataset.shown === text) {
    return;
  }
  list.dataset.shown = text;
  list.replaceChildren(...wanted.map((alert) => {
    const item = document.createElement("li");
    item.dataset.level = alert.level;
    const title = document.createElement("strong");
    title.textContent = alert.what;
    item.append(title, `${alert.why} `);
    const advice = document.createElement("em");
    advice.textContent = alert.what_to_do;
    item.append(advice);
    return item;
  }));
}

function chooseTheme(theme) {
  const button = byId("theme");
  button.textContent = `Theme: ${theme}`;
  if (theme === THEMES[0]) {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme;
  }
}

function startTheme() {
  let theme = localStorage.getItem("theme");
  theme = THEMES.includes(theme) ? theme : THEMES[0];
  chooseTheme(theme);
  byId("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem("theme", theme);
    chooseTheme(theme);
  });
}

startTheme();
listen(byId("trace-form"), byId("trace-result"));
byId("range").addEventListener("change", show);
document.addEventListener("visibilitychange", show);
connect();
setInterval(tick, 1000);
