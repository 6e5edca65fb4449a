/**
 * @file Where known data sets are fetched from. Every host here must send CORS headers and stand
 * in `connect-src` of index.html. Sizes and hashes are checked by the worker, as on the command line.
 */

/**
 * @typedef {object} KnownSet
 * @property {string} name As the command line names it.
 * @property {string} title
 * @property {string[]} mirrors Addresses that end in a slash, asked in turn.
 * @property {{name: string, bytes: number}[]} files
 */

/** @type {{[name: string]: KnownSet}} */
export const KNOWN_SETS = {
  mnist: {
    name: "mnist",
    title: "MNIST",
    mirrors: [
      "https://raw.githubusercontent.com/fgnt/mnist/master/",
      "https://raw.githubusercontent.com/golbin/TensorFlow-MNIST/master/mnist/data/",
    ],
    files: archives(9_912_422, 28_881, 1_648_877, 4_542),
  },
  "fashion-mnist": {
    name: "fashion-mnist",
    title: "Fashion-MNIST",
    mirrors: [
      "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ],
    files: archives(26_421_880, 29_515, 4_422_102, 5_148),
  },
};

/**
 * The hosts a set may come from, for the visitor to read before anything is asked.
 * @param {KnownSet} set
 */
export function hosts(set) {
  return [...new Set(set.mirrors.map((mirror) => new URL(mirror).host))].join(", ");
}

/** @param {KnownSet} set */
export function totalBytes(set) {
  return set.files.reduce((sum, file) => sum + file.bytes, 0);
}

/** @param {number[]} bytes */
function archives(...bytes) {
  const names = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
  ];
  return names.map((name, place) => ({ name, bytes: bytes[place] ?? 0 }));
}
