/** @file What a visitor reads when something is missing or fails. */

import { expect, open, test, train } from "../support.js";

test("without WebGPU the CPU computes, and the page says so and which setting helps", async ({ page }) => {
  await open(page);
  await page.selectOption("#device", "cpu");
  await expect(page.locator("#adapter")).toContainText("CPU");
  await expect(page.locator("#device-note")).toContainText("no WebGPU, so the CPU computes");
  await expect(page.locator("#device-note")).toContainText("chrome://flags");
});

test("a device that does not open is named, and another one can be chosen", async ({ page }) => {
  await open(page);
  await page.selectOption("#kernels", "burn");
  await page.selectOption("#device", "gpu");
  await expect(page.getByRole("alert")).toContainText("Mock Adapter cannot run Burn's own operations; choose the fused kernels");
  await expect(page.locator("#adapter")).toHaveText("none");
  await page.selectOption("#kernels", "fused");
  await expect(page.locator("#adapter")).toContainText("Mock Adapter 9000");
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("without WebAssembly: the setting that turns it on", async ({ page }) => {
  await page.addInitScript("delete globalThis.WebAssembly");
  await page.goto("./");
  await expect(page.getByRole("alert")).toContainText("WebAssembly is switched off");
  await expect(page.getByRole("alert")).toContainText("javascript.options.wasm");
  await expect(page.locator("#start")).toBeHidden();
});

test("without SIMD: the setting, or the version that has it", async ({ page }) => {
  await page.addInitScript("WebAssembly.validate = () => false");
  await page.goto("./");
  await expect(page.getByRole("alert")).toContainText("javascript.options.wasm_simd");
  await expect(page.getByRole("alert")).toContainText("Safari since 16.4");
});

test("without JavaScript: the setting that turns it on", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL });
  const page = await context.newPage();
  await page.goto("./");
  await expect(page.locator("noscript > p.error")).toHaveCSS("display", "block");
  await expect(page.locator("#start")).toBeHidden();
  await context.close();
});

test("a worker that does not load is said, not waited for", async ({ page, watch }) => {
  await page.addInitScript(() => {
    const Real = globalThis.Worker;
    globalThis.Worker = class extends Real {
      constructor() {
        super(new URL("missing.js", location.href), { type: "module" });
      }
    };
  });
  await page.goto("./");
  await expect(page.getByRole("alert")).toContainText("The worker stopped");
  await expect(page.getByRole("alert")).toContainText("Reload the page");
  // Chromium itself notes the missing file.
  watch.errors.length = 0;
});

test("after a defect of the worker the next start opens and loads everything again", async ({ page }) => {
  await open(page);
  await page.selectOption("#preset", "panic");
  await page.locator("#start").click();
  await expect(page.getByRole("alert")).toContainText("a defect of the program");
  await page.selectOption("#preset", "default");
  await train(page);
  await expect(page.locator("#result")).toBeVisible();
});

test("what the worker notes of a training is shown with its result", async ({ page }) => {
  await open(page);
  await page.selectOption("#preset", "smoke");
  await train(page);
  await expect(page.locator("#setup-message")).toContainText("Burn's own operations are used");
});
