/** @file Tests of the page: "page" against a mock worker, "real" against what build.sh made. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "@playwright/test";

const here = fileURLToPath(new URL(".", import.meta.url));
const built = existsSync(`${here}dist/index.html`);
// Two runs at once have ports of their own; the processes that Playwright starts inherit these.
const PAGE_PORT = Number((process.env.GPU_MNIST_PAGE_PORT ??= String(20_000 + 2 * Math.floor(Math.random() * 10_000))));
const REAL_PORT = PAGE_PORT + 1;
/** A Chromium or Chrome of this machine; Playwright's own where there is none. */
export const chromium = [process.env.GPU_MNIST_CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path && existsSync(path),
);

export default defineConfig({
  testDir: "tests",
  timeout: 60_000,
  // Two cores are all there may be, and SwiftShader takes both.
  workers: 1,
  forbidOnly: !!process.env.CI,
  reporter: [["list"]],
  use: {
    viewport: { width: 1280, height: 900 },
    launchOptions: {
      executablePath: chromium,
      args: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
    },
  },
  projects: [
    { name: "page", testMatch: "page/*.spec.js", use: { baseURL: `http://localhost:${PAGE_PORT}/` } },
    { name: "real", testMatch: "real/*.spec.js", timeout: 300_000, use: { baseURL: `http://localhost:${REAL_PORT}/` } },
  ],
  webServer: [
    { command: `node tests/serve.js . ${PAGE_PORT} --worker tests/mock_worker.js`, port: PAGE_PORT, cwd: here },
    ...(built ? [{ command: `node tests/serve.js dist ${REAL_PORT}`, port: REAL_PORT, cwd: here }] : []),
  ],
});
