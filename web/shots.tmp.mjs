import { chromium } from "playwright";
const b = await chromium.launch({ executablePath: "/usr/bin/chromium" });
const pages = process.argv.slice(2);
for (const p of pages) { const [name, path] = p.split("=");
  for (const scheme of ["light","dark"]) for (const width of [1280,390]) {
    const page = await b.newPage({ viewport: { width, height: 900 }, colorScheme: scheme, deviceScaleFactor: 1 });
    await page.goto("file://" + path);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) console.log(name, scheme, width, "scrolls sideways:", wide);
    await page.screenshot({ path: `/tmp/fc/shot/${name}-${scheme}-${width}.png`, fullPage: true });
    await page.close();
  } }
await b.close();
