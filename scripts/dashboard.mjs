#!/usr/bin/env node
// The dashboard in a real browser, against a real cluster: it loads, lives, shows a cut and its
// healing, traces a key, can be used by keyboard, complains of nothing and asks nobody else.
//
// Needs target/release/starling (or the program that STARLING names) and chromium; uses ports
// 7501 to 7504, 8501 to 8504 and 9501 to 9504. PICTURES=FOLDER keeps what it saw.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { open, start } from "./browser.mjs";

const starling = process.env.STARLING ?? "target/release/starling";
const pictures = process.env.PICTURES;
const page8501 = "http://127.0.0.1:8501/";
const folder = mkdtempSync(join(tmpdir(), "starling-dashboard-"));

function order(...words) {
  execFileSync(starling, ["up", ...words, "--data", folder]);
}

async function cluster() {
  const flags = ["--nodes", "4", "--dcs", "2", "--port", "7501", "--data", folder];
  const child = spawn(starling, ["up", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve, reject) => {
    child.stdout.on("data", (text) => text.includes("ready") && resolve());
    child.on("exit", () => reject(new Error("the cluster did not start")));
  });
  return child;
}

function write(port, ...words) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(`${words.join(" ")}\r\n`));
    socket.once("data", (reply) => { socket.end(); resolve(reply.toString()); });
    socket.once("error", reject);
  });
}

async function picture(page, name) {
  if (pictures) {
    await page.picture(join(pictures, `${name}.png`));
  }
}

function quiet(page) {
  assert.deepEqual(page.complaints, []);
  const foreign = page.requests.filter((url) => !url.startsWith(page8501) && url !== "data:,");
  assert.deepEqual(foreign, [], "the page asks its own node and nobody else");
}

const says = (page, text) => async () => (await page.text("#verdict .headline")).includes(text);

async function loads(page) {
  await page.go(page8501);
  await page.until("the first report", says(page, "Converg"));
  const paint = await page.run("performance.getEntriesByType('paint').at(-1).startTime");
  const sizes = await page.run("performance.getEntriesByType('resource')" +
    ".filter((one) => one.initiatorType !== 'fetch').reduce((sum, one) => sum + " +
    "one.transferSize, performance.getEntriesByType('navigation')[0].transferSize)");
  console.log(`first paint after ${Math.round(paint)} ms, ${Math.round(sizes / 1024)} KiB`);
  assert.ok(paint < 1000 && sizes < 150 * 1024);
  for (const name of ["converging", "wrong", "trace", "holds", "repair", "cost"]) {
    assert.ok((await page.text(`#${name}`)).endsWith("?"), name);
  }
  assert.equal(await page.run("document.querySelectorAll('#nodes tbody tr').length"), 4);
  const wide = await page.run("document.documentElement.scrollWidth <= innerWidth");
  assert.ok(wide, "nothing stands out of the page");
}

async function lives(page) {
  const count = () => page.run("document.querySelector('#charts .chart:last-child path').getAttribute('d').length");
  const before = await count();
  await page.until("the chart grows", async () => await count() > before);
}

async function showsACut(page) {
  for (const [a, b] of [["1", "3"], ["1", "4"], ["2", "3"], ["2", "4"]]) {
    order("cut", a, b);
  }
  await page.until("the cut is seen", says(page, "Cut: dc1 and dc2"));
  assert.match(await page.text("#datacenters"), /dc1\s+dc2\s+cut/);
  assert.match(await page.text("#alerts"), /dc1 and dc2 cannot reach each other/);
  const states = "[...document.querySelectorAll('#matrix td')].map((cell) => cell.dataset.state)";
  const seen = await page.until("the other side is told from what is not known", async () => {
    const seen = await page.run(states);
    return seen.includes("unknown") && seen;
  });
  assert.equal(seen.filter((state) => state === "down").length, 4);
  assert.equal(seen.filter((state) => state === "equal").length, 2);
}

async function heals(page) {
  order("heal");
  await page.until("it is seen to heal", says(page, "Converged"));
  assert.match(await page.text("#alerts"), /Nothing is wrong/);
}

async function tracesAKey(page) {
  assert.equal(await write(7502, "SET", "greeting", "hello"), "+OK\r\n");
  await page.run("document.querySelector('#trace-key').focus()");
  await page.type("greeting");
  await page.press("Enter", "\r");
  const found = await page.until("the key is found", async () => {
    const text = await page.text("#trace-result");
    return text.includes("hello") && text;
  });
  assert.match(found, /One live version/);
  assert.equal(found.match(/has it/g).length, 4);
  await page.run("document.querySelector('#trace-key').select()");
  await page.type("no such key");
  await page.press("Enter", "\r");
  await page.until("nothing is found", async () =>
    (await page.text("#trace-result")).includes("No owner that answered has a live version"));
}

async function worksByKeyboard(page) {
  await page.run("document.activeElement.blur(); scrollTo(0, 0)");
  await page.run("document.querySelector('.skip').focus()");
  await page.press("Enter", "\r");
  const focused = "document.activeElement";
  for (let steps = 0; steps < 5; steps += 1) {
    await page.press("Tab");
    if (await page.run(`${focused}.closest('#matrix') !== null`)) {
      break;
    }
  }
  await page.press("ArrowRight");
  assert.match(await page.text("#cell"), /^Node 1 \(dc1\) on node 2 \(dc1\): no shard differs/);
  await page.press("ArrowDown");
  assert.match(await page.text("#cell"), /^Node 2 itself/);
  const unnamed = await page.run("[...document.querySelectorAll('button,input,select,a,svg')]" +
    ".filter((one) => !(one.innerText || one.labels?.length || one.ariaLabel)).length");
  assert.equal(unnamed, 0, "everything has a name for who cannot see it");
}

async function saysWhenItIsAlone(page) {
  order("kill", "1");
  await page.until("it says that its node is gone", says(page, "This node cannot be heard"));
  assert.match(await page.text("#link"), /disconnected/);
  assert.equal(await page.run("document.querySelectorAll('#nodes tbody tr').length"), 4);
  page.complaints.length = 0;
  order("start", "1");
  await page.until("it comes back by itself", says(page, "Converged"));
}

const child = await cluster();
const browser = await start(process.env.CHROMIUM ?? "chromium");
try {
  const page = await open(browser, { width: 1400, height: 900, scheme: "light" });
  const steps = [loads, lives, tracesAKey, worksByKeyboard, showsACut, heals];
  for (const step of steps) {
    await step(page);
    quiet(page);
    await picture(page, step.name);
    console.log(`ok: ${step.name}`);
  }
  const narrow = await open(browser, { width: 390, height: 844, scheme: "dark" });
  await loads(narrow);
  quiet(narrow);
  await picture(narrow, "narrow");
  console.log("ok: narrow and dark");
  await page.send("Page.bringToFront");
  await saysWhenItIsAlone(page);
  console.log("ok: saysWhenItIsAlone");
} finally {
  await browser.close();
  child.kill("SIGINT");
  await new Promise((resolve) => child.on("exit", resolve));
  rmSync(folder, { recursive: true, force: true });
}
