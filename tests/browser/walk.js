// Walks Chromium through the demonstration, the companion app and the printed knowledge, as a prescriber would.
//
// Environment: BASE (address of the demonstration), OPERATED and TOKEN (a service and its operator's token), CHROMIUM (the program), REPORT (knowledge report, a file),
// SHOTS (folder of the screenshots). Arguments: names of walks, all if there are none. Each walk is a function of
// walks.js with a fresh profile. Prints one line per finished walk, `ok <walk>` or `fault <walk> <text>`. A request that would leave this machine is stopped and is
// a fault of its walk, and so is an error or a warning on the browser's console.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require("playwright-core");
const { walks } = require("./walks.js");

const { BASE, CHROMIUM, OPERATED, REPORT, SHOTS, TOKEN } = process.env;
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
/** This machine, and files, which have no host. */
const OWN = new Set(["127.0.0.1", ""]);

/** A profile of its own whose every request is looked at; `faults` takes what must not happen. */
async function profile(browser, faults, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(20000);
  await context.route("**", (route) => {
    const url = new URL(route.request().url());
    if (OWN.has(url.hostname)) return route.fallback();
    faults.push(`asked for ${url.href}`);
    return route.abort();
  });
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => faults.push(`error: ${error.error().message}`));
  return context;
}

async function main() {
  fs.mkdirSync(SHOTS, { recursive: true });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const asked = process.argv.slice(2);
  for (const [name, walk] of Object.entries(walks).filter(([name]) => asked.length === 0 || asked.includes(name))) {
    const faults = [];
    const open = [];
    const start = Date.now();
    const tools = {
      base: BASE,
      operated: OPERATED,
      token: TOKEN,
      report: `file://${REPORT}`,
      faults,
      context: async (options) => open[open.push(await profile(browser, faults, options)) - 1],
      shot: (page, of, fullPage = true) => page.screenshot({ path: path.join(SHOTS, `${of}.png`), fullPage }),
    };
    try {
      await walk(tools);
    } catch (error) {
      faults.push(error.stack.replaceAll("\n", " "));
      const pages = open.flatMap((context) => context.pages());
      await Promise.all(pages.map((page, i) => tools.shot(page, `fault-${name}-${i}`).catch(() => {})));
    }
    await Promise.all(open.map((context) => context.close()));
    for (const fault of faults) console.log(`fault ${name} ${fault}`);
    if (faults.length === 0) console.log(`ok ${name}`);
    console.error(`${name}: ${Date.now() - start} ms`);
  }
  await browser.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
