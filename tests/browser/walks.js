// The walks: what a prescriber does, and what must then be on the page. Each takes the tools of walk.js.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const http = require("node:http");
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const STOP = "input[value=stop]";

/** Stops the first order of a patient on the EHR page and stands on the page with the cards. */
async function stop(page, base, patient) {
  await page.goto(`${base}/patients/${patient}`);
  await page.locator(STOP).first().check({ force: true });
  await page.getByRole("button", { name: "Sign the change" }).click();
  await page.locator("article.card").first().waitFor();
}

/** From the cards into the app, through the sign-in of the demonstration. */
async function launch(page) {
  await page.getByRole("button", { name: "Open the app" }).first().click();
  await page.getByRole("link", { name: /^Continue to the chart of/ }).click();
  await page.locator("#course").waitFor();
}

/** Stops a drug and overrides the first card with a reason. */
async function override(page, base, patient) {
  await stop(page, base, patient);
  const card = page.locator("article.card").first();
  await card.locator("select[name=reason]").selectOption({ index: 1 });
  await card.locator("form:has(select[name=reason]) button").click();
  // The page of the cards speaks of a status as well: only the next page's heading says that feedback was taken.
  await page.getByRole("heading", { level: 1, name: "Sent", exact: true }).waitFor();
}

const name = (page) => page.locator(".banner .who").innerText();

