/**
 * @file A static server for tests and for a look at the page: one folder, this machine only.
 *
 *     node tests/serve.js FOLDER [PORT] [--worker FILE]
 *
 * --worker answers src/worker.js with another file, as the tests of the page alone do.
 */

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, resolve, sep } from "node:path";
import { parseArgs } from "node:util";

/** @type {{[extension: string]: string}} */
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".wasm": "application/wasm",
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { worker: { type: "string" } },
});
const root = resolve(positionals[0] ?? "dist");
const port = Number(positionals[1] ?? 8080);
const worker = values.worker && resolve(values.worker);

createServer((request, response) => {
  const file = fileOf(request.url ?? "/");
  const found = file && statSync(file, { throwIfNoEntry: false })?.isFile();
  if (!file || !found) {
    response.writeHead(404, { "Content-Type": "text/plain" }).end("no such file\n");
    return;
  }
  response.writeHead(200, {
    "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  });
  createReadStream(file).pipe(response);
}).listen(port, "127.0.0.1", () => console.log(`${root} at http://localhost:${port}/`));

/** @param {string} url */
function fileOf(url) {
  let path;
  try {
    path = decodeURIComponent(new URL(url, "http://localhost").pathname);
  } catch {
    return null;
  }
  if (worker && path === "/src/worker.js") return worker;
  const file = resolve(root, `.${path.endsWith("/") ? `${path}index.html` : path}`);
  return file === root || file.startsWith(root + sep) ? file : null;
}
