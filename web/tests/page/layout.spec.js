/** @file Narrow and wide, light and dark, reachable by keyboard, closed to other hosts. */

import { expect, open, test, train } from "../support.js";

/** @param {import("@playwright/test").Page} page */
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

for (const width of [320, 390, 768, 1280, 2560]) {
  test(`no sideways scrolling at ${width} px, empty and finished`, async ({ page }) => {
    await page.setViewportSize({ width, height: 844 });
    await open(page);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    await train(page);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    const cell = await page.locator("#confusion button").first().boundingBox();
    expect(cell?.width).toBeGreaterThan(width < 390 ? 19 : 24);
  });
}

test("long class names fit at 390 px", async ({ page, watch }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const sizes = { "train-images": 26_421_880, "train-labels": 29_515, "t10k-images": 4_422_102, "t10k-labels": 5_148 };
  await page.route("https://raw.githubusercontent.com/**", (route) => {
    const bytes = Object.entries(sizes).find(([name]) => route.request().url().includes(name))?.[1] ?? 0;
    return route.fulfill({ headers: { "Access-Control-Allow-Origin": "*" }, body: Buffer.alloc(bytes) });
  });
  await open(page);
  await page.locator("input[value=fashion-mnist]").check();
  await train(page);
  await expect(page.locator("#answer")).toContainText("Coat and Ankle boot are confused most");
  expect(await overflow(page)).toBeLessThanOrEqual(0);
  watch.foreign.length = 0;
});

test("on a narrow screen Stop stays in view, and the answer comes into view", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 700 });
  await open(page);
  await page.selectOption("#preset", "long");
  await page.locator("#start").click();
  await expect(page.locator("#loss-chart")).toBeInViewport();
  await expect(page.locator("#stop")).toBeInViewport({ ratio: 1 });
  await page.locator("#stop").click();
  await expect(page.locator("#headline")).toBeInViewport();
  await expect(page.locator("#confusion")).toBeInViewport();
});

test("dark where the system is, with the same contrast of text", async ({ page }) => {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme });
    await open(page);
    await train(page);
    const faint = await page.evaluate(contrasts);
    expect(faint, colorScheme).toEqual([]);
  }
});

/** Texts whose colour is nearer than 4.5 to 1 to what is behind them (WCAG 2, 1.4.3). */
function contrasts() {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no context");
  const rgba = (/** @type {string} */ colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (/** @type {number[]} */ colour) =>
    colour.slice(0, 3).reduce((sum, value, place) => {
      const share = value / 255;
      const linear = share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      return sum + linear * ([0.2126, 0.7152, 0.0722][place] ?? 0);
    }, 0);
  const behind = (/** @type {Element | null} */ element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("main *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim());
    if (!own || element.closest("svg, :disabled, noscript") || !element.checkVisibility()) continue;
    const [front, back] = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (!(ratio >= 4.5)) found.push(`${element.tagName} "${element.textContent?.slice(0, 30)}" ${ratio.toFixed(2)}`);
  }
  return found;
}

test("every control is reached by the tab key and shows that it has the focus", async ({ page }) => {
  await open(page);
  await train(page);
  const expected = ["built-in", "pictures", "load-data", "preset", "device", "kernels", "start", "pad", "clear", "save-weights", "weights-file"];
  const seen = new Set();
  let outlined = true;
  await page.evaluate(() => document.body.focus());
  for (let press = 0; press < 45; press++) {
    await page.keyboard.press("Tab");
    const { name, outline } = await page.evaluate(() => {
      const active = document.activeElement;
      const ring = active instanceof HTMLInputElement && active.type === "file" ? active.parentElement : active;
      return {
        name: active?.id || active?.getAttribute("value") || active?.className || "",
        outline: ring && active !== document.body ? getComputedStyle(ring).outlineStyle : "solid",
      };
    });
    seen.add(name);
    outlined &&= outline !== "none";
  }
  expect(expected.filter((name) => !seen.has(name))).toEqual([]);
  expect(seen.has("wrong6") || seen.has("wrong")).toBe(true);
  expect(outlined).toBe(true);
});

test("every control has a name", async ({ page }) => {
  await open(page);
  await train(page);
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("button, input, select, progress, canvas, summary, [role=region]")]
      .filter((control) => {
        const labels = "labels" in control ? /** @type {HTMLInputElement} */ (control).labels : null;
        const own = control.getAttribute("aria-label") ?? control.getAttribute("aria-labelledby") ?? control.textContent?.trim();
        return !own && !labels?.length;
      })
      .map((control) => control.outerHTML),
  );
  expect(nameless).toEqual([]);
});

test("who asked for less motion gets none", async ({ page }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await open(page);
  await expect(page.locator("#probabilities .bar").first()).toHaveCSS("transition-property", "none");
});

test("the policy of the page refuses other hosts", async ({ page, watch }) => {
  await open(page);
  const refused = await page.evaluate(() => fetch("https://example.com/").then(() => "answered", String));
  expect(refused).toContain("TypeError");
  expect(watch.errors.some((line) => line.includes("Content Security Policy"))).toBe(true);
  watch.errors.length = 0;
  watch.foreign.length = 0;
});
