/** @file Weights saved to a file and loaded from one. */

import { readFileSync } from "node:fs";
import { expect, open, SEVEN, stroke, test, train } from "../support.js";

const WEIGHTS = { name: "model.safetensors", mimeType: "", buffer: Buffer.from("weights") };

test("the weights are saved under their name, once there are any", async ({ page }) => {
  await open(page);
  await expect(page.locator("#save-weights")).toBeDisabled();
  await train(page);
  const waiting = page.waitForEvent("download");
  await page.locator("#save-weights").click();
  const download = await waiting;
  expect(download.suggestedFilename()).toBe("model.safetensors");
  expect(readFileSync(await download.path(), "utf8")).toBe("mock weights");
  await expect(page.locator("#weights-message")).toContainText("Saved model.safetensors");
});

test("loaded weights read a drawing; with data they are evaluated", async ({ page }) => {
  await open(page);
  await page.setInputFiles("#weights-file", WEIGHTS);
  await expect(page.locator("#weights-message")).toHaveText(/model\.safetensors: 215.194 parameters, trained on mnist\. Load data to see its statistics, or draw\./);
  await expect(page.locator("#result")).toBeHidden();
  await stroke(page, SEVEN);
  await expect(page.locator("#verdict")).toContainText("Read as 7");
  await page.getByRole("button", { name: "Load now" }).click();
  await expect(page.locator("#result")).toBeVisible();
  await expect(page.locator("#about")).toContainText("Loaded from model.safetensors");
});

test("what is no file of weights is named, and the page goes on", async ({ page }) => {
  await open(page);
  await page.setInputFiles("#weights-file", { name: "holiday.safetensors", mimeType: "", buffer: Buffer.from("bad") });
  await expect(page.getByRole("alert")).toHaveText("holiday.safetensors could not be loaded: it is no safetensors file; choose a run's model.safetensors");
  await expect(page.locator("#start")).toBeEnabled();
});

test("another device waits for the next start while there is a network", async ({ page }) => {
  await open(page);
  await train(page);
  await page.selectOption("#device", "cpu");
  await expect(page.locator("#setup-message")).toContainText("opened at the next start");
  await expect(page.locator("#adapter")).toContainText("Mock Adapter 9000");
  await train(page);
  await expect(page.locator("#adapter")).toContainText("CPU (WebAssembly SIMD)");
});

test("a trained network is evaluated again when other data is loaded", async ({ page }) => {
  await open(page);
  await train(page);
  await page.selectOption("#pictures", "2560");
  await page.getByRole("button", { name: "Load now" }).click();
  await expect(page.locator("#about")).toContainText("evaluated on built-in digits");
  await expect(page.locator("#cell-pictures li")).toHaveCount(12);
});
