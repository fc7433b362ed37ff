// A headless Chromium, driven over its debugging pipe: just enough to open a page, act on it, look
// at it, and hear everything it complains about or asks for.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = ["--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-sandbox",
  "--disable-gpu", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--no-default-browser-check", "--hide-scrollbars"];

/// Starts the browser `program`.
export async function start(program) {
  const folder = mkdtempSync(join(tmpdir(), "starling-browser-"));
  const child = spawn(program, [...FLAGS, `--user-data-dir=${folder}`, "about:blank"],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const waiting = new Map();
  const listeners = [];
  let last = 0;
  let input = "";
  child.stdio[4].setEncoding("utf8");
  child.stdio[4].on("data", (text) => {
    input += text;
    for (let end = input.indexOf("\0"); end >= 0; end = input.indexOf("\0")) {
      const message = JSON.parse(input.slice(0, end));
      input = input.slice(end + 1);
      if (message.id) {
        const { resolve, reject } = waiting.get(message.id);
        waiting.delete(message.id);
        message.error ? reject(new Error(JSON.stringify(message.error))) : resolve(message.result);
      } else {
        listeners.forEach((listener) => listener(message));
      }
    }
  });
  const send = (method, params = {}, sessionId = undefined) => {
    last += 1;
    child.stdio[3].write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => waiting.set(last, { resolve, reject }));
  };
  const close = async () => {
    const ended = new Promise((resolve) => child.on("exit", resolve));
    await send("Browser.close");
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  return { send, close, listen: (listener) => listeners.push(listener) };
}

/// Opens a page of a width and height; `complaints` and `requests` grow while it lives.
export async function open(browser, { width, height, scheme }) {
  const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
  const attached = await browser.send("Target.attachToTarget", { targetId, flatten: true });
  const { sessionId } = attached;
  const send = (method, params) => browser.send(method, params, sessionId);
  const page = { complaints: [], requests: [], send };
  browser.listen((message) => {
    if (message.sessionId !== sessionId) {
      return;
    }
    const { method, params } = message;
    if (method === "Runtime.exceptionThrown") {
      page.complaints.push(params.exceptionDetails.exception?.description ?? "an exception");
    } else if (method === "Runtime.consoleAPICalled" && params.type === "error") {
      page.complaints.push(params.args.map((one) => one.value).join(" "));
    } else if (method === "Log.entryAdded" && params.entry.level === "error") {
      page.complaints.push(`${params.entry.text} ${params.entry.url ?? ""}`);
    } else if (method === "Network.requestWillBeSent") {
      page.requests.push(params.request.url);
    }
  });
  for (const domain of ["Runtime", "Log", "Network", "Page"]) {
    await send(`${domain}.enable`);
  }
  await send("Emulation.setDeviceMetricsOverride",
    { width, height, deviceScaleFactor: 1, mobile: false });
  await send("Emulation.setEmulatedMedia",
    { features: [{ name: "prefers-color-scheme", value: scheme }] });

  page.go = (url) => send("Page.navigate", { url });
  page.run = async (expression) => {
    const answer = await send("Runtime.evaluate",
      { expression, awaitPromise: true, returnByValue: true });
    if (answer.exceptionDetails) {
      throw new Error(answer.exceptionDetails.exception?.description ?? expression);
    }
    return answer.result.value;
  };
  page.text = (selector) =>
    page.run(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`);
  page.press = async (key, text = undefined) => {
    const code = { Tab: 9, Enter: 13, ArrowRight: 39, ArrowDown: 40 }[key];
    const event = { key, code: key, windowsVirtualKeyCode: code, text };
    await send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
    await send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  };
  page.type = (text) => send("Input.insertText", { text });
  page.picture = async (path) => {
    const { cssContentSize } = await send("Page.getLayoutMetrics");
    const clip = { x: 0, y: 0, width, height: Math.min(cssContentSize.height, 6000), scale: 1 };
    const { data } = await send("Page.captureScreenshot",
      { clip, captureBeyondViewport: true });
    writeFileSync(path, Buffer.from(data, "base64"));
  };
  page.until = async (what, condition, patience = 20000) => {
    const end = Date.now() + patience;
    let last;
    while (Date.now() < end) {
      last = await condition();
      if (last) {
        return last;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`waited in vain: ${what}; the page says: ${await page.text("#verdict")}`);
  };
  return page;
}
