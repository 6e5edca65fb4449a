/** @file Built-in digits, sets from a mirror, files chosen and dropped. */

import { expect, open, test, train } from "../support.js";

const SIZES = { "train-images": 9_912_422, "train-labels": 28_881, "t10k-images": 1_648_877, "t10k-labels": 4_542 };

/**
 * Answers every request to the mirrors' host.
 * @param {import("@playwright/test").Page} page
 * @param {(url: string, bytes: number) => {status: number, bytes: number} | null} answer `null`: never answers.
 */
async function mirror(page, answer) {
  await page.route("https://raw.githubusercontent.com/**", async (route) => {
    const url = route.request().url();
    const known = Object.entries(SIZES).find(([name]) => url.includes(name))?.[1] ?? 0;
    const given = answer(url, known);
    if (!given) return;
    await route.fulfill({
      status: given.status,
      headers: { "Access-Control-Allow-Origin": "*" },
      body: Buffer.alloc(given.bytes),
    });
  });
}

/** @param {string[]} names */
function files(names, content = "idx") {
  return names.map((name) => ({ name, mimeType: "", buffer: Buffer.from(content) }));
}

const FOUR = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

test("built-in digits can be loaded without training", async ({ page }) => {
  await open(page);
  await page.selectOption("#pictures", "2560");
  await page.getByRole("button", { name: "Load now" }).click();
  await expect(page.locator("#data-message")).toHaveText(/built-in digits: 2.560 to train on, 512 for validation, 1.000 to test\./);
  await page.selectOption("#pictures", "30720");
  await expect(page.locator("#data-message")).toBeHidden();
  await page.getByRole("button", { name: "Load now" }).click();
  await expect(page.getByRole("alert")).toHaveText("30720 images are too many for the mock; choose fewer.");
});

test("MNIST is fetched from its mirror alone, once, and before that nobody is asked", async ({ page, watch }) => {
  await mirror(page, (_, bytes) => ({ status: 200, bytes }));
  await open(page);
  await page.locator("input[value=mnist]").check();
  expect(watch.foreign).toEqual([]);
  await page.locator("#start").click();
  await expect(page.locator("#result")).toBeVisible();
  await expect(page.locator("#data-message")).toContainText(/mnist: 55.000 to train on/);
  await train(page);
  expect(watch.foreign.length).toBe(4);
  expect(watch.foreign.every((url) => url.startsWith("https://raw.githubusercontent.com/fgnt/mnist/master/"))).toBe(true);
  watch.foreign.length = 0;
});

test("progress is shown in bytes while it is fetched, and Stop ends it", async ({ page, watch }) => {
  await mirror(page, (url, bytes) => (url.includes("t10k-images") ? null : { status: 200, bytes }));
  await open(page);
  await page.locator("input[value=mnist]").check();
  await page.getByRole("button", { name: "Fetch now" }).click();
  await expect(page.locator("#data-message")).toHaveText("Fetching MNIST: 9.9 MB of 11.6 MB");
  await expect(page.locator("#data-progress")).toBeVisible();
  const share = await page.locator("#data-progress").evaluate((bar) => /** @type {HTMLProgressElement} */ (bar).value);
  expect(share).toBeGreaterThan(0.8);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.locator("#data-message")).toHaveText("Stopped.");
  await expect(page.locator("#data-progress")).toBeHidden();
  await expect(page.locator("#start")).toBeEnabled();
  watch.foreign.length = 0;
});

test("a mirror that fails is followed by the next; when all fail each is named", async ({ page, watch }) => {
  await mirror(page, (url, bytes) => (url.includes("fgnt") ? { status: 404, bytes: 0 } : { status: 200, bytes }));
  await open(page);
  await page.locator("input[value=mnist]").check();
  await page.getByRole("button", { name: "Fetch now" }).click();
  await expect(page.locator("#data-message")).toContainText("to train on");
  await page.locator("input[value=fashion-mnist]").check();
  // MNIST's files are not as long as Fashion-MNIST's.
  await page.getByRole("button", { name: "Fetch now" }).click();
  await expect(page.getByRole("alert")).toContainText("Fashion-MNIST could not be fetched (raw.githubusercontent.com: train-images-idx3-ubyte.gz ended after 9912422 of 26421880 bytes)");
  await expect(page.getByRole("alert")).toContainText("choose your own copy");
  watch.foreign.length = 0;
  // Chromium itself notes the refused request on the console.
  expect(watch.errors.every((line) => line.includes("404"))).toBe(true);
  watch.errors.length = 0;
});

test("more bytes than the original has are refused while they come", async ({ page, watch }) => {
  await mirror(page, (_, bytes) => ({ status: 200, bytes: bytes + 1 }));
  await open(page);
  await page.locator("input[value=mnist]").check();
  await page.getByRole("button", { name: "Fetch now" }).click();
  await expect(page.getByRole("alert")).toContainText("train-images-idx3-ubyte.gz is longer than the");
  watch.foreign.length = 0;
});

test("four files of one's own, with the worker's warning", async ({ page }) => {
  await open(page);
  await page.locator("input[value=files]").check();
  await page.locator("#start").click();
  await expect(page.getByRole("alert")).toContainText("No files yet: drop a folder of images");
  await page.setInputFiles("#files", files(FOUR.slice(0, 3)));
  await expect(page.getByRole("alert")).toContainText("here are 3: train-images-idx3-ubyte");
  await page.setInputFiles("#files", files(FOUR));
  await page.getByRole("button", { name: "Load now" }).click();
  await expect(page.locator("#data-message")).toContainText("These are no files of a known set.");
  await page.setInputFiles("#files", files(FOUR, "bad"));
  await page.getByRole("button", { name: "Load now" }).click();
  await expect(page.getByRole("alert")).toContainText("train-images-idx3-ubyte is damaged");
  await expect(page.locator("#start")).toBeEnabled();
});

test("four files dropped onto the page are loaded", async ({ page }) => {
  await open(page);
  await drop(page, FOUR);
  await expect(page.locator("input[value=files]")).toBeChecked();
  await expect(page.locator("#data-message")).toContainText(/files: 55.000 to train on/);
  await expect(page.locator("#dropping")).toBeHidden();
});

test("weights dropped onto the page are loaded as weights", async ({ page }) => {
  await open(page);
  await drop(page, ["model.safetensors"]);
  await expect(page.locator("#weights-message")).toContainText("model.safetensors: 215");
});

/**
 * @param {import("@playwright/test").Page} page
 * @param {string[]} names
 */
async function drop(page, names) {
  await page.evaluate((names) => {
    const data = new DataTransfer();
    for (const name of names) data.items.add(new File(["idx"], name));
    const options = { dataTransfer: data, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent("dragover", options));
    if (document.getElementById("dropping")?.hidden) throw new Error("nothing says that files can be dropped");
    document.body.dispatchEvent(new DragEvent("drop", options));
  }, names);
}
