/**
 * @file The worker: answers the page's requests (`protocol.js`) with the Rust core, which it alone
 * loads. One request at a time works on the core; pause, resume and stop reach a training between
 * two of its steps.
 */

/** @import { Requests } from "./protocol.js" */
/** @typedef {typeof import("./gpu_mnist.js")} Core */
/** @typedef {{[T in keyof Requests]: {type: T, id: number} & Requests[T]}[keyof Requests]} Request */

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** @type {Promise<InstanceType<Core["Trainer"]>> | null} */
let trainer = null;
/** Instances loaded so far: one that panicked is replaced by a fresh one. */
let instances = 0;
/** @type {Request | null} */
let busy = null;
let paused = false;
let stopped = false;
/** Ends the rest of a paused training. */
let wake = () => {};

scope.onmessage = ({ data }) => void take(data);
// A panic in the middle of a training reaches nobody else.
scope.addEventListener("error", fault);
scope.addEventListener("unhandledrejection", fault);

/** @param {Request} request */
async function take(request) {
  if (request.type === "pause" || request.type === "resume" || request.type === "stop") {
    steer(request.type);
    return answer(request, {});
  }
  if (busy) {
    return refuse(request, `${busy.type} is not done yet: wait for it, or stop the training`);
  }
  busy = request;
  if (request.type === "train") [paused, stopped] = [false, false];
  try {
    const [body, transfer] = await perform(request);
    if (busy === request) answer(request, body, transfer);
  } catch (error) {
    if (busy === request) refuse(request, lineOf(error));
  } finally {
    if (busy === request) busy = null;
  }
}

/**
 * @param {Request} request
 * @returns {Promise<[object, Transferable[]?]>}
 */
async function perform(request) {
  const core = await (trainer ??= load());
  switch (request.type) {
    case "open":
      return [JSON.parse(await core.open(request.device, request.kernels, JSON.stringify(await host())))];
    case "data":
      return [JSON.parse(loadData(core, request))];
    case "train":
      return [
        JSON.parse(
          await core.train(request.preset, JSON.stringify(request.settings), new Date().toISOString(), watcher()),
        ),
      ];
    case "cell":
      return [/** @type {object} */ (core.cell(request.actual, request.predicted, request.limit))];
    case "predict": {
      const { pixels, width, height } = request;
      const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
      return [/** @type {object} */ (await core.predict(bytes, width, height))];
    }
    case "saveWeights": {
      const bytes = core.saveWeights();
      return [{ bytes: bytes.buffer, fileName: "model.safetensors" }, [bytes.buffer]];
    }
    case "loadWeights":
      return [JSON.parse(await core.loadWeights(new Uint8Array(request.bytes)))];
    default:
      throw `no request is called ${/** @type {{type: string}} */ (request).type}`;
  }
}

/** @param {"pause" | "resume" | "stop"} wish */
function steer(wish) {
  paused = wish === "pause";
  if (wish === "stop") stopped = true;
  if (!paused) wake();
}

/** What a training tells, and where it rests. */
function watcher() {
  return {
    progress: (/** @type {string} */ text) => scope.postMessage({ type: "progress", ...JSON.parse(text) }),
    epoch: (/** @type {string} */ text) => scope.postMessage({ type: "epoch", ...JSON.parse(text) }),
    /** Lets waiting messages come in, then waits while paused; answers whether to stop. */
    rest: async () => {
      await turn();
      while (paused && !stopped) await new Promise((resolve) => (wake = () => resolve(undefined)));
      return stopped;
    },
  };
}

/** Resolves after the messages that wait already; a timer would cost four milliseconds. */
function turn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(null);
  });
}

/**
 * @param {InstanceType<Core["Trainer"]>} core
 * @param {Requests["data"]} request
 */
function loadData(core, request) {
  if (request.source === "built-in") return core.builtIn(request.pictures);
  const files = Object.entries(request.files);
  return core.files(
    request.name,
    files.map(([name]) => name),
    files.map(([, bytes]) => new Uint8Array(bytes)),
  );
}

/** What the core cannot ask the browser. */
async function host() {
  const gpu = /** @type {any} */ (scope.navigator).gpu;
  const found = await gpu?.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  const { vendor = "", architecture = "", device = "", description = "" } = found?.info ?? {};
  const words = [vendor, architecture].filter((word) => word !== "").join(" ");
  return {
    webgpu: gpu !== undefined,
    secure: scope.isSecureContext,
    adapter: description || [words, device].filter((word) => word !== "").join(" ") || (found ? "WebGPU adapter" : ""),
    driver: description ? words : "",
  };
}

async function load() {
  // Another address makes another instance: one that panicked is of no use any more.
  const suffix = instances === 0 ? "" : `?instance=${instances}`;
  instances++;
  const core = /** @type {Core} */ (await import(`./gpu_mnist.js${suffix}`));
  await core.default();
  core.reportPanics((/** @type {string} */ text) => fail(text));
  return new core.Trainer();
}

/** @param {ErrorEvent | PromiseRejectionEvent} event */
function fault(event) {
  event.preventDefault();
  fail(lineOf("reason" in event ? event.reason : event.error ?? event.message));
}

/**
 * Answers what is being done with a panic's message, and has the next request begin anew.
 * @param {string} reason
 */
function fail(reason) {
  trainer = null;
  if (busy) {
    const error = `a defect of the program: ${oneLine(reason)}; open the device and load the data again`;
    scope.postMessage({ id: busy.id, ok: false, error, lost: true });
  }
  busy = null;
}

/**
 * @param {Request} request
 * @param {object} body
 * @param {Transferable[]} [transfer]
 */
function answer(request, body, transfer = []) {
  scope.postMessage({ ...body, id: request.id, ok: true }, transfer);
}

/**
 * @param {Request} request
 * @param {string} error
 */
function refuse(request, error) {
  scope.postMessage({ id: request.id, ok: false, error });
}

/** @param {unknown} error */
function lineOf(error) {
  return oneLine(error instanceof Error ? error.message : String(error));
}

/** @param {string} text */
function oneLine(text) {
  return text.split(/\s+/).filter((word) => word !== "").join(" ");
}

export {};
