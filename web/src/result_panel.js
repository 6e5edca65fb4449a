/** @file What came out: the answer in the headline, the heat map with its images, the tables. */

/** @import { Engine } from "./engine.js" */
/** @import { Averages, ClassStatistics, Evaluation } from "./protocol.js" */

import { answer, mistakes } from "./confusions.js";
import { byId, element, reason } from "./dom.js";
import { counted, grouped, percent } from "./format.js";
import { drawHeatMap, selectCell } from "./heat_map.js";
import { picture } from "./pictures.js";

/** Images shown behind a cell, and confusions listed. */
const PICTURES_SHOWN = 24;
const MISTAKES_SHOWN = 6;
/** Bars are so many hundredths of the line's width and no more: the numbers stand beside them. */
const LONGEST_BAR = 100;

const headline = byId("headline", HTMLHeadingElement);
const verdict = byId("answer", HTMLParagraphElement);
const about = byId("about", HTMLParagraphElement);
const table = byId("confusion", HTMLTableElement);
const soFar = byId("result-note", HTMLParagraphElement);
const greeting = { headline: headline.textContent ?? "", answer: verdict.textContent ?? "", title: document.title };

/** Counts the cells asked for: only the newest answer is shown. */
let asked = 0;

/** Takes the results of an earlier network away. */
export function clearResult() {
  asked++;
  headline.textContent = greeting.headline;
  verdict.textContent = greeting.answer;
  document.title = greeting.title;
  about.textContent = "";
  byId("result", HTMLElement).hidden = true;
  byId("statistics", HTMLElement).hidden = true;
}

/**
 * The heat map while the training goes on, of the images that judge each epoch.
 * @param {number[][]} confusion
 * @param {string[]} names
 * @param {number} epoch
 */
export function showSoFar(confusion, names, epoch) {
  const total = confusion.flat().reduce((sum, count) => sum + count, 0);
  soFar.textContent = `So far, after epoch ${epoch}: ${grouped(total)} validation images. The test images come once, at the end.`;
  soFar.hidden = false;
  const explain = (/** @type {number} */ actual, /** @type {number} */ predicted) =>
    showEmptyCell(actual, predicted, confusion, names, "Images are shown once the training has ended.");
  drawHeatMap(table, confusion, names, explain);
  showMistakes(confusion, names, explain);
  byId("cell-title", HTMLHeadingElement).textContent = "";
  byId("cell-pictures", HTMLOListElement).replaceChildren();
  byId("cell-note", HTMLParagraphElement).textContent = "";
  byId("result", HTMLElement).hidden = false;
}

/**
 * @param {Evaluation} evaluation
 * @param {string} origin Which network on which data, in a line.
 * @param {Engine} engine Asked for the images behind a cell.
 */
export function showResult(evaluation, origin, engine) {
  const names = evaluation.classes.map((each) => each.label);
  const { most, rest } = answer(evaluation);
  headline.textContent = `${percent(evaluation.accuracy)} of ${grouped(evaluation.total)} test images right`;
  verdict.replaceChildren(element("strong", {}, most), rest);
  about.textContent = origin;
  document.title = `${percent(evaluation.accuracy)} right${most && `; ${most} confused most`}: gpu-mnist`;

  const show = (/** @type {number} */ actual, /** @type {number} */ predicted) =>
    showCell(actual, predicted, evaluation, names, engine);
  soFar.hidden = true;
  drawHeatMap(table, evaluation.confusion, names, show);
  showMistakes(evaluation.confusion, names, show);
  byId("classes", HTMLTableElement).replaceChildren(...classTable(evaluation));
  showFirst(evaluation, names);
  byId("result", HTMLElement).hidden = false;
  byId("statistics", HTMLElement).hidden = false;

  const first = mistakes(evaluation.confusion)[0] ?? { label: 0, predicted: 0 };
  selectCell(table, first.label, first.predicted);
  show(first.label, first.predicted);
}

/**
 * @param {number} actual
 * @param {number} predicted
 * @param {Evaluation} evaluation
 * @param {string[]} names
 * @param {Engine} engine
 */
