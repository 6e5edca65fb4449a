/**
 * @file Times the built page beside TensorFlow.js: the reference network, trained by Adam in batches of 256 on the same
 * images of MNIST, in one headless Chromium. Prints a table in Markdown.
 *
 *     npm install --no-save @tensorflow/tfjs@4.22.0
 *     node tests/beside_tfjs.js FOLDER [ROUNDS]
 *
 * FOLDER holds the four files of MNIST, whose first images are trained on. The page computes in its worker, TensorFlow.js
 * where its own examples do. The first epoch warms up, the second is timed: shuffling and batches are in it, evaluation
 * is not.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { chromium } from "@playwright/test";
import { chromium as installed } from "../playwright.config.js";

const [folder = "../../shared/data/mnist", rounds = "3"] = process.argv.slice(2);
const web = fileURLToPath(new URL("..", import.meta.url));
const PORT = 20_000 + Math.floor(Math.random() * 20_000);
const BATCH = 256;
const SIDE = 28;

/** Who trains, and on how many batches an epoch: some seconds' work for each. */
const TRAINERS = [
  { name: "the page, CPU, one thread", run: ours("cpu"), batches: 40 },
  { name: "TensorFlow.js, CPU", run: theirs("cpu"), batches: 2 },
  { name: "the page, WebGPU on SwiftShader", run: ours("gpu"), batches: 5 },
  { name: "TensorFlow.js, WebGL on SwiftShader", run: theirs("webgl"), batches: 5 },
];

/** @param {string} name @param {number} header @param {number} length */
function part(name, header, length) {
  return gunzipSync(readFileSync(join(folder, `${name}.gz`))).subarray(header, header + length);
}

/** @param {"train" | "t10k"} split @param {number} count */
function images(split, count) {
  return {
    pixels: part(`${split}-images-idx3-ubyte`, 16, count * SIDE * SIDE),
    labels: part(`${split}-labels-idx1-ubyte`, 8, count),
  };
}

/** IDX files of the first images. @param {"train" | "t10k"} split @param {number} count */
function idx(split, count) {
  const { pixels, labels } = images(split, count);
  const header = (/** @type {number[]} */ ...numbers) => {
    const bytes = Buffer.alloc(4 * numbers.length);
    numbers.forEach((number, place) => bytes.writeUInt32BE(number, 4 * place));
    return bytes;
  };
  return {
    [`${split}-images-idx3-ubyte`]: Buffer.concat([header(0x803, count, SIDE, SIDE), pixels]).toString("base64"),
    [`${split}-labels-idx1-ubyte`]: Buffer.concat([header(0x801, count), labels]).toString("base64"),
  };
}

/** @typedef {(page: import("@playwright/test").Page, count: number) => Promise<number>} Run Answers the seconds of an epoch. */

/** @param {"cpu" | "gpu"} device @returns {Run} */
function ours(device) {
  return (page, count) =>
    page.evaluate(
      async ({ device, files }) => {
        const worker = new Worker("./src/worker.js", { type: "module" });
        let id = 0;
        let seconds = 0;
        const ask = (/** @type {object} */ request, /** @type {Transferable[]} */ transfer = []) =>
          new Promise((resolve, reject) => {
            const asked = ++id;
            worker.onmessage = ({ data }) => {
              if (data.type === "epoch") seconds = data.seconds;
              if (data.id !== asked) return;
              if (data.ok) resolve(data);
              else reject(new Error(data.error));
            };
            worker.postMessage({ ...request, id: asked }, transfer);
          });
        const opened = await ask({ type: "open", device, kernels: "fused" });
        if (opened.device.kind !== device) throw new Error(`${opened.device.kind} was opened, not ${device}`);
        const buffers = Object.fromEntries(
          Object.entries(files).map(([name, text]) => [name, Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)).buffer]),
        );
        await ask({ type: "data", source: "files", name: "first-images", files: buffers }, Object.values(buffers));
        const settings = { "training.epochs": "2", "data.validation_size": "0" };
        await ask({ type: "train", preset: "default", settings });
        worker.terminate();
        return seconds;
      },
      { device, files: { ...idx("train", count), ...idx("t10k", 256) } },
    );
}

