/** @file The drawing canvas: mouse, touch and keyboard; bars, the prepared image. */

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

test("reads a 1 and a 7, with ten bars and the prepared image", async ({ page }) => {
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
  await expect(page.locator("#verdict")).toHaveText("Draw with the mouse or a finger, or show a photo.");
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

/**
 * A PNG file of a page with two strokes, 400 x 200.
 * @param {import("@playwright/test").Page} page
 */
async function twoStrokes(page) {
  const bytes = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(400, 200);
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, 400, 200);
    context.fillStyle = "#000";
    context.fillRect(90, 40, 14, 120);
    context.fillRect(260, 40, 80, 120);
    const blob = await canvas.convertToBlob({ type: "image/png" });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  return Buffer.from(bytes);
}

test("a photo that is chosen is read, with boxes and flags, and Clear brings the pad back", async ({ page }) => {
  await open(page);
  await train(page);
  const buffer = await twoStrokes(page);
  await page.locator("#photo-file").setInputFiles({ name: "note.png", mimeType: "image/png", buffer });
  await expect(page.locator("#verdict")).toHaveText("Read as 17: 2 drawings; below is the first; it looks like none of the classes");
  await expect(page.locator("#photo")).toBeVisible();
  await expect(page.locator("#pad")).toBeHidden();
  await expect(page.locator("#boxes .box")).toHaveText(["1", "7?"]);
  await expect(page.locator("#boxes .box.unsure")).toHaveCount(1);
  const [photo, box] = await Promise.all(["#photo", "#boxes .box"].map((id) => page.locator(id).first().boundingBox()));
  if (!photo || !box) throw new Error("nothing is shown");
  // The first stroke begins at 90 of 400 pixels.
  expect((box.x - photo.x) / photo.width).toBeCloseTo(0.225, 1);
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(page.locator("#pad")).toBeVisible();
  await expect(page.locator("#boxes .box")).toHaveCount(0);
  await stroke(page, SEVEN);
  await expect(page.locator("#verdict")).toHaveText("Read as 7, 91.0 % sure");
});

test("a photo that is dropped is read; what is no image says why not", async ({ page }) => {
  await open(page);
  await train(page);
  const drop = (/** @type {number[]} */ bytes, /** @type {string} */ name) =>
    page.evaluate(
      ([bytes, name]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(/** @type {number[]} */ (bytes))], String(name)));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
      },
      [bytes, name],
    );
  const png = [...(await twoStrokes(page))];
  await drop(png, "note.png");
  await expect(page.locator("#boxes .box")).toHaveText(["1", "7?"]);
  await drop(png.slice(0, png.length / 2), "cut.png");
  await expect(page.locator("#verdict")).toContainText("cut.png could not be read: damaged: the file ends in the middle of the image");
  await drop([0, 0, 0, 24, ...Buffer.from("ftypheic")], "phone.heic");
  await expect(page.locator("#verdict")).toContainText("phone.heic could not be read: this is a HEIC image, as iPhones take them");
});

test("the camera takes a photo that is read", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ baseURL, permissions: ["camera"] });
  const page = await context.newPage();
  await page.addInitScript(() => {
    // A sheet with two strokes before the camera.
    navigator.mediaDevices.getUserMedia = async () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [400, 200];
      const context = canvas.getContext("2d");
      const draw = () => {
        if (!context) return;
        context.fillStyle = "#fff";
        context.fillRect(0, 0, 400, 200);
        context.fillStyle = "#000";
        context.fillRect(90, 40, 14, 120);
        context.fillRect(260, 40, 80, 120);
      };
      draw();
      setInterval(draw, 50);
      return canvas.captureStream(20);
    };
  });
  await open(page);
  await train(page);
  await page.getByRole("button", { name: "Camera" }).click();
  await expect(page.locator("#viewfinder")).toBeVisible();
  await expect.poll(() => page.locator("#viewfinder").evaluate((video) => /** @type {HTMLVideoElement} */ (video).videoWidth)).toBe(400);
  await page.getByRole("button", { name: "Take the photo" }).click();
  await expect(page.locator("#boxes .box")).toHaveText(["1", "7?"]);
  await expect(page.locator("#viewfinder")).toBeHidden();
  await expect(page.getByRole("button", { name: "Camera" })).toBeVisible();
  await context.close();
});
