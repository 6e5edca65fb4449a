/** @file The confusion matrix as a heat map: a grid that mouse and arrow keys walk through. */

import { level, mistakes } from "./confusions.js";
import { element } from "./dom.js";
import { counted } from "./format.js";

/** Longer names than this stand upright above their columns. */
const LONGEST_FLAT_NAME = 3;

/**
 * Fills `table` with the counts; `onCell` is called with the class that is true and the one read.
 * @param {HTMLTableElement} table
 * @param {number[][]} confusion Rows are the labels, columns the prediction.
 * @param {string[]} names
 * @param {(actual: number, predicted: number) => void} onCell
 */
export function drawHeatMap(table, confusion, names, onCell) {
  const most = mistakes(confusion)[0]?.count ?? 0;
  const upright = names.some((name) => name.length > LONGEST_FLAT_NAME);
  table.className = upright ? "confusion upright" : "confusion";
  table.setAttribute("role", "grid");

  const columns = names.map((name) => element("th", { scope: "col" }, element("span", {}, name)));
  const head = element(
    "thead",
    {},
    element("tr", {}, element("td"), element("th", { colspan: names.length, class: "axis" }, "read as")),
    element("tr", {}, element("th", { class: "axis" }, "label"), ...columns),
  );
  const cells = confusion.map((row, actual) =>
    row.map((count, predicted) => cell(count, actual, predicted, most, names)),
  );
  const rows = cells.map((row, actual) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, names[actual] ?? String(actual)),
      ...row.map((button) => element("td", {}, button)),
    ),
  );
  const kept = focusedCell(table);
  table.replaceChildren(head, element("tbody", {}, ...rows));

  cells.forEach((row, actual) =>
    row.forEach((button, predicted) => {
      button.addEventListener("click", () => {
        select(table, button);
        onCell(actual, predicted);
      });
      button.addEventListener("keydown", (event) => {
        const next = neighbour(cells, actual, predicted, event);
        if (!next) return;
        event.preventDefault();
        makeReachable(table, next);
        next.focus();
      });
    }),
  );
  const first = cells[kept?.actual ?? 0]?.[kept?.predicted ?? 0];
  if (first) makeReachable(table, first);
  // A map that is drawn anew under the fingers keeps its place.
  if (kept) first?.focus({ preventScroll: true });
}

/** @param {HTMLTableElement} table */
function focusedCell(table) {
  const focused = document.activeElement;
  if (!(focused instanceof HTMLElement) || !table.contains(focused)) return null;
  return { actual: Number(focused.dataset["actual"]), predicted: Number(focused.dataset["predicted"]) };
}

/**
 * Marks the cell of these classes as the one that is shown, without moving the focus.
 * @param {HTMLTableElement} table
 * @param {number} actual
 * @param {number} predicted
 */
export function selectCell(table, actual, predicted) {
  const button = table.querySelector(`[data-actual="${actual}"][data-predicted="${predicted}"]`);
  if (button instanceof HTMLButtonElement) select(table, button);
}

/**
 * @param {HTMLTableElement} table
 * @param {HTMLButtonElement} button
 */
function select(table, button) {
  for (const other of table.querySelectorAll("[aria-pressed=true]")) {
    other.setAttribute("aria-pressed", "false");
  }
  button.setAttribute("aria-pressed", "true");
  makeReachable(table, button);
}

/**
 * One cell at a time is a stop of the tab key; arrow keys move it.
 * @param {HTMLTableElement} table
 * @param {HTMLButtonElement} button
 */
function makeReachable(table, button) {
  for (const other of table.querySelectorAll("button[tabindex='0']")) {
    other.setAttribute("tabindex", "-1");
  }
  button.setAttribute("tabindex", "0");
}

/**
 * @param {HTMLButtonElement[][]} cells
 * @param {number} row
 * @param {number} column
 * @param {KeyboardEvent} event
 * @returns {HTMLButtonElement | undefined}
 */
function neighbour(cells, row, column, { key, ctrlKey }) {
  const last = cells.length - 1;
  switch (key) {
    case "ArrowUp":
      return cells[row - 1]?.[column];
    case "ArrowDown":
      return cells[row + 1]?.[column];
    case "ArrowLeft":
      return cells[row]?.[column - 1];
    case "ArrowRight":
      return cells[row]?.[column + 1];
    case "Home":
      return cells[ctrlKey ? 0 : row]?.[0];
    case "End":
      return cells[ctrlKey ? last : row]?.[last];
    default:
      return undefined;
  }
}

/**
 * @param {number} count
 * @param {number} actual
 * @param {number} predicted
 * @param {number} most
 * @param {string[]} names
 */
function cell(count, actual, predicted, most, names) {
  const label = `${names[actual]} read as ${names[predicted]}: ${counted(count, "image", "images")}`;
  const kind = actual === predicted ? "right" : `wrong${level(count, most)}`;
  return element(
    "button",
    {
      type: "button",
      class: kind,
      title: label,
      tabindex: -1,
      "aria-label": label,
      "aria-pressed": "false",
      "data-actual": actual,
      "data-predicted": predicted,
    },
    count > 0 ? String(count) : "",
  );
}
