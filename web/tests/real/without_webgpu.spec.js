/** @file The built page in a browser without WebGPU. */

import { expect, open, test, train } from "../support.js";
import { built, NOT_BUILT } from "./support.js";
import { chromium } from "../../playwright.config.js";

test.skip(!built, NOT_BUILT);
// Playwright turns no flag on here; without one Chromium on Linux gives no adapter.
test.use({ launchOptions: { executablePath: chromium, args: ["--disable-features=WebGPU,WebGPUService", "--disable-gpu"] } });

test("without WebGPU the CPU trains, which the page says, with the setting that helps", async ({ page }) => {
  await open(page);
  await expect(page.locator("#adapter")).toContainText("CPU");
  await expect(page.locator("#device-note")).toContainText(/no WebGPU|WebGPU gives no adapter/);
  await expect(page.locator("#device-note")).toContainText("chrome://flags");
  await page.selectOption("#pictures", "2560");
  await train(page);
  await expect(page.locator("#result")).toBeVisible();
});
