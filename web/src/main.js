/** @file Joins the panels: what may happen when, and who learns of it. */

/** @import { Evaluation, TrainingEvent } from "./protocol.js" */

import { forgetData, heldName, loadData, startData, takeChoice } from "./data_panel.js";
import { byId, reason, say, Told } from "./dom.js";
import { disableDrawing, enableDrawing, readPhoto, startDrawing } from "./drawing_panel.js";
import { startDropping } from "./drop_files.js";
import { Engine } from "./engine.js";
import { decimals, grouped } from "./format.js";
import { isImageName } from "./image_files.js";
import { droppedFiles } from "./own_images.js";
import { clearResult, showResult, showSoFar } from "./result_panel.js";
import { showOpened, startSettings, wantedDevice, wantedTraining } from "./settings_panel.js";
import { unsupported } from "./support.js";
import { beginTraining, endTraining, showState, takeEvent } from "./training_panel.js";
import { enableWeights, loadWeights, startWeights } from "./weights_panel.js";

const start = byId("start", HTMLButtonElement);
const pause = byId("pause", HTMLButtonElement);
const stop = byId("stop", HTMLButtonElement);
const choices = byId("choices", HTMLFieldSetElement);
const setup = byId("setup", HTMLFormElement);
const message = byId("setup-message", HTMLParagraphElement);

/** What the worker does now; only one thing at a time is asked of it. */
/** @type {"idle" | "busy" | "training" | "paused" | "ending"} */
let phase = "busy";
/** Device and kernels that are open, as text; empty: none. */
let opened = "";
let deviceName = "";
/** Of the data that is being trained on. */
/** @type {string[]} */
let classNames = [];
/** The network that can be asked, and where it comes from, for the line below the headline. */
/** @type {{origin: string, classNames: string[]} | null} */
let network = null;
let cancel = new AbortController();

const fault = unsupported();
if (fault) {
  say(byId("fatal", HTMLParagraphElement), fault, "error");
  byId("layout", HTMLDivElement).hidden = true;
} else {
  run(new Engine(take, forgetAll));
}

/** @param {TrainingEvent} event */
function take(event) {
  takeEvent(event);
  if (event.type === "epoch" && event.validConfusion) {
    showSoFar(event.validConfusion, classNames, event.epoch);
  }
}

/** @param {Engine} engine */
function run(engine) {
  startDrawing(engine);
  startData(() => void loadAlone(engine));
  startWeights(engine, (file) => void takeWeights(engine, file));
  // With a network at hand another device waits for the next start: opening it drops the network.
  startSettings(() => {
    if (!network) void whileBusy(() => open(engine));
    else if (nameOf(wantedDevice()) === opened) say(message, "");
    else say(message, "The other device is opened at the next start, which drops this network.");
  });
  startDropping(
    () => phase === "idle",
    (dropped) => {
      const weights = [...dropped.files].find((file) => file.name.endsWith(".safetensors"));
      const [photo, ...others] = dropped.files;
      if (weights) void takeWeights(engine, weights);
      // One image is to be read; more are a set to learn from.
      else if (photo && others.length === 0 && isImageName(photo.name)) void readPhoto(photo);
      else void takeDropped(engine, dropped);
    },
  );
  setup.addEventListener("submit", (event) => {
    event.preventDefault();
    void train(engine);
  });
  pause.addEventListener("click", () => void togglePause(engine));
  stop.addEventListener("click", () => void stopTraining(engine));
  void whileBusy(() => open(engine));
}

/** @param {{device: string, kernels: string}} wanted */
function nameOf({ device, kernels }) {
  return `${device} ${kernels}`;
}

/**
 * Opens the chosen device unless it is open already.
 * @param {Engine} engine
 */
async function open(engine) {
  const wanted = wantedDevice();
  const name = nameOf(wanted);
  if (name === opened) return;
  network = null;
  clearResult();
  disableDrawing();
  opened = "";
  byId("adapter", HTMLElement).textContent = "opening a device…";
  try {
    const answer = await engine.ask("open", wanted);
    showOpened(answer);
    deviceName = answer.device.name;
    opened = name;
  } catch (error) {
    byId("adapter", HTMLElement).textContent = "none";
    throw error;
  }
}

