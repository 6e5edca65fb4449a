/** @file The drawing canvas: mouse, touch and keyboard; bars, the prepared picture. */

import { expect, number, ONE, open, SEVEN, stroke, sum, test, train } from "../support.js";

/** @param {import("@playwright/test").Page} page */
async function inkOf(page, id = "#pad", dark = true) {
  return page.locator(id).evaluate((canvas, dark) => {
    const drawn = /** @type {HTMLCanvasElement} */ (canvas);
    const data = drawn.getContext("2d")?.getImageData(0, 0, drawn.width, drawn.height).data ?? [];
    let ink = 0;
    for (let place = 0; place < data.length; place += 4) {
      if (dark ? (data[place] ?? 255) < 128 : (data[place] ?? 0) > 128) ink++;
    }
    return ink;
  }, dark);
}

test("reads a 1 and a 7, with ten bars and the prepared picture", async ({ page }) => {
  await open(page);
  await train(page);
  await stroke(page, SEVEN);
  await expect(page.locator("#verdict")).toHaveText("Read as 7, 91.0 % sure");
  const shares = await page.locator("#probabilities .share").allTextContents();
  expect(shares.length).toBe(10);
  expect(sum(shares.map(number))).toBeCloseTo(100, 0);
  await expect(page.locator("#probabilities .name.best")).toHaveText("7");
  const widths = await page.locator("#probabilities .bar").evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width));
  expect(Math.max(...widths)).toBe(widths[7]);
  expect(await inkOf(page, "#prepared", false)).toBeGreaterThan(20);
  await page.getByRole("button", { name: "Clear" }).click();
  expect(await inkOf(page)).toBe(0);
  await stroke(page, ONE);
  await expect(page.locator("#verdict")).toHaveText("Read as 1, 91.0 % sure");
});

test("the keyboard draws and clears", async ({ page }) => {
  await open(page);
  await train(page);
  await expect(page.locator("#pen")).toBeHidden();
  await page.locator("#pad").focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.locator("#pen")).toBeVisible();
  expect(await inkOf(page)).toBe(0);
  for (let press = 0; press < 14; press++) await page.keyboard.press("Shift+ArrowDown");
  expect(await inkOf(page)).toBeGreaterThan(500);
  await expect(page.locator("#verdict")).toContainText("Read as 1");
  await page.keyboard.press("Delete");
  expect(await inkOf(page)).toBe(0);
  expect(await inkOf(page, "#prepared", false)).toBe(0);
  await expect(page.locator("#verdict")).toHaveText("Draw with the mouse or a finger.");
});

test("a finger draws and does not scroll the page", async ({ browser, baseURL, watch }) => {
  const context = await browser.newContext({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 }, baseURL });
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && watch.errors.push(message.text()));
  await open(page);
  await page.locator("#pad").scrollIntoViewIfNeeded();
  const box = await page.locator("#pad").boundingBox();
  if (!box) throw new Error("the canvas is not shown");
  const scrolled = await page.evaluate(() => scrollY);
  const session = await context.newCDPSession(page);
  const touch = (/** @type {"touchStart" | "touchMove" | "touchEnd"} */ type, /** @type {number} */ share) =>
    session.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: type === "touchEnd" ? [] : [{ x: box.x + box.width / 2, y: box.y + share * box.height }],
    });
  await touch("touchStart", 0.2);
  for (const share of [0.3, 0.4, 0.5, 0.6, 0.7]) await touch("touchMove", share);
  await touch("touchEnd", 0.7);
  await expect.poll(() => inkOf(page)).toBeGreaterThan(500);
  expect(await page.evaluate(() => scrollY)).toBe(scrolled);
  await context.close();
});

test("what is drawn before the training is read after it", async ({ page }) => {
  await open(page);
  await stroke(page, SEVEN);
  await expect(page.locator("#verdict")).toHaveText("Train a network, or load weights, then draw.");
  await train(page);
  await expect(page.locator("#verdict")).toContainText("Read as 7");
  // Both were asked of the worker at once, which does one thing at a time.
  await expect(page.locator("#cell-pictures li")).toHaveCount(12);
});

test("in the dark the paper is dark, and the same pixels are read", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await open(page);
  await train(page);
  await stroke(page, SEVEN);
  await expect(page.locator("#verdict")).toContainText("Read as 7");
  await expect(page.locator("#pad")).toHaveCSS("filter", /invert/);
});
