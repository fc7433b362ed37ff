// Where a key is: every live version, and who has it.

import { mark, table } from "./tables.js";

const PATIENCE_MS = 10000;
const MEANINGS = {
  live: ["equal", "has it"],
  gone: ["behind", "knows a newer one"],
  missing: ["down", "not yet"],
  silent: ["unknown", "does not answer"],
};

let asked = 0;

/// Asks for a key when the form is sent.
export function listen(form, result) {
  const keyspaces = form.querySelector("select");
  for (let number = 0; number < 16; number += 1) {
    keyspaces.append(new Option(`db${number}`));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    trace(keyspaces.value, form.querySelector("input").value, result);
  });
}

async function trace(keyspace, key, result) {
  asked += 1;
  const mine = asked;
  say(result, `Asking every owner for ${key}.`);
  const path = `/v1/keyspaces/${keyspace}/keys/${encodeURIComponent(key)}/trace`;
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const found = await response.json();
    if (mine !== asked) {
      return;
    }
    if (response.ok) {
      result.replaceChildren(...show(found));
    } else {
      say(result, `${found.title}. ${found.detail}. ${found.advice}`);
    }
  } catch (error) {
    if (mine === asked) {
      const reason = error.name === "TimeoutError" ? "It did not answer in time."
        : "It cannot be reached.";
      say(result, `The node was asked in vain. ${reason} Try again.`);
    }
  }
}

function say(result, text) {
  const line = document.createElement("p");
  line.textContent = text;
  result.replaceChildren(line);
}

function show(found) {
  found.owners.sort((a, b) => a.node - b.node);
  const names = found.owners.map((owner) => `node ${owner.node} (${owner.datacenter})`);
  const about = document.createElement("p");
  about.textContent = `Shard ${found.shard}. Owners: ${names.join(", ")}.`;
  if (found.versions.length === 0) {
    const nothing = document.createElement("p");
    nothing.textContent = "No owner that answered has a live version: the key was never written, " +
      "was removed, or has expired.";
    return [about, nothing];
  }
  const rows = found.versions.map((version) => {
    const cells = found.owners.map((owner) => {
      const state = version.at.find((one) => one.node === owner.node)?.state || "silent";
      return mark(...MEANINGS[state]);
    });
    return [code(version.place), code(version.dot), version.node,
      new Date(version.time_ms).toLocaleString(), code(text(version.value), "value"), ...cells];
  });
  const titles = ["what", "dot", "written at node", "when", "value",
    ...found.owners.map((owner) => `node ${owner.node}`)];
  const caption = found.versions.length === 1 ? "One live version"
    : `${found.versions.length} live versions`;
  const parts = [about, table(caption, titles, rows)];
  if (found.is_cut_off) {
    const more = document.createElement("p");
    more.textContent = "There are more versions than are shown.";
    parts.push(more);
  }
  return parts;
}

function code(content, kind = "") {
  const made = document.createElement("code");
  made.className = kind;
  made.textContent = content;
  return made;
}

function text(value) {
  if (value === null) {
    return "";
  }
  return typeof value === "string" ? value : `base64 ${value.base64}`;
}