/** Serious and critical findings of axe on a page, as one line each. Evaluated apart from the page's own policy. */
async function judged(page) {
  const found = await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ["violations"] })`);
  const grave = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  return grave.map((one) => `${page.url()}: ${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

/** Tab reaches every control that can be seen, and each shows that it has the focus. */
async function reaches_all(page) {
  const count = await page.evaluate(() => {
    const all = document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']");
    const ours = (one) => one.checkVisibility() && !one.disabled && (one.type !== "radio" || one.checked);
    globalThis.left = new Set([...all].filter(ours));
    return globalThis.left.size;
  });
  assert.ok(count > 5, `only ${count} controls`);
  // A date field takes several stops, and the page may be entered in its middle.
  for (let presses = 0; presses < 3 * count + 20; presses += 1) {
    await page.keyboard.press("Tab");
    const [left, unseen] = await page.evaluate(() => {
      const at = document.activeElement;
      globalThis.left.delete(at);
      const drawn = [at, at.nextElementSibling].some((one) => one && getComputedStyle(one).outlineStyle !== "none");
      return [globalThis.left.size, at === document.body || drawn ? "" : at.outerHTML.slice(0, 160)];
    });
    assert.equal(unseen, "", "the focus cannot be seen");
    if (left === 0) return;
  }
  const left = await page.evaluate(() => [...globalThis.left].map((one) => one.outerHTML.slice(0, 120)));
  assert.deepEqual(left, [], "not reached by Tab");
}

/** Of a long list its first entries: the report says the same kind of thing a thousand times. */
function shorten() {
  const most = 5;
  for (const parent of document.body.querySelectorAll("*")) {
    if (parent.isConnected) while (parent.children.length > most) parent.lastElementChild.remove();
  }
}

/** No page is wider than its window. */
async function fits(page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${page.url()} is ${over} pixels wider than its window`);
}

const WINDOWS = [[1280, 900, "light"], [1280, 900, "dark"], [360, 740, "light"], [360, 740, "dark"]];

/** The browser says on its console that a page was not there, as it was meant to be. */
function not_found(faults) {
  const said = /^console: .* 404 \(Not Found\)$/;
  faults.splice(0, faults.length, ...faults.filter((fault) => !said.test(fault)));
}

/** Every page in one window: axe finds nothing grave, nothing runs out of the window, and a picture is kept. */
async function looks({ base, report, context, shot, faults }, options) {
  const page = await (await context(options)).newPage();
  const look = async (of, whole = true) => {
    // A click does not wait for the style of the page that it leads to.
    await page.waitForLoadState("load");
    await fits(page);
    faults.push(...(await judged(page)));
    await shot(page, `${of}-${options.viewport.width}-${options.colorScheme}`, whole);
  };
  await page.goto(base);
  await look("list");
  await page.goto(`${base}/patients/berta`);
  await look("ehr");
  await stop(page, base, "berta");
  await look("cards");
  await launch(page);
  await look("app");
  await page.locator("details").evaluateAll((all) => all.forEach((one) => { one.open = true; }));
  await look("app-open", false);
  await page.goto(`${page.url().split(/[?#]/)[0]}/plan`);
  await look("plan");
  await page.goto(`${page.url().split("/plan")[0]}/draft`);
  await look("draft");
  await page.goto(`${base}/smart/s/gone`);
  await look("lost");
  not_found(faults);
  await override(page, base, "berta");
  await page.goto(`${base}/operator/`);
  await look("operator");
  await page.goto(`${base}/operator/cards`);
  await look("operator-cards");
  await page.locator("table.cards tbody a").first().click();
  await page.waitForURL(/\/operator\/card\?/);
  await look("operator-card");
  // The long pages that show no patient have one layout of each width and one set of colours: two windows do.
  if ((options.viewport.width > 1000) === (options.colorScheme === "dark")) return;
  await page.goto(`${base}/smart`);
  await look("choose");
  await page.goto(`${base}/cds-services/stepdown-medication-discontinue/basis`);
  await look("basis");
  await page.goto(report);
  await page.evaluate(shorten);
  await look("report", false);
}

const walks = {
  /** A stop, its card, the card's app link, the patient's chart. */
  async card_to_app({ base, context }) {
    const page = await (await context()).newPage();
    await stop(page, base, "alma");
    await launch(page);
    assert.equal(await name(page), "Alma Sampleton");
    assert.match(await page.locator("h1").innerText(), /^Stopping /);
    assert.ok((await page.locator("svg.chart:visible").count()) >= 1, "no timeline");
    assert.doesNotMatch(page.url(), /code=|state=|alma/i);
  },

  /** Two launches in one browser, taken up in turns: each window keeps its patient. */
  async two_charts_side_by_side({ base, context }) {
    const own = await context();
    const [left, right] = [await own.newPage(), await own.newPage()];
    await stop(left, base, "alma");
    await stop(right, base, "berta");
    await left.getByRole("button", { name: "Open the app" }).first().click();
    await right.getByRole("button", { name: "Open the app" }).first().click();
    await left.getByRole("link", { name: /^Continue/ }).click();
    await right.getByRole("link", { name: /^Continue/ }).click();
    const kept = async () => {
      assert.equal(await name(left), "Alma Sampleton");
      assert.equal(await name(right), "Berta Mockridge");
    };
    await kept();
    await left.reload();
    await right.reload();
    await kept();
    await left.getByRole("button", { name: "Close this chart" }).click();
    await left.getByRole("heading", { name: "The chart is closed" }).waitFor();
    await right.reload();
    assert.equal(await name(right), "Berta Mockridge");
  },

  /** The app opens in a frame of the EHR's page. */
  async in_a_frame_of_the_ehr({ base, context, shot }) {
    const own = await context();
    const page = await own.newPage();
    await own.route(`${base}/frame`, (route) => route.fulfill({
      contentType: "text/html",
      body: `<!doctype html><html lang="en"><title>EHR</title><body><iframe title="App" style="width:100%;height:50rem"
        src="/smart/launch?iss=${encodeURIComponent(`${base}/fhir`)}"></iframe>`,
    }));
    await page.goto(`${base}/frame`);
    const app = page.frameLocator("iframe");
    await app.getByRole("link", { name: "Continue to the chart of Alma Sampleton" }).click();
    await app.locator("#course").waitFor();
    assert.equal(await app.locator(".banner .who").innerText(), "Alma Sampleton");
    await app.getByRole("button", { name: "Plan" }).click();
    await app.locator("table.steps").waitFor();
    await shot(page, "frame");
  },

  /** Another origin cannot frame the app: the browser refuses. It is on this machine, for a page from elsewhere is
   * kept off this machine by the browser for another reason. */
  async not_in_a_frame_of_others({ base, context, faults }) {
    const page = await (await context()).newPage();
    const other = http.createServer((_, answer) => {
      answer.setHeader("content-type", "text/html");
      answer.end(`<!doctype html><html lang="en"><title>Elsewhere</title><link rel="icon" href="data:,"><body><iframe title="App"
        src="${base}/smart/launch?iss=${encodeURIComponent(`${base}/fhir`)}"></iframe>`);
    });
    await new Promise((done) => { other.listen(0, "127.0.0.1", done); });
    try {
      const refused = page.waitForEvent("requestfailed");
      await page.goto(`http://127.0.0.1:${other.address().port}/`);
      assert.equal((await refused).failure().errorText, "net::ERR_BLOCKED_BY_RESPONSE");
      assert.equal(await page.frameLocator("iframe").locator("main").count(), 0);
    } finally {
      other.closeAllConnections();
      other.close();
    }
    for (const fault of faults.splice(0)) assert.match(fault, /frame-ancestors/);
  },

  /** The planner's form changes the table, and a step above the scheme is said. */
  async planner_changes_the_table({ base, context }) {
    const page = await (await context()).newPage();
    await stop(page, base, "alma");
    await launch(page);
    const caption = () => page.locator("table.steps caption").innerText();
    const before = await caption();
    await page.getByLabel("Days per step").fill("21");
    await page.getByRole("button", { name: "Plan", exact: true }).click();
    await page.waitForURL(/every=21/);
    assert.notEqual(await caption(), before);
    const days = await page.locator("table.steps tbody tr").first().locator("td").nth(2).innerText();
    assert.equal(days, "21");
    await page.getByLabel("Days per step").fill("1");
    await page.getByRole("button", { name: "Plan", exact: true }).click();
    await page.locator(".limit-broken").first().waitFor();
  },

  /** Without a mouse: Tab reaches every control of both pages in turn, and shows where it is. */
  async keyboard_alone({ base, context }) {
    const page = await (await context()).newPage();
    await page.goto(`${base}/patients/alma`);
    await reaches_all(page);
    await page.locator(STOP).first().evaluate((stop) => stop.closest("fieldset").querySelector("input").focus());
    await page.keyboard.press("ArrowRight");
    assert.ok(await page.locator(STOP).first().isChecked());
    await page.getByRole("button", { name: "Sign the change" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Open the app" }).first().focus();
    await reaches_all(page);
    await page.getByRole("button", { name: "Open the app" }).first().focus();
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: /^Continue/ }).focus();
    await page.keyboard.press("Enter");
    await page.locator("#course").waitFor();
    await reaches_all(page);
  },

  /** From the planner to a draft order in the EHR: shown whole, confirmed with a double click, written once, told
   * on a page that can be loaded again, and never written twice by going back. */
  async draft_is_written_once({ base, context, shot, faults }) {
    const page = await (await context()).newPage();
    await stop(page, base, "alma");
    await launch(page);
    await page.getByRole("link", { name: /^Write it as a draft order/ }).click();
    const shown = JSON.parse(await page.locator("pre").innerText());
    assert.deepEqual([shown.status, shown.intent, shown.subject.reference], ["draft", "proposal", "Patient/alma"]);
    assert.equal(await page.locator("ol.doses li").count(), shown.dosageInstruction.length);
    await shot(page, "draft-shown");
    await page.getByRole("button", { name: "Write this draft order" }).dblclick();
    await page.getByRole("heading", { name: "The draft order was written" }).waitFor();
    const place = await page.locator(".outcome dd").innerText();
    assert.match(place, /^MedicationRequest\//);
    faults.push(...(await judged(page)));
    await shot(page, "draft-written");
    await page.reload();
    assert.equal(await page.locator(".outcome dd").innerText(), place);
    await page.goBack();
    await page.getByRole("button", { name: "Write this draft order" }).click();
    await page.getByRole("heading", { name: "The draft order was written" }).waitFor();
    assert.equal(await page.locator(".outcome dd").innerText(), place);
    await page.getByRole("link", { name: "Back to the chart" }).click();
    await page.locator("#course").waitFor();
    await page.goto(`${base}/patients/alma`);
    const drafts = page.locator("li", { hasText: "draft" });
    assert.equal(await drafts.count(), 1, "the record holds the draft once");
  },

  /** A plan beyond the scheme, and a chart without a plan, offer no order. */
  async what_is_not_written({ base, context }) {
    const page = await (await context()).newPage();
    await stop(page, base, "alma");
    await launch(page);
    const chart = page.url().split(/[?#]/)[0];
    await page.goto(`${chart}?every=1`);
    assert.equal(await page.getByRole("link", { name: /draft order/ }).count(), 0);
    await page.goto(`${chart}/draft?every=1`);
    assert.equal(await page.locator("form").count(), 0);
    await page.getByText("beyond the scheme").waitFor();
  },

  /** Another site, here another port of this machine, posts the forms of an open chart: nothing happens. */
  async a_foreign_site_posts_in_vain({ base, context, faults }) {
    const page = await (await context()).newPage();
    await stop(page, base, "alma");
    await launch(page);
    const chart = page.url().split(/[?#]/)[0];
    const other = http.createServer((_, answer) => {
      answer.setHeader("content-type", "text/html");
      answer.end(`<!doctype html><html lang="en"><title>Elsewhere</title><link rel="icon" href="data:,">
        <form method="post" action="${chart}/logout"><button>close</button></form>
        <form method="post" action="${chart}/draft"><input name="form" value="x"><input name="order" value="00000000-0000-0000-0000-000000000000"><button>write</button></form>`);
    });
    await new Promise((done) => { other.listen(0, "127.0.0.1", done); });
    try {
      for (const name of ["close", "write"]) {
        await page.goto(`http://127.0.0.1:${other.address().port}/`);
        await page.getByRole("button", { name }).click();
        await page.getByRole("heading", { name: "This must be done on the app's own page" }).waitFor();
      }
    } finally {
      other.closeAllConnections();
      other.close();
    }
    await page.goto(chart);
    assert.equal(await page.locator(".banner .who").innerText(), "Alma Sampleton");
    for (const fault of faults.splice(0)) assert.match(fault, /403/);
  },

  /** A chart whose session is gone is opened again with one click at the EHR, with the plan that was under way. */
  async a_lost_chart_is_opened_again({ base, context, faults }) {
    const own = await context();
    const page = await own.newPage();
    await stop(page, base, "alma");
    await launch(page);
    await page.getByLabel("Days per step").fill("21");
    await page.getByRole("button", { name: "Plan", exact: true }).click();
    await page.waitForURL(/every=21/);
    await own.clearCookies();
    await page.reload();
    await page.getByRole("link", { name: /^Sign in again at/ }).click();
    await page.getByRole("link", { name: "Continue to the chart of Alma Sampleton" }).click();
    await page.locator("#course").waitFor();
    assert.equal(await name(page), "Alma Sampleton");
    assert.equal(await page.getByLabel("Days per step").inputValue(), "21");
    not_found(faults);
  },

  /** The printed plan holds the plan and none of the screen's controls. */
  async print({ base, context, shot }) {
    const page = await (await context()).newPage();
    await stop(page, base, "alma");
    await launch(page);
    await page.emulateMedia({ media: "print" });
    assert.ok(await page.locator("table.steps").isVisible(), "no plan on the printed chart");
    await page.setViewportSize({ width: 718, height: 1000 });
    await fits(page);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ media: null });
    await page.getByRole("link", { name: /to print/ }).click();
    await page.emulateMedia({ media: "print" });
    await page.setViewportSize({ width: 718, height: 1000 });
    for (const shown of ["table.steps", ".banner .who", "h1"]) assert.ok(await page.locator(shown).isVisible(), `${shown} is not printed`);
    for (const hidden of [".back", "nav", ".planner", ".skip"]) {
      assert.equal(await page.locator(`${hidden}:visible`).count(), 0, `${hidden} is printed`);
    }
    await fits(page);
    const scrolled = await page.locator(".scroll").evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).length);
    assert.equal(scrolled, 0, "a table is cut off on paper");
    await shot(page, "plan-print");
    const pdf = await page.pdf({ format: "A4" });
    assert.ok(pdf.length > 2000 && pdf.subarray(0, 5).toString() === "%PDF-");
  },

  /** A reviewer finds an overridden card, judges it twice without a mouse, and asks whom it was about. */
  async operator_reviews({ base, context }) {
    const page = await (await context()).newPage();
    await override(page, base, "alma");
    await page.goto(`${base}/operator/overview`);
    await page.getByText("In service this page asks for a sign-in").waitFor();
    assert.match(await page.locator(".figures").innerText(), /Answered calls\s+[1-9]/);
    assert.ok(await page.locator("svg.days rect.shown").count() > 0, "no day is drawn");
    await reaches_all(page);
    await page.getByRole("link", { name: "Review" }).click();
    await page.locator("select[name=cards]").selectOption("shown");
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForURL(/cards=shown/);
    await reaches_all(page);
    // Cards are written down in groups, after their answer: the list may be a moment behind.
    const overridden = page.locator("tr", { hasText: "overridden" }).first();
    for (let tries = 0; tries < 20 && !(await overridden.isVisible()); tries += 1) {
      await page.reload({ waitUntil: "networkidle" });
    }
    await overridden.locator("a").click();
    const history = page.locator("[aria-label='History of verdicts'] tbody tr");
    for (const [before, verdict] of ["wrong", "not-useful"].entries()) {
      await page.locator(`input[value=${verdict}]`).focus();
      await page.keyboard.press("Space");
      await page.getByRole("button", { name: "Keep this verdict" }).focus();
      await page.keyboard.press("Enter");
      // The page of the first verdict says that it is kept as well: the second is kept when its row is there.
      await history.nth(before).waitFor();
      await page.getByRole("status").getByText("The verdict is kept").waitFor();
    }
    assert.match((await history.allInnerTexts()).join("\n"), /not useful[^]*wrong/);
    assert.doesNotMatch(await page.locator("main").innerText(), /Patient\//);
    await page.getByRole("button", { name: "Show patient and orders" }).click();
    await page.getByText(/^Written down/).waitFor();
    assert.match(await page.locator("main").innerText(), /Patient\/alma/);
  },

  /** Without a token nobody sees anything; with it a session begins, and ends when it is signed out. */
  async operator_signs_in({ operated, token, context, shot, faults }) {
    const page = await (await context()).newPage();
    await page.goto(`${operated}/operator`);
    await page.getByLabel("Operator's token").fill("a wrong one");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    // The browser tells the status of the refused form.
    for (const fault of faults.splice(0)) assert.match(fault, /403/);
    faults.push(...(await judged(page)));
    await shot(page, "operator-sign-in");
    await page.getByLabel("Operator's token").fill(token);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: /What fired/ }).waitFor();
    faults.push(...(await judged(page)));
    await reaches_all(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Operator's token").waitFor();
    await page.goto(`${operated}/operator/cards`);
    assert.match(page.url(), /sign-in$/);
  },

  ...Object.fromEntries(WINDOWS.map(([width, height, scheme]) => [
    `looks_${width}_${scheme}`,
    (tools) => looks(tools, { viewport: { width, height }, colorScheme: scheme }),
  ])),

  /** A judge that never refuses would prove nothing. */
  async the_judge_refuses_what_is_wrong({ base, context }) {
    const page = await (await context()).newPage();
    await page.goto(`${base}/patients/alma`);
    await page.evaluate(() => {
      document.querySelectorAll("label").forEach((label) => label.replaceWith(...label.childNodes));
      document.documentElement.removeAttribute("lang");
    });
    const found = (await judged(page)).join("\n");
    for (const wrong of ["select-name", "html-has-lang"]) assert.ok(found.includes(wrong), `${wrong} was not seen: ${found}`);
    await page.evaluate(() => document.querySelectorAll("a").forEach((a) => a.setAttribute("tabindex", "-1")));
    await assert.rejects(reaches_all(page), /not reached by Tab/);
  },
};

module.exports = { walks };
