/**
 * @file Images of the page in use: empty, training and finished, wide and narrow, light and dark.
 *
 *     node tests/screenshots.js URL FOLDER [cpu|gpu]
 */

import { join } from "node:path";
import { chromium } from "@playwright/test";
import { chromium as installed } from "../playwright.config.js";
import { open, SEVEN, stroke } from "./support.js";

const [url = "http://localhost:8080/", folder = ".", device = "cpu"] = process.argv.slice(2);

const browser = await chromium.launch({
  ...(installed ? { executablePath: installed } : {}),
  args: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
});
for (const [width, height] of /** @type {const} */ ([[1280, 1000], [390, 844]])) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    const page = await browser.newPage({ baseURL: url, viewport: { width, height }, colorScheme });
    const shot = (/** @type {string} */ name, fullPage = true) =>
      page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage });
    await open(page);
    await shot("empty");
    await page.selectOption("#device", device);
    await page.getByText("Epochs, batch size, learning rate").click();
    await page.fill("#epochs", "4");
    await page.getByText("Epochs, batch size, learning rate").click();
    await page.locator("#start").click();
    await page.locator("#epoch-rows tr").nth(1).waitFor({ state: "attached", timeout: 200_000 });
    await shot("training", false);
    await page.locator("#save-weights:enabled").waitFor({ timeout: 200_000 });
    await stroke(page, SEVEN);
    await page.locator("#verdict strong").waitFor();
    await page.mouse.move(0, 0);
    await page.evaluate(() => scrollTo(0, 0));
    await page.waitForTimeout(500);
    await shot("finished");
    await shot("top", false);
    await page.close();
  }
}
await browser.close();
