/** @file Start, pause, stop; the curves and the numbers beside them. */

import { expect, open, stepShown, test, train } from "../support.js";

test("trains, with curves, numbers and the adapter's name", async ({ page }) => {
  await open(page);
  await expect(page.locator("#adapter")).toContainText("Mock Adapter 9000");
  await expect(page.locator("#adapter")).toContainText("WebGPU");
  await train(page);
  await expect(page.locator("#headline")).toHaveText(/^96\.30 % of 1.000 test images right$/);
  await expect(page.locator("#answer")).toHaveText(/^4 and 9 are confused most: 17 of 37 mistakes; then 3 and 5 \(7\), 2 and 7 \(6\)\.$/);
  await expect(page).toHaveTitle("96.30 % right; 4 and 9 confused most: gpu-mnist");
  await expect(page.locator("#fact-step")).toHaveText("40 of 40");
  await expect(page.locator("#fact-speed")).toHaveText(/^2[01].\d{3}$/);
  for (const chart of ["#loss-chart", "#accuracy-chart"]) {
    const path = await page.locator(`${chart} path.steps`).getAttribute("d");
    expect(path?.split("L").length).toBe(40);
    await expect(page.locator(`${chart} circle.training`)).toHaveCount(1);
    await expect(page.locator(`${chart} circle.validation`)).toHaveCount(1);
  }
  await expect(page.locator("#loss-chart svg")).toHaveAttribute("aria-label", /Loss.*validation at 0\.\d+/);
});

test("the curves grow while it trains, and the loss falls", async ({ page }) => {
  await open(page);
  await page.selectOption("#preset", "long");
  await page.locator("#start").click();
  const points = () => page.locator("#loss-chart path.steps").evaluate((path) => (path.getAttribute("d") ?? "").slice(1).split("L"));
  await expect.poll(async () => (await points()).length).toBeGreaterThan(5);
  const before = (await points()).length;
  await expect.poll(async () => (await points()).length).toBeGreaterThan(before);
  const heights = (await points()).map((point) => Number(point.split(",")[1]));
  // Further down the screen is a larger y.
  expect(heights.at(-1)).toBeGreaterThan(heights[0] ?? Infinity);
  await page.locator("#stop").click();
  await expect(page.locator("#result")).toBeVisible();
});

test("pause holds the steps, resume goes on, stop evaluates what is there", async ({ page }) => {
  await open(page);
  await page.selectOption("#preset", "long");
  await page.locator("#start").click();
  const step = () => stepShown(page);
  await expect.poll(step).toBeGreaterThan(3);
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.locator("#state")).toHaveText("Paused.");
  await page.waitForTimeout(100);
  const held = await step();
  await page.waitForTimeout(300);
  expect(await step()).toBe(held);
  await page.getByRole("button", { name: "Resume" }).click();
  await expect.poll(step).toBeGreaterThan(held);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.locator("#state")).toContainText("Stopped after");
  await expect(page.locator("#about")).toContainText("stopped early");
  await expect(page.locator("#fact-left")).toHaveText("–");
  await expect(page.locator("#start")).toBeEnabled();
});

test("by keyboard alone: Enter starts, the focus goes to Stop and comes back", async ({ page }) => {
  await open(page);
  await page.selectOption("#preset", "long");
  await page.locator("#start").focus();
  await page.keyboard.press("Enter");
  await expect(page.locator("#stop")).toBeFocused();
  await expect(page.locator("#state")).toHaveText("Training.");
  await page.keyboard.press("Enter");
  await expect(page.locator("#result")).toBeVisible();
  await expect(page.locator("#start")).toBeFocused();
});

test("only numbers that differ from the preset's are sent", async ({ page }) => {
  await open(page);
  await page.getByText("Epochs, batch size, learning rate").click();
  await page.fill("#epochs", "3");
  await train(page);
  await expect(page.locator("#fact-epoch")).toHaveText("3 of 3");
  await expect(page.locator("#epoch-rows tr")).toHaveCount(3);
  await page.selectOption("#preset", "smoke");
  await expect(page.locator("#epochs")).toHaveValue("1");
  await expect(page.locator("#purpose")).toContainText("Seconds on any CPU");
  await expect(page.locator("#purpose")).toContainText("built-in digits");
});

test("a number the form cannot take starts nothing", async ({ page }) => {
  await open(page);
  await page.getByText("Epochs, batch size, learning rate").click();
  await page.fill("#epochs", "0");
  await page.locator("#start").click();
  await expect(page.locator("#epochs")).toBeFocused();
  await expect(page.locator("#state")).toContainText("Not started");
});
