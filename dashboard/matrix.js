// The table of node pairs: one cell each way, read by eye, by pointer, by arrow keys.

import { key, span } from "./model.js";

// From so many nodes on, cells are small and without text.
const DENSE_COUNT = 16;

const SIGNS = { equal: "=", down: "\u00d7", unknown: "?" };

let shape = "";
let chosen = null;

/// Shows the pairs in a box and tells about the chosen one in another.
export function showMatrix(box, teller, facts) {
  const wanted = facts.nodes.map((node) => `${node.datacenter}/${node.node}`).join();
  if (wanted !== shape) {
    shape = wanted;
    build(box, teller, facts);
  }
  box.facts = facts;
  for (const cell of box.querySelectorAll("td[data-pair]")) {
    const pair = facts.pairs.get(cell.dataset.pair);
    if (pair && cell.dataset.state !== pair.state) {
      cell.dataset.state = pair.state;
    }
    const text = pair.state === "behind" ? String(pair.differing) : SIGNS[pair.state];
    if (cell.textContent !== text) {
      cell.textContent = text;
    }
    const label = sentence(pair);
    if (cell.getAttribute("aria-label") !== label) {
      cell.setAttribute("aria-label", label);
    }
  }
  if (chosen !== null && facts.pairs.has(chosen)) {
    tell(teller, facts.pairs.get(chosen));
  }
}

function tell(teller, pair) {
  const text = sentence(pair);
  if (teller.textContent !== text) {
    teller.textContent = text;
  }
}

function sentence(pair) {
  const names = `Node ${pair.from.node} (${pair.from.datacenter}) on node ${pair.to.node} ` +
    `(${pair.to.datacenter}): `;
  if (pair.state === "unknown") {
    return `${names}not known, because node ${pair.from.node} does not answer here.`;
  }
  const heard = pair.silence === null ? "never heard" : `last heard ${span(pair.silence)} ago`;
  if (pair.state === "down") {
    return `${names}no link, ${heard}.`;
  }
  const shards = pair.differing === 0 ? "no shard differs" : `${pair.differing} shards differ`;
  const writes = pair.lacking > 0
    ? `; node ${pair.to.node} lacks ${pair.lacking} writes, the oldest for ${span(pair.lackingMs)}`
    : "";
  return `${names}${shards}${writes}, ${heard}.`;
}

function build(box, teller, facts) {
  const table = document.createElement("table");
  table.className = facts.nodes.length >= DENSE_COUNT ? "matrix dense" : "matrix";
  table.setAttribute("role", "grid");
  table.setAttribute("aria-labelledby", "matrix-title");
  const isFirst = (index) => index > 0 &&
    facts.nodes[index].datacenter !== facts.nodes[index - 1].datacenter;
  table.append(head(facts, isFirst));
  const body = table.createTBody();
  facts.nodes.forEach((from, index) => {
    const row = body.insertRow();
    row.className = isFirst(index) ? "apart" : "";
    const title = document.createElement("th");
    title.scope = "row";
    title.textContent = facts.nodes.length >= DENSE_COUNT ? from.node
      : `${from.datacenter} ${from.node}`;
    row.append(title);
    facts.nodes.forEach((to, column) => {
      const cell = row.insertCell();
      cell.className = isFirst(column) ? "apart" : "";
      cell.setAttribute("role", "gridcell");
      cell.tabIndex = -1;
      if (from === to) {
        cell.dataset.state = "self";
        cell.setAttribute("aria-label", `Node ${from.node} itself`);
      } else {
        cell.dataset.pair = key(from, to);
      }
    });
  });
  const first = table.querySelector("td");
  if (first) {
    first.tabIndex = 0;
  }
  table.addEventListener("keydown", (event) => move(event, table));
  table.addEventListener("focusin", (event) => choose(event.target, box, teller));
  table.addEventListener("click", (event) => choose(event.target, box, teller));
  box.replaceChildren(table);
}

function head(facts, isFirst) {
  const section = document.createElement("thead");
  const row = section.insertRow();
  row.append(document.createElement("th"));
  facts.nodes.forEach((node, index) => {
    const title = document.createElement("th");
    title.scope = "col";
    title.className = isFirst(index) ? "apart" : "";
    title.textContent = node.node;
    row.append(title);
  });
  return section;
}

function choose(cell, box, teller) {
  if (cell.tagName !== "TD") {
    return;
  }
  for (const other of box.querySelectorAll("td[aria-selected]")) {
    other.removeAttribute("aria-selected");
  }
  for (const other of box.querySelectorAll("td[tabindex='0']")) {
    other.tabIndex = -1;
  }
  cell.tabIndex = 0;
  cell.setAttribute("aria-selected", "true");
  chosen = cell.dataset.pair || null;
  if (chosen === null) {
    teller.textContent = cell.getAttribute("aria-label");
  } else {
    tell(teller, box.facts.pairs.get(chosen));
  }
}

function move(event, table) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const step = steps[event.key];
  const cell = event.target;
  if (!step || cell.tagName !== "TD") {
    return;
  }
  event.preventDefault();
  const row = table.rows[cell.parentElement.rowIndex + step[0]];
  const next = row && row.cells[cell.cellIndex + step[1]];
  if (next && next.tagName === "TD") {
    next.focus();
  }
}