/** @param {Engine} engine */
async function train(engine) {
  if (phase !== "idle") return;
  const focused = setup.contains(document.activeElement);
  cancel = new AbortController();
  await whileBusy(async () => {
    const wanted = wantedTraining();
    let begun = false;
    try {
      await open(engine);
      showStop(true);
      if (focused) stop.focus({ preventScroll: true });
      const data = await loadData(engine, cancel.signal);
      classNames = data.classNames;
      clearResult();
      disableDrawing("Training: draw once it has ended.");
      beginTraining(byId("epochs", HTMLInputElement).valueAsNumber);
      showState("Starting: the first step waits for the kernels to be compiled.");
      bring("training");
      setPhase("training");
      begun = true;
      const { result, interrupted, note } = await engine.ask("train", wanted);
      endTraining(interrupted ? byId("progress", HTMLProgressElement).value : 1);
      const speed = `${decimals(result.train_seconds, 1)} s, ${grouped(result.images_per_second)} images a second`;
      showState(`${interrupted ? "Stopped" : "Done"} after ${grouped(result.steps)} steps in ${speed}.`);
      const how = (result.replayed ? ", steps replayed" : "") + (interrupted ? ", stopped early" : "");
      const origin = `${data.name} · ${grouped(result.parameters)} parameters · trained on ${deviceName} in ${decimals(result.train_seconds, 1)} s${how}`;
      say(message, note ?? "", "warning");
      network = { origin, classNames };
      if (result.evaluation) {
        showResult(result.evaluation, origin, engine);
        bring("top");
      }
    } catch (error) {
      const called = cancel.signal.aborted && !begun;
      showState(called ? "Stopped before it began." : "Not trained.");
      endTraining(0);
      if (!called) throw error;
    } finally {
      showStop(false);
      // A training that failed leaves the network of before.
      if (network) enableDrawing(network.classNames);
      else disableDrawing();
    }
  });
  if (focused && document.activeElement === document.body) start.focus({ preventScroll: true });
}

/**
 * @param {Engine} engine
 * @param {DataTransfer} dropped
 */
async function takeDropped(engine, dropped) {
  let taken = false;
  // The entries are asked for at once; a large folder takes a while to be walked through.
  await whileBusy(async () => {
    taken = takeChoice(await droppedFiles(dropped));
  });
  if (taken) await loadAlone(engine);
}

/** @param {Engine} engine */
async function loadAlone(engine) {
  if (phase !== "idle") return;
  cancel = new AbortController();
  await whileBusy(async () => {
    showStop(true);
    try {
      const { fresh } = await loadData(engine, cancel.signal);
      if (fresh && network) await evaluateAgain(engine, network.origin);
    } finally {
      showStop(false);
    }
  });
}

/**
 * @param {Engine} engine
 * @param {File} file
 */
async function takeWeights(engine, file) {
  if (phase !== "idle") return;
  await whileBusy(async () => {
    await open(engine);
    const loaded = await loadWeights(engine, file);
    showState(`The weights of ${file.name} are loaded.`);
    showLoaded(engine, `Loaded from ${file.name}`, loaded);
  });
}

/**
 * Puts the test images that were just loaded through the network at hand, as loading it would.
 * @param {Engine} engine
 * @param {string} origin
 */
async function evaluateAgain(engine, origin) {
  const { bytes } = await engine.ask("saveWeights", {});
  showLoaded(engine, origin, await engine.ask("loadWeights", { bytes }, [bytes]));
}

/**
 * @param {Engine} engine
 * @param {string} origin
 * @param {{classNames: string[], evaluation: Evaluation | null}} loaded
 */
function showLoaded(engine, origin, { classNames, evaluation }) {
  network = { origin, classNames };
  clearResult();
  enableDrawing(classNames);
  if (evaluation) showResult(evaluation, `${origin} · evaluated on ${heldName()}, on ${deviceName}`, engine);
}

/** @param {Engine} engine */
async function togglePause(engine) {
  const [type, next] = phase === "paused" ? /** @type {const} */ (["resume", "training"]) : /** @type {const} */ (["pause", "paused"]);
  try {
    await engine.ask(type, {});
    if (phase !== "training" && phase !== "paused") return;
    setPhase(next);
    showState(next === "paused" ? "Paused." : "Training.");
  } catch (error) {
    say(message, reason(error), "error");
  }
}

/** @param {Engine} engine */
async function stopTraining(engine) {
  cancel.abort();
  if (phase !== "training" && phase !== "paused") return;
  setPhase("ending");
  showState("Stopping: what is trained so far is evaluated.");
  try {
    await engine.ask("stop", {});
  } catch (error) {
    say(message, reason(error), "error");
  }
}

/**
 * Does one thing while nothing else can be begun, and says what went wrong.
 * @param {() => Promise<void>} work
 */
async function whileBusy(work) {
  say(message, "");
  setPhase("busy");
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Told)) say(message, reason(error), "error");
  } finally {
    setPhase("idle");
  }
}

/** The worker begins anew: the next start opens the device and loads the data again. */
function forgetAll() {
  opened = "";
  network = null;
  forgetData();
  disableDrawing();
}

/** @param {typeof phase} next */
function setPhase(next) {
  phase = next;
  const idle = phase === "idle";
  choices.disabled = !idle;
  start.disabled = !idle;
  pause.hidden = phase !== "training" && phase !== "paused";
  pause.textContent = phase === "paused" ? "Resume" : "Pause";
  stop.disabled = phase === "ending";
  document.body.classList.toggle("training", !stop.hidden);
  enableWeights({ save: idle && network !== null, load: idle });
}

/** @param {boolean} shown */
function showStop(shown) {
  stop.hidden = !shown;
  start.hidden = shown;
  document.body.classList.toggle("training", shown);
}

/**
 * On a narrow screen, where the form fills it, brings a part of the page into view.
 * @param {string} id
 */
function bring(id) {
  if (matchMedia("(min-width: 900px)").matches) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  byId(id, HTMLElement).scrollIntoView({ behavior: calm ? "auto" : "smooth" });
}
