/** @file The heat map, the images behind its cells, and the tables. */

import { classTable, expect, heatMap, number, open, sum, test, train } from "../support.js";

/** MNIST's four files. */
const FOUR = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

test.beforeEach(async ({ page }) => {
  await open(page);
});

test("the heat map's sums are those of the statistics", async ({ page }) => {
  await train(page);
  const counts = await heatMap(page);
  const classes = (await classTable(page)).slice(0, 10);
  expect(counts.length).toBe(10);
  expect(sum(counts.map(sum))).toBe(1000);
  expect(sum(counts.map((row, truth) => row[truth] ?? 0))).toBe(963);
  counts.forEach((row, truth) => {
    const [, support, tp, tn, fp, fn] = (classes[truth] ?? []).map((cell) => number(cell));
    const column = sum(counts.map((each) => each[truth] ?? 0));
    expect([support, tp, fp, fn]).toEqual([sum(row), row[truth], column - (row[truth] ?? 0), sum(row) - (row[truth] ?? 0)]);
    expect(sum([tp ?? 0, tn ?? 0, fp ?? 0, fn ?? 0])).toBe(1000);
  });
});

test("the most confused cell shows its images at once; another one by click", async ({ page }) => {
  await train(page);
  await expect(page.locator("#cell-title")).toHaveText("4 read as 9: 12 images");
  await expect(page.locator("#cell-pictures li")).toHaveCount(12);
  await page.getByRole("button", { name: "3 read as 5: 7 images" }).click();
  await expect(page.locator("#cell-title")).toHaveText("3 read as 5: 7 images");
  await expect(page.locator("#cell-pictures li")).toHaveCount(7);
  await expect(page.locator("#confusion [aria-pressed=true]")).toHaveCount(1);
  await expect(page.getByRole("img", { name: /test image 17: 3 read as 5, 99\.0 % sure/ })).toBeVisible();
  const inked = await page.locator("#cell-pictures canvas").first().evaluate((canvas) => {
    const context = /** @type {HTMLCanvasElement} */ (canvas).getContext("2d");
    return context?.getImageData(0, 0, 28, 28).data.filter((value, place) => place % 4 === 0 && value > 100).length ?? 0;
  });
  expect(inked).toBeGreaterThan(30);
  // More images than are shown say so.
  await page.getByRole("button", { name: "0 read as 0: 100 images" }).click();
  await expect(page.locator("#cell-pictures li")).toHaveCount(24);
  await expect(page.locator("#cell-note")).toContainText("The first 24 of 100");
});

test("the heat map by keyboard: one stop of the tab key, arrows, Home, End, Enter", async ({ page }) => {
  await train(page);
  await expect(page.locator("#confusion button[tabindex='0']")).toHaveCount(1);
  const cell = (/** @type {number} */ actual, /** @type {number} */ predicted) =>
    page.locator(`#confusion [data-actual="${actual}"][data-predicted="${predicted}"]`);
  await cell(4, 9).focus();
  await page.keyboard.press("ArrowUp");
  await expect(cell(3, 9)).toBeFocused();
  for (let press = 0; press < 4; press++) await page.keyboard.press("ArrowLeft");
  await expect(cell(3, 5)).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("#cell-title")).toHaveText("3 read as 5: 7 images");
  await page.keyboard.press("Home");
  await expect(cell(3, 0)).toBeFocused();
  await page.keyboard.press("Control+End");
  await expect(cell(9, 9)).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await expect(cell(9, 9)).toBeFocused();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press(" ");
  await expect(page.locator("#cell-title")).toHaveText("0 read as 1: 0 images");
  await expect(page.locator("#cell-note")).toContainText("choose a cell with a number");
  await expect(page.locator("#confusion button[tabindex='0']")).toHaveCount(1);
});

test("frequent confusions are listed and lead to their cells", async ({ page }) => {
  await train(page);
  await expect(page.locator("#mistakes button").first()).toHaveText("4 read as 9");
  await page.getByRole("button", { name: "7 read as 2", exact: true }).click();
  await expect(page.locator("#cell-title")).toHaveText("7 read as 2: 4 images");
});

test("thirty first predictions beside the truth, the wrong one marked", async ({ page }) => {
  await train(page);
  await expect(page.locator("#first li")).toHaveCount(30);
  await expect(page.locator("#first li.wrong")).toHaveCount(1);
  await expect(page.locator("#first li").nth(5)).toHaveAttribute("aria-label", "image 5: read as 9, is 8, wrong");
});

test("a class that is not there has n/a, and never NaN", async ({ page }) => {
  await page.locator("input[value=files]").check();
  await page.setInputFiles("#files", FOUR.map((name) => ({ name, mimeType: "", buffer: Buffer.from("idx") })));
  await train(page);
  const nine = (await classTable(page))[9] ?? [];
  expect(nine.slice(0, 3)).toEqual(["9", "0", "0"]);
  // Precision, F1 and recall divide by nothing; specificity and accuracy do not.
  expect(nine.slice(6)).toEqual(["n/a", "100.00 %", "n/a", "100.00 %", "n/a"]);
  await expect(page.locator("main")).not.toContainText("NaN");
});

test("a new training takes the old result away", async ({ page }) => {
  await train(page);
  await page.selectOption("#preset", "broken");
  await page.locator("#start").click();
  await expect(page.locator("#setup-message")).toContainText("The loss is no number after step 3");
  await expect(page.locator("#result")).toBeHidden();
  await expect(page.locator("#headline")).toHaveText("Train a digit reader on your own GPU");
  // The network of before is still there.
  await expect(page.locator("#save-weights")).toBeEnabled();
});

test("data that cannot be loaded leaves the old result where it is", async ({ page }) => {
  await train(page);
  await page.selectOption("#pictures", "30720");
  await page.locator("#start").click();
  await expect(page.getByRole("alert")).toContainText("too many for the mock");
  await expect(page.locator("#headline")).toContainText("96.30 %");
});

test("the heat map grows with the epochs, from validation images, and says so", async ({ page }) => {
  await page.selectOption("#preset", "long");
  await page.locator("#start").click();
  const note = page.locator("#result-note");
  await expect(note).toHaveText(/^So far, after epoch \d+: 1.000 validation images\. The test images come once, at the end\.$/);
  await expect(page.locator("#headline")).toHaveText("Train a digit reader on your own GPU");
  const cell = page.getByRole("button", { name: "4 read as 9: 12 images" });
  // Paused, so that no epoch ends between two steps of this test.
  await page.locator("#pause").click();
  await expect(page.locator("#pause")).toHaveText("Resume");
  await cell.focus();
  await page.keyboard.press("Enter");
  await expect(page.locator("#cell-note")).toHaveText("Images are shown once the training has ended.");
  const paused = await note.textContent();
  await page.locator("#pause").click();
  await cell.focus();
  await expect(note).not.toHaveText(paused ?? "");
  await expect(cell).toBeFocused();
  // While it trains the curves stay above the map; then the map comes first.
  const above = () => page.evaluate(() => {
    const top = (/** @type {string} */ id) => document.getElementById(id)?.getBoundingClientRect().top ?? 0;
    return top("result") < top("training");
  });
  expect(await above()).toBe(false);
  await page.locator("#stop").click();
  await expect(page.locator("#result-note")).toBeHidden();
  await expect(page.locator("#cell-pictures li")).toHaveCount(12);
  expect(await above()).toBe(true);
});