async function showCell(actual, predicted, evaluation, names, engine) {
  const request = ++asked;
  const list = byId("cell-pictures", HTMLOListElement);
  const note = byId("cell-note", HTMLParagraphElement);
  const count = evaluation.confusion[actual]?.[predicted] ?? 0;
  if (count === 0) {
    const nothing = "No test image is there: choose a cell with a number.";
    return showEmptyCell(actual, predicted, evaluation.confusion, names, nothing);
  }
  byId("cell-title", HTMLHeadingElement).textContent = cellTitle(actual, predicted, count, names);
  note.textContent = "";
  try {
    const cell = await engine.ask("cell", { actual, predicted, limit: PICTURES_SHOWN });
    if (request !== asked) return;
    const items = cell.pictures.map(({ index, pixels, probabilities }) => {
      const sure = percent(probabilities[predicted], 1);
      const label = `test image ${index}: ${names[actual]} read as ${names[predicted]}, ${sure} sure`;
      return element("li", { title: label }, picture(pixels, cell.shape, label), element("small", {}, sure));
    });
    list.replaceChildren(...items);
    note.textContent =
      cell.total > items.length
        ? `The first ${items.length} of ${grouped(cell.total)}, with how sure the network was.`
        : "With how sure the network was.";
  } catch (error) {
    if (request !== asked) return;
    list.replaceChildren();
    note.textContent = `Its images could not be shown: ${reason(error)}`;
  }
}

/**
 * @param {number} actual
 * @param {number} predicted
 * @param {number[][]} confusion
 * @param {string[]} names
 * @param {string} why There are no images.
 */
function showEmptyCell(actual, predicted, confusion, names, why) {
  const count = confusion[actual]?.[predicted] ?? 0;
  byId("cell-title", HTMLHeadingElement).textContent = cellTitle(actual, predicted, count, names);
  byId("cell-pictures", HTMLOListElement).replaceChildren();
  byId("cell-note", HTMLParagraphElement).textContent = why;
}

/**
 * @param {number} actual
 * @param {number} predicted
 * @param {number} count
 * @param {string[]} names
 */
function cellTitle(actual, predicted, count, names) {
  return `${names[actual]} read as ${names[predicted]}: ${counted(count, "image", "images")}`;
}

/**
 * @param {number[][]} confusion
 * @param {string[]} names
 * @param {(actual: number, predicted: number) => void} show
 */
function showMistakes(confusion, names, show) {
  const found = mistakes(confusion).slice(0, MISTAKES_SHOWN);
  const most = found[0]?.count ?? 1;
  const lines = found.flatMap(({ label, predicted, count }) => {
    const name = element("button", { type: "button", class: "link" }, `${names[label]} read as ${names[predicted]}`);
    name.addEventListener("click", () => {
      selectCell(table, label, predicted);
      show(label, predicted);
    });
    const bar = element("span", { class: "bar missed" });
    bar.style.width = `${(count / most) * LONGEST_BAR}%`;
    return [name, bar, element("span", {}, grouped(count))];
  });
  byId("mistakes", HTMLDivElement).replaceChildren(...(lines.length > 0 ? lines : ["None."]));
}

/** @param {Evaluation} evaluation */
function classTable(evaluation) {
  const names = ["Class", "Images", "TP", "TN", "FP", "FN", "Precision", "Specificity", "F1", "Accuracy", "Recall"];
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
  const rows = [
    ...evaluation.classes.map(classRow),
    averageRow("macro mean", evaluation.macro),
    averageRow("weighted mean", evaluation.weighted),
  ];
  return [element("thead", {}, head), element("tbody", {}, ...rows)];
}

/** @param {ClassStatistics} each */
function classRow(each) {
  const counts = [each.support, each.tp, each.tn, each.fp, each.fn].map(grouped);
  const shares = [each.precision, each.specificity, each.f1, each.accuracy, each.recall];
  return row(each.label, [...counts, ...shares.map((share) => percent(share))]);
}

/**
 * @param {string} name
 * @param {Averages} mean
 */
function averageRow(name, mean) {
  const shares = [percent(mean.precision), "", percent(mean.f1), "", percent(mean.recall)];
  return row(name, ["", "", "", "", "", ...shares]);
}

/**
 * @param {string} name
 * @param {string[]} cells
 */
function row(name, cells) {
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, name),
    ...cells.map((cell) => element("td", {}, cell)),
  );
}

/**
 * @param {Evaluation} evaluation
 * @param {string[]} names
 */
function showFirst({ first }, names) {
  const place = byId("first", HTMLDivElement);
  const long = names.some((name) => name.length > 3);
  const pairs = first.actual.map((actual, index) => {
    const predicted = first.predicted[index] ?? actual;
    const [read, truth] = [names[predicted] ?? "", names[actual] ?? ""];
    const right = predicted === actual;
    const label = `image ${index}: read as ${read}, is ${truth}${right ? "" : ", wrong"}`;
    return element(
      "li",
      { class: right ? "" : "wrong", "aria-label": label },
      element("span", {}, read),
      element("small", {}, truth),
    );
  });
  byId("first-count", HTMLElement).textContent = String(pairs.length);
  place.replaceChildren(
    element("p", { class: "soft" }, "Above what was read, below what it is; mistakes are marked."),
    element("ol", { class: long ? "first long" : "first" }, ...pairs),
  );
}
