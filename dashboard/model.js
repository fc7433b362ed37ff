// What a report of the cluster means: who is there, which pairs are apart, what is wrong.
// Nothing here touches the page, and nothing remembers: the same report gives the same facts.

// A report older than this says nothing about now.
const FRESH_MS = 3500;
// A write that takes longer to spread is worth a look.
const LATE_MS = 5000;

/// Builds the facts from a report and the history's rows.
export function understand(report, history) {
  const nodes = report.nodes.map((node) => ({ ...node, state: stateOf(node) }));
  nodes.sort((a, b) => a.datacenter.localeCompare(b.datacenter) || a.node - b.node);
  const pairs = new Map();
  for (const from of nodes) {
    const peers = from.report ? from.report.peers : [];
    const rows = new Map(peers.map((row) => [row[0], row]));
    for (const to of nodes) {
      if (from !== to) {
        pairs.set(key(from, to), pairOf(from, to, rows.get(to.node)));
      }
    }
  }
  const facts = { me: report.node, now: report.now_ms, nodes, pairs, history };
  facts.datacenters = [...new Set(nodes.map((node) => node.datacenter))];
  facts.between = between(facts);
  facts.totals = totals(facts);
  facts.alerts = alerts(facts);
  facts.verdict = verdict(facts);
  return facts;
}

/// Names a pair of nodes.
export function key(from, to) {
  return `${from.node}>${to.node}`;
}

function stateOf(node) {
  if (node.age_ms === null) {
    return "never";
  }
  return node.age_ms <= FRESH_MS ? "up" : "silent";
}

function pairOf(from, to, row) {
  if (!row || from.state !== "up") {
    return { from, to, state: "unknown", differing: 0, silence: null, dropped: 0 };
  }
  const [, link, silence, differing, dropped, liveness, lacking, lackingMs] = row;
  const state = link !== "up" ? "down" : differing > 0 ? "behind" : "equal";
  return { from, to, state, link, silence, differing, dropped, liveness, lacking, lackingMs };
}

// What the links between each two datacenters do.
function between(facts) {
  const found = [];
  facts.datacenters.forEach((a, index) => {
    for (const b of facts.datacenters.slice(index + 1)) {
      const across = [...facts.pairs.values()].filter((pair) => {
        const ends = [pair.from.datacenter, pair.to.datacenter];
        return ends.includes(a) && ends.includes(b) && pair.state !== "unknown";
      });
      const down = across.filter((pair) => pair.state === "down").length;
      const differing = across.reduce((sum, pair) => sum + pair.differing, 0);
      let state = "equal";
      if (across.length === 0) {
        state = "unknown";
      } else if (down > 0) {
        state = "down";
      } else if (differing > 0) {
        state = "behind";
      }
      const isCut = across.length > 0 && down === across.length;
      found.push({ a, b, state, down, count: across.length, differing, isCut });
    }
  });
  return found;
}

function totals(facts) {
  const pairs = [...facts.pairs.values()];
  const known = pairs.filter((pair) => pair.state !== "unknown");
  const sum = (number) => facts.nodes.reduce((all, node) =>
    all + (node.report ? number(node.report) : 0), 0);
  return {
    answering: facts.nodes.filter((node) => node.state === "up").length,
    links: known.length,
    down: known.filter((pair) => pair.state === "down").length,
    behind: known.filter((pair) => pair.state === "behind").length,
    differing: Math.max(0, ...known.map((pair) => pair.differing)),
    clients: sum((report) => report.clients),
    conflicts: sum((report) => report.conflicts),
    stale: sum((report) => report.reads_stale),
    compared: sum((report) => report.reads_compared),
    dropped: known.reduce((all, pair) => all + (pair.dropped || 0), 0),
  };
}

/// Since when a number of the history has not been zero, as a time; null when it is zero now.
export function since(history, series) {
  const index = history.series.indexOf(series);
  const rows = history.seconds;
  if (index < 0 || rows.length === 0 || rows[rows.length - 1][index + 1] === 0) {
    return null;
  }
  let first = rows.length - 1;
  while (first > 0 && rows[first - 1][index + 1] !== 0) {
    first -= 1;
  }
  return rows[first][0];
}

/// A span in words.
export function span(ms) {
  if (ms === null || ms === undefined) {
    return "never";
  }
  if (ms < 1000) {
    return `${Math.round(ms)} ms`;
  }
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) {
    return `${seconds} s`;
  }
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  }
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
}