/** @param {"cpu" | "webgl"} backend @returns {Run} */
function theirs(backend) {
  return (page, count) => {
    const { pixels, labels } = images("train", count);
    return page.evaluate(
      async ({ backend, pixels, labels, side, batch }) => {
        const tf = /** @type {any} */ (window).tf;
        if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no ${backend} here`);
        const bytes = (/** @type {string} */ text) => Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0));
        const values = Float32Array.from(bytes(pixels), (value) => (value / 255 - 0.1307) / 0.3081);
        const xs = tf.tensor4d(values, [values.length / (side * side), side, side, 1]);
        const ys = tf.oneHot(tf.tensor1d(Int32Array.from(bytes(labels)), "int32"), 10).toFloat();
        const layers = tf.layers;
        const model = tf.sequential({
          layers: [
            layers.conv2d({ inputShape: [side, side, 1], kernelSize: 5, filters: 24, activation: "relu" }),
            layers.maxPooling2d({ poolSize: 2, strides: 2 }),
            layers.conv2d({ kernelSize: 3, filters: 32, activation: "relu" }),
            layers.maxPooling2d({ poolSize: 2, strides: 2 }),
            layers.flatten(),
            layers.dense({ units: 256, activation: "relu" }),
            layers.dense({ units: 10, activation: "softmax" }),
          ],
        });
        model.compile({ optimizer: tf.train.adam(0.001, 0.7, 0.9), loss: "categoricalCrossentropy" });
        let began = 0;
        let seconds = 0;
        await model.fit(xs, ys, {
          batchSize: batch,
          epochs: 2,
          shuffle: true,
          yieldEvery: "epoch",
          callbacks: {
            onEpochBegin: () => void (began = performance.now()),
            // The loss has been read, so all steps have been computed.
            onEpochEnd: () => void (seconds = (performance.now() - began) / 1000),
          },
        });
        return seconds;
      },
      { backend, pixels: pixels.toString("base64"), labels: labels.toString("base64"), side: SIDE, batch: BATCH },
    );
  };
}

const server = spawn("node", ["tests/serve.js", "dist", String(PORT)], { cwd: web, stdio: ["ignore", "pipe", "inherit"] });
await once(server.stdout, "data");
const browser = await chromium.launch({
  ...(installed ? { executablePath: installed } : {}),
  args: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
});
try {
  console.log(`Chromium ${browser.version()}, images a second, ${rounds} rounds in turn\n`);
  /** @type {Map<string, number[]>} */
  const speeds = new Map(TRAINERS.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(rounds); round++) {
    for (const { name, run, batches } of TRAINERS) {
      const page = await browser.newPage();
      // A page of the same server without the policy that forbids another's script.
      await page.route("**/blank.html", (route) =>
        route.fulfill({ contentType: "text/html", body: '<!doctype html><title>-</title><script src="tf.js"></script>' }),
      );
      await page.route("**/tf.js", (route) => route.fulfill({ path: join(web, "node_modules/@tensorflow/tfjs/dist/tf.min.js") }));
      await page.goto(`http://localhost:${PORT}/blank.html`);
      const count = batches * BATCH;
      const speed = count / (await run(page, count));
      console.error(`round ${round + 1}: ${name}: ${speed.toPrecision(3)}`);
      speeds.get(name)?.push(speed);
      await page.close();
    }
  }
  console.log(`| trainer | ${[...Array(Number(rounds)).keys()].map((round) => `round ${round + 1}`).join(" | ")} |`);
  console.log(`|---${"|---".repeat(Number(rounds))}|`);
  for (const [name, values] of speeds) console.log(`| ${name} | ${values.map((value) => value.toPrecision(3)).join(" | ")} |`);
} finally {
  await browser.close();
  server.kill();
}
