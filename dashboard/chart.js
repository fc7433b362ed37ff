// Lines over time: small, in SVG, told in words too.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 150;
const LEFT = 44;
const BOTTOM = 18;
const TOP = 8;

function make(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, value);
  }
  if (text !== undefined) {
    element.textContent = text;
  }
  return element;
}

// A round number at or above a value, so that the scale does not jump about.
function ceiling(value) {
  if (value <= 1) {
    return 1;
  }
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function clock(ms) {
  const time = new Date(ms);
  const two = (number) => String(number).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}`;
}

// The path of one series; a gap in time is a gap in the line.
function path(rows, index, x, y, gap) {
  let text = "";
  let last = null;
  for (const row of rows) {
    const value = row[index];
    if (value === null) {
      last = null;
      continue;
    }
    const isJoined = last !== null && row[0] - last <= gap;
    text += `${isJoined ? "L" : "M"}${x(row[0]).toFixed(1)} ${y(value).toFixed(1)}`;
    last = row[0];
  }
  return text;
}

/// Draws a chart of a width: `lines` name the series and say how they are called.
export function draw(box, { title, unit, lines }, rows, { spanMs, width }) {
  const top = ceiling(Math.max(0, ...rows.flatMap((row) => lines.map((line) => row[line.index]))));
  const end = rows.length > 0 ? rows[rows.length - 1][0] : Date.now();
  const start = end - spanMs;
  const x = (ms) => LEFT + ((ms - start) / spanMs) * (width - LEFT - 4);
  const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const shown = rows.filter((row) => row[0] >= start);
  const last = shown[shown.length - 1];

  const heading = document.createElement("h3");
  heading.append(title);
  const words = [];
  lines.forEach((line, number) => {
    const now = last ? last[line.index] : null;
    const most = Math.max(0, ...shown.map((row) => row[line.index]));
    words.push(`${line.name}: now ${show(now)} ${unit}, at most ${show(most)} ${unit}`);
    const legend = document.createElement("span");
    legend.className = `k${number}`;
    legend.textContent = `${line.name} ${show(now)}${unit ? ` ${unit}` : ""}`;
    heading.append(legend);
  });

  const svg = make("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "img",
    "aria-label": `${title}. ${words.join("; ")}.`,
  });
  for (const part of [0, 0.5, 1]) {
    const at = y(part * top);
    svg.append(make("line", { class: "grid", x1: LEFT, x2: width, y1: at, y2: at }));
    svg.append(make("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, show(part * top)));
  }
  for (const part of [0, 0.5, 1]) {
    const anchor = ["start", "middle", "end"][part * 2];
    const at = LEFT + part * (width - LEFT - 4);
    const label = clock(start + part * spanMs);
    svg.append(make("text", { x: at, y: HEIGHT - 4, "text-anchor": anchor }, label));
  }
  const gap = spanMs / 120;
  lines.forEach((line, number) => {
    svg.append(make("path", { class: `s${number}`, d: path(shown, line.index, x, y, gap) }));
  });
  const chart = document.createElement("div");
  chart.className = "chart";
  chart.append(heading, svg);
  box.append(chart);
}

function show(value) {
  if (value === null || value === undefined) {
    return "-";
  }
  if (value >= 10000) {
    return `${Math.round(value / 1000)}k`;
  }
  return String(Math.round(value * 10) / 10);
}
