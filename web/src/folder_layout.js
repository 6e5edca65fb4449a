/**
 * @file Which files of a folder are of which class and which split, by the folders they lie in: the
 * rules of docs/data.md, as src/data/formats/images/layout.rs has them.
 */

import { counted } from "./format.js";

/** @typedef {"train" | "valid" | "test"} Part */
/** @typedef {{file: number, part: Part, className: string}} Listed */
/**
 * @typedef {object} Layout
 * @property {Listed[]} listed Of each split the classes in turn, in the command's order.
 * @property {string[]} notes
 */

/** @type {{[name: string]: Part}} */
const PARTS = {
  train: "train", training: "train",
  val: "valid", valid: "valid", validation: "valid", dev: "valid", eval: "valid", evaluation: "valid",
  test: "test", testing: "test", tests: "test",
};
const ORDER = { train: 0, valid: 1, test: 2 };
/** What systems leave beside files, in lower case. */
const LITTER = ["thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db"];
/** So many names are shown. */
const SHOWN = 10;

/**
 * Whether a file or folder is looked at: none that is hidden, nor what systems leave.
 * @param {string} path
 */
export function kept(path) {
  const litter = (/** @type {string} */ name) => name.startsWith(".") || LITTER.includes(name.toLowerCase());
  return path !== "" && !path.split("/").some(litter);
}

/**
 * @param {string[]} files Paths.
 * @param {string[]} folders Paths of folders, those without files too.
 * @returns {Layout}
 * @throws {Error} Where there are images, but none to train on.
 */
export function layoutOf(files, folders) {
  const whole = files.map((path) => path.split("/"));
  const above = common(whole);
  const paths = whole.map((path) => path.slice(above));
  const tops = new Set(folders.map((folder) => folder.split("/")[above]).filter((name) => name !== undefined));
  for (const path of paths) if (path.length > 1) tops.add(path[0]);
  const parts = [...tops].map(partOf).filter((part) => part !== undefined);
  const hasClasses = (/** @type {Part} */ wanted) => paths.some((path) => path.length > 2 && partOf(path[0]) === wanted);
  // A folder of a class may itself be called train.
  const beside = parts.some((part) => part !== "train");
  const inParts = hasClasses("train") && (beside || tops.size === 1 || holdsOnlyFolders(paths));
  if (!inParts && areAllParts(tops, parts)) {
    const names = [...tops].sort().map((name) => `${name}/`).join(", ");
    throw new Error(`${names} but no train/ with a folder for each class. Put the images to train on below train/, in a folder for each class.`);
  }
  const tests = hasClasses("test");
  const nested = nestedIn(tops, paths);
  /** @type {Listed[]} */
  const listed = [];
  let [unlabelled, outside] = [0, 0];
  paths.forEach((path, file) => {
    const found = inParts ? partOf(path[0]) : "train";
    if (!found) return outside++;
    const below = inParts ? path.slice(nested.has(path[0]) ? 2 : 1) : path;
    if (below.length < 2) return unlabelled++;
    // Without others, these are the images that judge.
    listed.push({ file, part: found === "valid" && !tests ? "test" : found, className: below[0] });
  });
  const notes = emptyFolders(folders, listed, above, inParts, nested);
  if (inParts && !tests && parts.includes("valid")) {
    notes.push("no test/ with folders of classes: the images of the validation folder test");
  }
  if (inParts && tests && listed.some(({ part }) => part === "valid")) {
    notes.push("images of the validation folder are left out: this page draws validation images from those to train on");
  }
  if (unlabelled > 0) notes.push(`in no folder of a class, and so left out: ${counted(unlabelled, "file", "files")}`);
  if (outside > 0) notes.push(`beside train/ and test/, and so left out: ${counted(outside, "file", "files")}`);
  return { listed: inTurn(listed.filter(({ part }) => part !== "valid"), files), notes };
}

/**
 * Numbers in names by their value, 2 before 10; names that differ are never equal.
 * @param {string} a
 * @param {string} b
 */
export function asPeopleCount(a, b) {
  const [left, right] = [pieces(a), pieces(b)];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const order = comparePieces(left[at], right[at]);
    if (order !== 0) return order;
  }
  return left.length - right.length || compareText(a, b);
}

/**
 * The first of many names.
 * @param {string[]} names
 */
export function some(names) {
  if (names.length <= SHOWN) return names.join(", ");
  return `${names.slice(0, SHOWN).join(", ")} and ${names.length - SHOWN} more`;
}

/**
 * Whether what is called as a folder to train on holds several folders, and no files of its own as that of a class does.
 * @param {string[][]} paths
 */
function holdsOnlyFolders(paths) {
  const trained = paths.filter((path) => partOf(path[0]) === "train");
  const folders = new Set(trained.filter((path) => path.length > 2).map((path) => path[1]));
  return folders.size > 1 && trained.every((path) => path.length !== 2);
}

/**
 * Whether all folders at the top are splits by their names; those of classes may have such a word among others.
 * @param {Set<string>} tops
 * @param {(Part | undefined)[]} parts
 */
function areAllParts(tops, parts) {
  const differ = parts.includes("train") && parts.some((part) => part !== "train");
  return tops.size > 0 && parts.length === tops.size && (differ || [...tops].every((name) => exactPart(name)));
}

