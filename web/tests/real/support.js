/** @file What the tests of the built page share: the build, the native program, real data. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("../..", import.meta.url));

/** Whether build.sh has made web/dist/. */
export const built = existsSync(join(web, "dist/src/gpu_mnist_bg.wasm"));
export const NOT_BUILT = "SKIPPED (web): web/dist/ is not built; web/build.sh makes it";

/** The native program: of GPU_MNIST_NATIVE, of this checkout, or of the kept target folder. */
export const native = [
  process.env.GPU_MNIST_NATIVE,
  process.env.CARGO_TARGET_DIR && join(process.env.CARGO_TARGET_DIR, "release/gpu-mnist"),
  resolve(web, "../target/release/gpu-mnist"),
  join(homedir(), ".cache/gpu-mnist-target/release/gpu-mnist"),
].find((path) => path && existsSync(path));
export const NO_NATIVE = "SKIPPED (native): no gpu-mnist binary; cargo build --release makes one";

/** The folder that holds mnist/, as the Rust tests find it. */
export const data = [process.env.GPU_MNIST_DATA_DIR, resolve(web, "../../shared/data")].find(
  (folder) => folder && existsSync(join(folder, "mnist/train-images-idx3-ubyte.gz")),
);
export const NO_DATA = "SKIPPED (data): no mnist/ in GPU_MNIST_DATA_DIR";

// Once, from the process that lists the tests: its report names a skipped test, but not why.
if (process.env.TEST_WORKER_INDEX === undefined) {
  if (!built) console.log(NOT_BUILT);
  if (!native) console.log(NO_NATIVE);
  if (!data) console.log(NO_DATA);
}

/** A new folder outside the checkout. */
export function folder() {
  return mkdtempSync(join(tmpdir(), "gpu-mnist-web-"));
}

/**
 * Runs the native program; answers its JSON.
 * @param {string[]} words
 * @returns {any}
 */
export function run(...words) {
  if (!native) throw new Error(NO_NATIVE);
  const text = execFileSync(native, [...words, "--device", "cpu", "--json", "-q"], { encoding: "utf8", maxBuffer: 1e8 });
  return JSON.parse(text);
}
