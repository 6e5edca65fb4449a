/** @file Files dropped anywhere on the page. */

import { byId } from "./dom.js";

/**
 * @param {() => boolean} ready Whether files can be taken now.
 * @param {(dropped: DataTransfer) => void} onFiles Called while the event is handled, after which nothing is there.
 */
export function startDropping(ready, onFiles) {
  const shade = byId("dropping", HTMLDivElement);
  const carriesFiles = (/** @type {DragEvent} */ event) =>
    event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    shade.hidden = !ready();
    if (event.dataTransfer) event.dataTransfer.dropEffect = ready() ? "copy" : "none";
  });
  addEventListener("dragleave", (event) => {
    // Only leaving the window has no element that is entered.
    if (event.relatedTarget === null) shade.hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    // Otherwise the browser would leave the page to show the file.
    event.preventDefault();
    shade.hidden = true;
    if (ready() && event.dataTransfer) onFiles(event.dataTransfer);
  });
}
