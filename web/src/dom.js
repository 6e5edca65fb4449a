/** @file Small helpers over the document. */

/**
 * The element with this id; a missing or wrong one is a defect of the page.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/**
 * A new element with attributes and children; an attribute of `false` is left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {{[name: string]: string | number | boolean}} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  assign(made, attributes);
  made.append(...children);
  return made;
}

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {{[name: string]: string | number | boolean}} [attributes]
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  assign(made, attributes);
  made.append(...children);
  return made;
}

/**
 * The line below a panel's controls that says what happened there. Errors are announced at once.
 * @param {HTMLElement} line
 * @param {string} text Empty: nothing to say.
 * @param {"plain" | "warning" | "error"} [kind]
 */
export function say(line, text, kind = "plain") {
  line.setAttribute("role", kind === "error" ? "alert" : "status");
  line.className = `message ${kind}`;
  line.textContent = text;
  line.hidden = text === "";
}

/** A failure that its own panel has put into words already. */
export class Told extends Error {}

/**
 * One line of whatever was thrown.
 * @param {unknown} error
 */
export function reason(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * @param {Element} made
 * @param {{[name: string]: string | number | boolean}} attributes
 */
function assign(made, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
}
