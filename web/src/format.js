/** @file Numbers as the native program prints them. */

/**
 * A share as percent; `n/a` where there is none.
 * @param {number | null | undefined} share
 * @param {number} [digits]
 */
export function percent(share, digits = 2) {
  return isNumber(share) ? `${(share * 100).toFixed(digits)} %` : "n/a";
}

/**
 * @param {number | null | undefined} value
 * @param {number} digits
 */
export function decimals(value, digits) {
  return isNumber(value) ? value.toFixed(digits) : "n/a";
}

/**
 * A whole number with thin gaps between its thousands.
 * @param {number | null | undefined} value
 */
export function grouped(value) {
  return isNumber(value) ? value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, "\u202f") : "n/a";
}

/** @param {number} seconds */
export function duration(seconds) {
  if (!isNumber(seconds)) return "n/a";
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} many
 */
export function counted(count, one, many) {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/**
 * @param {number | null | undefined} value
 * @returns {value is number}
 */
function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}
