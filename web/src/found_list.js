/** @file What was found in the visitor's own images: classes, size, colour, and what was left out. */

/** @import { Found } from "./own_set.js" */

import { byId, element } from "./dom.js";
import { counted, grouped } from "./format.js";

const box = byId("found", HTMLDivElement);
/** Of more classes only the least and the most are said. */
const SHOWN = 20;

/** @param {Found} found */
export function showFound({ summary, classes, notes, broken }) {
  const lines = notes.map((note) => element("li", {}, note));
  const parts = [element("p", {}, element("strong", {}, summary)), ...classLines(classes)];
  if (broken) {
    const more = Number(/^\d+/.exec(broken.text)?.[0] ?? 0) - broken.named.length;
    const names = broken.named.map((name) => element("li", {}, name));
    if (more > 0) names.push(element("li", {}, `and ${more} more`));
    lines.push(element("li", { class: "left-out" }, broken.text, element("ul", {}, ...names)));
  }
  if (lines.length > 0) parts.push(element("ul", {}, ...lines));
  box.replaceChildren(...parts);
  box.hidden = false;
}

export function hideFound() {
  box.hidden = true;
}

/** @param {Found["classes"]} classes */
function classLines(classes) {
  if (classes.length > SHOWN) {
    const counts = classes.map(({ train }) => train);
    return [element("p", {}, `${grouped(Math.min(...counts))} to ${counted(Math.max(...counts), "image", "images")} to train on each`)];
  }
  const tested = classes.some(({ test }) => test > 0);
  const cells = classes.flatMap(({ name, train, test }) => [
    element("dt", {}, name),
    element("dd", {}, tested ? `${grouped(train)}, ${grouped(test)} to test` : grouped(train)),
  ]);
  return [element("dl", {}, ...cells)];
}