/**
 * Splits that lie in a folder of their own name once more, such as `seg_train/seg_train/`.
 * @param {Set<string>} tops
 * @param {string[][]} paths
 */
function nestedIn(tops, paths) {
  return new Set([...tops].filter((top) => {
    const below = paths.filter((path) => path.length > 2 && path[0] === top);
    const again = (/** @type {string[]} */ path) => path.length > 3 && partOf(path[1]) === partOf(top);
    return partOf(top) !== undefined && below.length > 0 && below.every(again);
  }));
}

/**
 * What a folder is for by its name: a known word, alone or joined with others (`seg_train`, `test set`).
 * @param {string} name
 */
function partOf(name) {
  const parts = name.split(/[_\- ]/).map(exactPart).filter((part) => part !== undefined);
  // `train_val` is neither.
  return parts.every((part) => part === parts[0]) ? parts[0] : undefined;
}

/** @param {string} name */
function exactPart(name) {
  const lower = name.toLowerCase();
  return Object.hasOwn(PARTS, lower) ? PARTS[lower] : undefined;
}

/**
 * How many folders stand above all that differs: an archive is often of one folder.
 * @param {string[][]} paths
 */
function common(paths) {
  let above = 0;
  for (;;) {
    const name = paths[0]?.[above];
    // `test data/` that holds all may be what somebody calls the set.
    if (name === undefined || partOf(name) === "train" || exactPart(name)) return above;
    if (!paths.every((path) => path.length > above + 2 && path[above] === name)) return above;
    above++;
  }
}

/**
 * Which folders of classes have no file at all.
 * @param {string[]} folders
 * @param {Listed[]} listed
 * @param {number} above
 * @param {boolean} inParts
 * @param {Set<string>} nested
 */
function emptyFolders(folders, listed, above, inParts, nested) {
  const depth = (/** @type {string[]} */ parts) => above + (inParts ? (nested.has(parts[above]) ? 2 : 1) : 0);
  const used = new Set(listed.map(({ className }) => className));
  const empty = folders
    .map((folder) => folder.split("/"))
    .filter((parts) => parts.length === depth(parts) + 1 && (!inParts || partOf(parts[above])))
    .map((parts) => parts[depth(parts)])
    .filter((name) => !used.has(name));
  const names = [...new Set(empty)].sort(asPeopleCount);
  return names.length > 0 ? [`empty folders, and so no classes: ${some(names)}`] : [];
}

/**
 * The first file of each class, then the second of each, and so on.
 * @param {Listed[]} listed
 * @param {string[]} files
 */
function inTurn(listed, files) {
  const sorted = listed.sort(
    (a, b) =>
      ORDER[a.part] - ORDER[b.part] ||
      asPeopleCount(a.className, b.className) ||
      asPeopleCount(files[a.file], files[b.file]),
  );
  let rank = 0;
  const ranked = sorted.map((one, at) => {
    const before = sorted[at - 1];
    rank = before && before.part === one.part && before.className === one.className ? rank + 1 : 0;
    return { one, rank };
  });
  ranked.sort((a, b) => ORDER[a.one.part] - ORDER[b.one.part] || a.rank - b.rank);
  return ranked.map(({ one }) => one);
}

/**
 * Numbers and what stands between them, as the command's sorting cuts them: a sign belongs to its
 * number at the begin and behind a space or a mark.
 * @param {string} name
 */
function pieces(name) {
  /** @type {string[]} */
  const found = [];
  let behindNumber = false;
  let rest = name;
  while (rest !== "") {
    /** @type {RegExpExecArray | null} */
    const number = behindNumber ? null : /^[+-]?[0-9]+/.exec(rest);
    behindNumber = number !== null;
    const piece = number ? number[0] : textOf(rest);
    found.push(piece);
    rest = rest.slice(piece.length);
  }
  return found;
}

/** @param {string} rest */
function textOf(rest) {
  for (let at = 0; at < rest.length; at++) {
    if (/[0-9]/.test(rest[at])) return rest.slice(0, at);
    if (/[\s!-/:-@[-`{-~]/.test(rest[at]) && /^[+-]?[0-9]/.test(rest.slice(at + 1))) return rest.slice(0, at + 1);
  }
  return rest;
}

/**
 * @param {string} a
 * @param {string} b
 */
function comparePieces(a, b) {
  const [left, right] = [a, b].map((piece) => /^([+-]?)0*([0-9]*)$/.exec(piece));
  if (!left || !right || left[0] === "" || right[0] === "") {
    if (Boolean(left) !== Boolean(right)) return left ? -1 : 1;
    return compareText(a, b);
  }
  const negative = (/** @type {RegExpExecArray} */ number) => number[1] === "-" && number[2] !== "";
  if (negative(left) !== negative(right)) return negative(left) ? -1 : 1;
  const order = left[2].length - right[2].length || compareText(left[2], right[2]);
  return negative(left) ? -order : order;
}

/**
 * By code points, as bytes of UTF-8 order them.
 * @param {string} a
 * @param {string} b
 */
function compareText(a, b) {
  const [left, right] = [[...a], [...b]];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const order = /** @type {number} */ (left[at].codePointAt(0)) - /** @type {number} */ (right[at].codePointAt(0));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
