// Facts as tables: who holds what, how writes came, what each level costs.

import { span } from "./model.js";

const NUMBER = new Intl.NumberFormat("en");

/// A table from titles and rows of cells; a cell is a text, a number or an element.
export function table(caption, titles, rows) {
  const made = document.createElement("table");
  made.createCaption().textContent = caption;
  const head = made.createTHead().insertRow();
  const isNumber = (column) => rows.length > 0 && rows.every((row) =>
    typeof row[column] === "number" || row[column] === null);
  titles.forEach((title, column) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = title;
    cell.className = isNumber(column) ? "number" : "";
    head.append(cell);
  });
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((value, column) => {
      const cell = line.insertCell();
      cell.className = isNumber(column) ? "number" : "";
      if (value instanceof Node) {
        cell.append(value);
      } else if (typeof value === "number") {
        cell.textContent = NUMBER.format(value);
      } else {
        cell.textContent = value === null || value === undefined ? "-" : value;
      }
    });
  }
  return made;
}

/// A word on the colour of a state.
export function mark(state, text) {
  const made = document.createElement("span");
  made.className = "mark";
  made.dataset.state = state;
  made.textContent = text;
  return made;
}

/// Replaces what is in a box, unless somebody is reading there with the keyboard.
export function put(box, element) {
  if (!box.contains(document.activeElement)) {
    box.replaceChildren(element);
  }
}

/// Who holds what.
export function nodesTable(facts) {
  const rows = facts.nodes.map((node) => {
    const state = node.state === "up" ? mark("equal", "answers")
      : mark("down", node.state === "never" ? "never heard" : `silent for ${span(node.age_ms)}`);
    const held = node.report || {};
    return [node.datacenter, node.rack, node.node, state, held.shards ?? null,
      held.elements ?? null, held.clients ?? null, node.redis];
  });
  return table("Every member, as the asked node knows it", ["datacenter", "rack", "node", "state",
    "shards", "live versions", "clients", "clients connect to"], rows);
}

/// How writes of others came to each node.
export function pathsTable(facts) {
  const rows = facts.nodes.filter((node) => node.report).map((node) => {
    const { delivered, waiting } = node.report;
    const { hints, hint_bytes: bytes } = node.report.kept;
    return [node.node, delivered.write, delivered.hint, delivered.exchange, delivered.takeover,
      hints, Math.round(bytes / 1024), waiting];
  });
  return table("Operations of other nodes, by the path they came since each node started. " +
    "Exchange brings what the sender of a write could not.", ["node", "with the write",
    "by hint", "by exchange", "shards taken over", "hints kept for others", "KiB of hints",
    "calls waiting"], rows);
}

const LEVELS = [
  ["ONE, LOCAL_ONE", () => 1, "local"],
  ["LOCAL_QUORUM", (count) => Math.floor(count / 2) + 1, "local"],
  ["QUORUM", (count) => Math.floor(count / 2) + 1, "all"],
  ["EACH_QUORUM", (count) => Math.floor(count / 2) + 1, "each"],
  ["ALL", (count) => count, "all"],
];

/// What each level needs and, where round trips are measured, waits for at the asked node.
export function levelsTable(facts, replication) {
  const mine = facts.nodes.find((node) => node.node === facts.me);
  const trips = new Map((mine?.report?.trips || []).map((row) => [row[0], row]));
  const owners = facts.datacenters.map((name) => {
    const members = facts.nodes.filter((node) => node.datacenter === name);
    return { name, count: Math.min(replication, members.length), members };
  });
  const local = owners.filter((one) => one.name === mine?.datacenter);
  const rows = LEVELS.map(([name, needs, where]) => {
    const groups = where === "local" ? [local] : where === "all" ? [owners]
      : owners.map((one) => [one]);
    const parts = groups.map((group) => need(group, needs, mine, trips));
    const needed = parts.reduce((sum, part) => sum + part.needed, 0);
    const spare = Math.min(...parts.map((part) => part.count - part.needed));
    const isMet = parts.every((part) => part.reachable >= part.needed);
    const waits = (column) => {
      const all = parts.map((part) => part.waits[column]);
      return all.some((wait) => wait === null) ? null : Math.max(...all);
    };
    return [name, needed, spare, mark(isMet ? "equal" : "down", isMet ? "yes" : "no"),
      milliseconds(waits(0)), milliseconds(waits(1))];
  });
  return table(`For a key that node ${facts.me} owns, from the round trips to the other owners ` +
    "in the last minute", ["level", "owners needed", "may be lost", "met now", "waits, p50",
    "waits, p99"], rows);
}

// How many owners of a group are needed, in reach, and how long the last of them takes.
function need(group, needs, mine, trips) {
  const count = group.reduce((sum, one) => sum + one.count, 0);
  const members = group.flatMap((one) => one.members);
  const reachable = members.filter((node) => node === mine || node.state === "up").length;
  const needed = needs(count);
  const waits = [1, 2].map((column) => {
    const times = members.map((node) => node === mine ? 0 : trips.get(node.node)?.[column]);
    const known = times.filter((time) => time !== undefined).sort((a, b) => a - b);
    return known.length >= needed ? known[needed - 1] : null;
  });
  return { count, needed, reachable: Math.min(reachable, count), waits };
}

function milliseconds(value) {
  return value === null ? "-" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/// How fresh reads would be, by the model, beside what was found.
export function predictedTable({ rows, measured }) {
  if (rows.length === 0) {
    const hint = document.createElement("p");
    hint.className = "hint";
    hint.textContent = "How fresh reads would be is predicted once this node has made writes.";
    return hint;
  }
  const found = measured.reads_compared === 0 ? "no read has compared owners yet"
    : `${measured.reads_stale} of ${measured.reads_compared} compared reads were behind`;
  const spread = milliseconds(measured.everywhere_p99_ms);
  return table("How fresh a read is, predicted from the round trips of " +
    `${measured.writes} writes; found: ${found}, and 99 of 100 writes were everywhere after ` +
    `${spread}`, ["read", "write", "sees the last write at once", "99.9 % after"],
  rows.map((row) => [row.read.toUpperCase(), row.write.toUpperCase(),
    `${(row.fresh_at_once * 100).toFixed(2)} %`, milliseconds(row.wait_ms_for_99_9_percent)]));
}
