/** @file Which classes are confused: counts of a confusion matrix put into order and into words. */

/** @import { Evaluation } from "./protocol.js" */

/** @typedef {{label: number, predicted: number, count: number}} Mistake */
/** @typedef {{first: number, second: number, count: number}} Pair */

/**
 * Cells off the diagonal that hold images, the fullest first.
 * @param {number[][]} confusion
 * @returns {Mistake[]}
 */
export function mistakes(confusion) {
  return confusion
    .flatMap((row, label) => row.map((count, predicted) => ({ label, predicted, count })))
    .filter(({ label, predicted, count }) => label !== predicted && count > 0)
    .sort((a, b) => b.count - a.count || a.label - b.label);
}

/**
 * Two classes confused in either direction, the most often first.
 * @param {number[][]} confusion
 * @returns {Pair[]}
 */
export function pairs(confusion) {
  /** @type {Map<string, Pair>} */
  const found = new Map();
  for (const { label, predicted, count } of mistakes(confusion)) {
    const [first, second] = [Math.min(label, predicted), Math.max(label, predicted)];
    const pair = found.get(`${first} ${second}`) ?? { first, second, count: 0 };
    found.set(`${first} ${second}`, { ...pair, count: pair.count + count });
  }
  return [...found.values()].sort((a, b) => b.count - a.count || a.first - b.first);
}

/**
 * The answer to "what does it confuse?": the pair in question, and the rest of the sentence.
 * @param {Evaluation} evaluation
 * @returns {{most: string, rest: string}} `most` is empty when nothing was read wrong.
 */
export function answer(evaluation) {
  const name = (/** @type {number} */ place) => evaluation.classes[place]?.label ?? String(place);
  const [most, ...others] = pairs(evaluation.confusion);
  if (!most) return { most: "", rest: "Not one was read wrong." };
  const wrong = evaluation.total - evaluation.correct;
  const then = others
    .slice(0, 2)
    .map((pair) => `${name(pair.first)} and ${name(pair.second)} (${pair.count})`)
    .join(", ");
  return {
    most: `${name(most.first)} and ${name(most.second)}`,
    rest: ` are confused most: ${most.count} of ${wrong} mistakes${then && `; then ${then}`}.`,
  };
}

/** Shades of mistakes; 0 is no mistake. */
const LEVELS = 6;

/**
 * The shade of a count; the square root tells few mistakes apart as well as many.
 * @param {number} count
 * @param {number} most
 */
export function level(count, most) {
  return most > 0 ? Math.ceil(Math.sqrt(count / most) * LEVELS) : 0;
}
