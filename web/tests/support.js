/** @file What the tests share: a page that must stay silent and ask nobody else, and hands for it. */

import { test as base, expect } from "@playwright/test";

export { expect };

/** @typedef {{errors: string[], foreign: string[]}} Watch */

/** @type {import("@playwright/test").Fixtures<{watch: Watch}, {}, import("@playwright/test").PlaywrightTestArgs & import("@playwright/test").PlaywrightTestOptions>} */
const fixtures = {
  watch: [
    async ({ page, baseURL }, use) => {
      /** @type {Watch} */
      const watch = { errors: [], foreign: [] };
      page.on("console", (message) => {
        if (message.type() === "error") watch.errors.push(message.text());
      });
      page.on("pageerror", (error) => watch.errors.push(String(error)));
      page.on("request", (request) => {
        const url = new URL(request.url());
        if (url.protocol !== "blob:" && url.origin !== new URL(baseURL ?? "").origin) watch.foreign.push(url.href);
      });
      await use(watch);
      expect(watch.errors, "errors on the console").toEqual([]);
      expect(watch.foreign, "requests to other hosts").toEqual([]);
    },
    { auto: true },
  ],
};

/**
 * The page, with two checks after every test: no error on the console, and no request to another
 * host than the page's own. What a test provokes it takes out of `watch` itself.
 */
export const test = base.extend(fixtures);

/** @typedef {import("@playwright/test").Page} Page */

/**
 * Opens the page and waits until it can be used.
 * @param {Page} page
 */
export async function open(page) {
  await page.goto("./");
  await expect(page.locator("#start")).toBeEnabled({ timeout: 120_000 });
  await expect(page.locator("#adapter")).not.toHaveText("none");
}

/**
 * Presses Start and waits for the answer.
 * @param {Page} page
 * @param {number} [timeout] Milliseconds.
 */
export async function train(page, timeout = 240_000) {
  await page.locator("#start").click();
  const state = page.locator("#state");
  await expect(state).toContainText(/^(Done|Stopped) after|^Not trained/, { timeout });
  // What went wrong stands here, and would otherwise only be a text that was waited for.
  const faults = await page.locator("#setup-message.error:visible, #data-message.error:visible").allTextContents();
  expect(faults).toEqual([]);
}

/**
 * A stroke through points given as shares of the canvas.
 * @param {Page} page
 * @param {[number, number][]} points
 */
export async function stroke(page, points) {
  const pad = page.locator("#pad");
  await pad.scrollIntoViewIfNeeded();
  const box = await pad.boundingBox();
  if (!box) throw new Error("the canvas is not shown");
  const at = (/** @type {[number, number]} */ [x, y]) => /** @type {const} */ ([box.x + x * box.width, box.y + y * box.height]);
  const [first, ...rest] = points;
  if (!first) return;
  await page.mouse.move(...at(first));
  await page.mouse.down();
  for (const point of rest) await page.mouse.move(...at(point), { steps: 12 });
  await page.mouse.up();
}

/** Strokes of a 1 and of a 7. */
export const ONE = /** @type {[number, number][]} */ ([[0.53, 0.18], [0.5, 0.5], [0.47, 0.82]]);
export const SEVEN = /** @type {[number, number][]} */ ([[0.27, 0.24], [0.7, 0.24], [0.56, 0.52], [0.44, 0.82]]);

/**
 * The counts of the heat map, 0 where a cell is empty.
 * @param {Page} page
 * @returns {Promise<number[][]>}
 */
export async function heatMap(page) {
  const rows = page.locator("#confusion tbody tr");
  return rows.evaluateAll((rows) =>
    rows.map((row) => [...row.querySelectorAll("button")].map((cell) => Number(cell.textContent))),
  );
}

/**
 * The table of statistics: the texts of each row.
 * @param {Page} page
 * @returns {Promise<string[][]>}
 */
export async function classTable(page) {
  const rows = page.locator("#classes tbody tr");
  return rows.evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent ?? "")));
}

/** @param {number[]} values */
export function sum(values) {
  return values.reduce((a, b) => a + b, 0);
}

/**
 * A number as the page writes it.
 * @param {string | null} text
 */
export function number(text) {
  return Number((text ?? "").replace(/[\u202f %]/g, ""));
}

/**
 * The step that the page shows.
 * @param {Page} page
 */
export async function stepShown(page) {
  return number(((await page.locator("#fact-step").textContent()) ?? "").split(" of ")[0] ?? "");
}