// What is wrong, worst first: what, why it is thought so, and what to do.
function alerts(facts) {
  const found = [];
  const cut = facts.between.filter((one) => one.isCut);
  const downSince = since(facts.history, "links_down");
  const lasting = downSince === null ? "" : `, for ${span(facts.now - downSince)}`;
  for (const one of cut) {
    found.push({
      level: "bad",
      what: `${one.a} and ${one.b} cannot reach each other`,
      why: `All ${one.count} links that can be seen from node ${facts.me} are down${lasting}. ` +
        "Both sides take writes; they will meet when the links are back.",
      what_to_do: "Look at the network between the datacenters. EACH_QUORUM, ALL and some " +
        "QUORUM requests are refused until then; LOCAL_QUORUM goes on.",
    });
  }
  const isExplained = (node) => cut.some((one) => {
    const mine = facts.nodes.find((other) => other.node === facts.me);
    const ends = [one.a, one.b];
    return mine && ends.includes(mine.datacenter) && ends.includes(node.datacenter) &&
      mine.datacenter !== node.datacenter;
  });
  for (const node of facts.nodes) {
    if (node.state !== "up" && !isExplained(node)) {
      const age = node.state === "never" ? "It has not answered since node " +
        `${facts.me} started.` : `It answered last ${span(node.age_ms)} ago.`;
      found.push({
        level: "bad",
        what: `Node ${node.node} in ${node.datacenter} does not answer`,
        why: age,
        what_to_do: "See whether its process runs and its port for peers can be reached. It will " +
          "fetch what it missed by itself.",
      });
    }
  }
  found.push(...lesser(facts, cut));
  return found;
}

function lesser(facts, cut) {
  const found = [];
  for (const pair of facts.pairs.values()) {
    if (pair.lackingMs > LATE_MS && pair.to.state === "up") {
      found.push({
        level: "warn",
        what: `Node ${pair.to.node} lacks ${pair.lacking} writes of node ${pair.from.node}`,
        why: `The oldest has been out for ${span(pair.lackingMs)}.`,
        what_to_do: "Look at its load, its disk and its links. Exchange brings them.",
      });
    }
  }
  const isAcrossCut = (pair) => cut.some((one) =>
    [one.a, one.b].includes(pair.from.datacenter) && [one.a, one.b].includes(pair.to.datacenter) &&
    pair.from.datacenter !== pair.to.datacenter);
  const down = [...facts.pairs.values()].filter((pair) =>
    pair.state === "down" && pair.to.state === "up" && !isAcrossCut(pair));
  for (const pair of down) {
    found.push({
      level: "warn",
      what: `Node ${pair.from.node} has no link to node ${pair.to.node}`,
      why: "Both answer, but not to each other.",
      what_to_do: "What they miss travels by other owners. Look at the network between them.",
    });
  }
  if (facts.totals.dropped > 0) {
    found.push({
      level: "warn",
      what: `${facts.totals.dropped} messages between nodes were dropped`,
      why: "A peer took them too slowly, and its queue was full.",
      what_to_do: "Exchange brings what was missed. If it goes on, the peer or the network is " +
        "too slow for the load.",
    });
  }
  return found;
}

function verdict(facts) {
  const { totals, nodes } = facts;
  const cut = facts.between.filter((one) => one.isCut);
  if (cut.length > 0) {
    const names = cut.map((one) => `${one.a} and ${one.b}`).join("; ");
    return { level: "bad", headline: `Cut: ${names} cannot reach each other`,
      detail: facts.alerts[0].why };
  }
  const silent = nodes.length - totals.answering;
  if (silent > 0) {
    return { level: "bad", headline: `${silent} of ${nodes.length} nodes do not answer`,
      detail: "The others go on, and keep what the missing ones will fetch." };
  }
  if (totals.down > 0) {
    return { level: "warn", headline: `${totals.down} of ${totals.links} links are down`,
      detail: "Every node answers; what these pairs miss travels by other owners." };
  }
  if (totals.behind > 0) {
    return { level: "warn", headline: "Converging",
      detail: `${totals.behind} of ${totals.links} pairs differ, in ${totals.differing} shards ` +
        "at most. Under load that is ordinary: writes are on their way." };
  }
  return { level: "good", headline: "Converged",
    detail: "Every node answers, every link is up, and at the last comparison no shared shard " +
      "differed." };
}
