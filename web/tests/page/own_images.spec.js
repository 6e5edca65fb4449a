/** @file A folder of images, a .zip of one or an NPZ file: what the core is handed, to the byte, and what is said. */

import { expect, open, test, train } from "../support.js";
import { folderOf, npy, plain, png, zip } from "../own_inputs.js";

/** @typedef {import("@playwright/test").Page} Page */
/** @typedef {import("../own_inputs.js").Tree} Tree */

const MESSAGE = "#data-message";
const FILES = { images: "train-images-idx3-ubyte", labels: "train-labels-idx1-ubyte", testImages: "t10k-images-idx3-ubyte", testLabels: "t10k-labels-idx1-ubyte" };

/**
 * Opens the page so that what it hands to the core can be read.
 * @param {Page} page
 */
async function openWatched(page) {
  await page.addInitScript(() => {
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (/** @type {any} */ message, /** @type {any} */ transfer) {
      if (message.type === "data" && message.files) {
        const files = Object.entries(message.files).map(([name, bytes]) => [name, [...new Uint8Array(/** @type {ArrayBuffer} */ (bytes))]]);
        Object.assign(globalThis, { handed: { name: message.name, files: Object.fromEntries(files) } });
      }
      return post.call(this, message, transfer);
    };
  });
  await open(page);
}

/**
 * @param {Page} page
 * @returns {Promise<{name: string, files: {[name: string]: number[]}}>}
 */
function handed(page) {
  return page.evaluate(() => /** @type {any} */ (globalThis).handed);
}

/**
 * @param {Page} page
 * @param {Tree} tree
 */
async function chooseFolder(page, tree, name = "pets") {
  await page.locator("input[value=files]").check();
  await page.setInputFiles("#folder", folderOf(tree, name));
}

/**
 * @param {Page} page
 * @param {string} name
 * @param {Buffer} buffer
 */
async function chooseFile(page, name, buffer) {
  await page.locator("input[value=files]").check();
  await page.setInputFiles("#files", { name, mimeType: "", buffer });
}

/**
 * A file in IDX.
 * @param {number[]} sides
 * @param {number[]} body
 */
function idx(sides, body) {
  return [0, 0, 8, sides.length, ...sides.flatMap((side) => [0, 0, side >> 8, side & 255]), ...body];
}

/**
 * The pixels of `plain`.
 * @param {number} value
 */
function pixels(value, first = value) {
  return [first, ...Array(63).fill(value)];
}

/** Two classes, of 2 and 3 images: names that only people sort so, and what is passed over. */
const PETS = {
  "cat 10/2.png": plain(12),
  "cat 10/10.png": plain(10),
  "cat 10/1.png": plain(11),
  "cat 2/b/deep.png": plain(21),
  "cat 2/a.png": plain(20),
  "cat 2/.hidden.png": plain(99),
  "cat 2/Thumbs.db": Buffer.from("litter"),
  "__MACOSX/cat 2/._a.png": Buffer.from("litter"),
};

test("a folder becomes IDX files with its names, in the order of the command", async ({ page }) => {
  await openWatched(page);
  await chooseFolder(page, PETS);
  await expect(page.locator(MESSAGE)).toContainText("pets/: 4 to train on, 0 for validation, 1 to test.");
  const { name, files } = await handed(page);
  expect(name).toBe("pets/");
  // The first of each class, then the second of each.
  expect(files[FILES.images]).toEqual(idx([5, 8, 8], [20, 11, 21, 12, 10].flatMap((value) => pixels(value))));
  expect(files[FILES.labels]).toEqual(idx([5], [0, 1, 0, 1, 1]));
  expect(Buffer.from(files["classes.txt"] ?? []).toString()).toBe("cat 2\ncat 10\n");
  // The core holds test images out, as the command does.
  expect(Object.keys(files).sort()).toEqual(["classes.txt", FILES.images, FILES.labels]);
  await expect(page.locator("#found")).toContainText("5 images, 8x8 grey, 2 classes");
  await expect(page.locator("#found dl")).toHaveText("cat 22cat 103");
  await expect(page.locator("#preset")).toHaveValue("small");
  await train(page);
  await expect(page.locator("#result")).toBeVisible();
});

test("splits, colours and sizes: test/ tests, and every image has the size of the set", async ({ page }) => {
  await openWatched(page);
  const colour = (/** @type {number[]} */ ...value) => png(10, 9, () => value);
  await chooseFolder(page, {
    "train/a/1.png": colour(1, 2, 3),
    "train/b/1.png": colour(4, 5, 6),
    "train/b/2.png": colour(7, 8, 9),
    "test/a/1.png": colour(10, 20, 30),
    "val/b/1.png": colour(90, 90, 90),
    "train/c/": Buffer.alloc(0),
    "other/x.png": colour(0, 0, 0),
    "train/loose.png": colour(0, 0, 0),
  });
  await expect(page.locator(MESSAGE)).toContainText("pets/: 3 to train on");
  const { files } = await handed(page);
  const many = (/** @type {number[]} */ value) => Array(90).fill(value).flat();
  expect(files[FILES.images]).toEqual(idx([3, 9, 10, 3], [...many([1, 2, 3]), ...many([4, 5, 6]), ...many([7, 8, 9])]));
  expect(files[FILES.testImages]).toEqual(idx([1, 9, 10, 3], many([10, 20, 30])));
  expect(files[FILES.testLabels]).toEqual(idx([1], [0]));
  const found = page.locator("#found");
  await expect(found).toContainText("3 images to train on, 1 to test, 9x10 in colour, 2 classes");
  await expect(found).toContainText("images of the validation folder are left out");
  await expect(found).toContainText("in no folder of a class, and so left out: 1 file");
  await expect(found).toContainText("beside train/ and test/, and so left out: 1 file");
});

test("images of several sizes are scaled to cover 32x32 and cut evenly", async ({ page }) => {
  await openWatched(page);
  // Left third black, the middle white, right third black: only the white remains of the wide one.
  await chooseFolder(page, {
    "a/wide.png": png(192, 64, (x) => [x >= 64 && x < 128 ? 255 : 0]),
    "b/tall.png": png(32, 96, (_, y) => [y >= 32 && y < 64 ? 200 : 9]),
    "b/clear.png": png(32, 32, (x) => [0, 0, 0, x < 16 ? 255 : 0]),
  });
  await expect(page.locator("#found")).toContainText("images 32 to 96 pixels high and 32 to 192 wide brought to 32x32");
  // What was found is shown before the core is handed the files.
  await expect(page.locator(MESSAGE)).toContainText("to train on");
  const { files } = await handed(page);
  const images = (files[FILES.images] ?? []).slice(16);
  expect(files[FILES.images]?.slice(0, 16)).toEqual(idx([3, 32, 32], []));
  const wide = images.slice(0, 1024);
  expect(wide.every((value) => value === 255)).toBe(true);
  expect(images.length).toBe(3 * 1024);
  // clear.png before tall.png: dark over white.
  expect(images.slice(1024, 1024 + 32)).toEqual([...Array(16).fill(0), ...Array(16).fill(255)]);
  expect(images.slice(2048).every((value) => value === 200)).toBe(true);
});

test("the scaling is the command's, to the byte", async ({ page }) => {
  await openWatched(page);
  const waves = (/** @type {number} */ x, /** @type {number} */ y) => [(x * 7 + y * 13) % 256, (x * y) % 256, (x * 3 + 5 * y) % 256];
  await chooseFolder(page, { "a/1.png": png(50, 41, waves), "b/1.png": png(7, 6, waves) });
  await expect(page.locator(MESSAGE)).toContainText("to train on");
  const { files } = await handed(page);
  expect(await page.evaluate(digest, files[FILES.images] ?? [])).toBe(SCALED);
});

/** SHA-256 of the file that `gpu-mnist` itself makes of the two images of the test above. */
const SCALED = "65594fe11800b8b88177b06f1f61e34bf1c8e19bc7fc74f0df15dc9f5f8dc6eb";

/** @param {number[]} bytes */
async function digest(bytes) {
  const hash = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

test("a dropped folder is walked through; so are several, and a .zip", async ({ page }) => {
  await openWatched(page);
  const folder = folderOf(PETS);
  await dropPaths(page, [folder]);
  await expect(page.locator(MESSAGE)).toContainText("pets/: 4 to train on");
  const once = await handed(page);
  await dropPaths(page, [`${folder}/cat 2`, `${folder}/cat 10`]);
  await expect(page.locator(MESSAGE)).toContainText("your files: 4 to train on");
  expect((await handed(page)).files).toEqual(once.files);
  for (const options of [{}, { stored: true }, { comment: "PK\x05\x06 made by a test" }]) {
    await chooseFile(page, "pets.zip", zip(Object.fromEntries(Object.entries(PETS).map(([path, bytes]) => [`top/${path}`, bytes])), options));
    await expect(page.locator(MESSAGE)).toContainText("pets.zip: 4 to train on");
    const packed = await handed(page);
    expect(packed.name).toBe("pets.zip");
    expect(packed.files).toEqual(once.files);
  }
});

test("a broken image is named and left out; too many are refused", async ({ page }) => {
  await openWatched(page);
  const whole = plain(5);
  await chooseFolder(page, {
    "a/1.png": plain(1), "a/2.png": plain(2), "b/1.png": plain(3), "b/2.png": plain(4),
    "b/cut.png": whole.subarray(0, whole.length - 15),
    "a/notes.txt": Buffer.from("not an image"),
    "a/photo.heic": Buffer.from("\0\0\0\x18ftypheic\0\0\0\0"),
  });
  await expect(page.locator("#found")).toContainText("2 of 6 image files cannot be read and are left out");
  await expect(page.locator("#found")).toContainText("b/cut.png: damaged: the file ends in the middle of the image");
  await expect(page.locator("#found")).toContainText("a/photo.heic: this is a HEIC image, as iPhones take them");
  await expect(page.locator("#found")).toContainText("no images, and so left out: 1 file");
  await expect(page.locator(MESSAGE)).toContainText("to train on");
  expect((await handed(page)).files[FILES.labels]).toEqual(idx([4], [0, 1, 0, 1]));
  await chooseFolder(page, { "a/1.png": plain(1), "b/1.png": Buffer.alloc(0) });
  await expect(page.getByRole("alert")).toHaveText("1 of 2 image files cannot be read. Mend or remove them: b/1.png: empty (0 bytes)");
});

test("what is no set is refused with what to do", async ({ page }) => {
  await openWatched(page);
  const alert = page.getByRole("alert");
  await chooseFolder(page, { "cat/1.png": plain(1), "cat/2.png": plain(2) });
  await expect(alert).toContainText("All images are of one class, cat, and there is nothing to tell apart.");
  await chooseFolder(page, { "1.png": plain(1), "2.png": plain(2) });
  await expect(alert).toContainText("Choose a folder that has a folder of images for each class");
  await chooseFolder(page, { "val/a/1.png": plain(1), "test/a/1.png": plain(2) });
  await expect(alert).toContainText("test/, val/ but no train/ with a folder for each class. Put the images");
  await chooseFolder(page, { "a/1.txt": Buffer.from("x"), "b/1.txt": Buffer.from("x") });
  await expect(alert).toContainText("There is no image in its folders.");
  await chooseFile(page, "notes.txt", Buffer.from("text"));
  await expect(alert).toContainText("notes.txt is no .zip archive and no NPZ file. Choose a folder");
  // More than is held, seen before anything is decoded but the first.
  const large = png(128, 128, () => [1, 2, 3]);
  await chooseFile(page, "many.zip", zip(Object.fromEntries(Array.from({ length: 11_000 }, (_, at) => [`${at % 2}/${at}.png`, large])), { stored: true }));
  await expect(alert).toContainText("11000 images of 128x128 take 0.5 GB, and this page holds at most 0.5 GB.");
});

test("archives that cannot be read are refused with a reason", async ({ page }) => {
  await openWatched(page);
  const tree = { "a/1.png": plain(1), "b/1.png": plain(2) };
  const alert = page.getByRole("alert");
  for (const [archive, said] of /** @type {[Buffer, string][]} */ ([
    [zip(tree, { flags: 1 }), "The archive is encrypted (a/1.png). Unpack it and choose the folder"],
    [zip(tree, { zip64: true }), "The archive is of the kind zip64 (a/1.png)"],
    [zip(tree).subarray(0, -30), "cut short or damaged: its list of files is missing"],
    [zip(tree, { method: 12 }), "2 of 2 image files cannot be read. None is left: a/1.png: packed in a way that this page does not read (method 12)"],
    [zip(tree, { crc: 1 }), "a/1.png: its bytes do not match the archive's checksum"],
    // A bomb promises little; a liar promises much.
    [zip(tree, { bytes: 20 }), "a/1.png: more than the 20 bytes that the archive promises"],
    [zip(tree, { bytes: 3e9 }), "a/1.png: more than 64 MiB"],
  ])) {
    await chooseFile(page, "pets.zip", archive);
    await expect(alert).toContainText(said);
  }
});

/** Three images of 8x9 in each split, as bytes. */
const BYTES = Buffer.from(Array.from({ length: 3 * 72 }, (_, at) => (at * 5) % 251));

/**
 * @param {{[name: string]: Buffer}} arrays
 */
function npz(arrays) {
  return zip(Object.fromEntries(Object.entries(arrays).map(([name, array]) => [`${name}.npy`, array])));
}

test("an NPZ file becomes IDX files: names, types, byte orders, [n] and [n, 1]", async ({ page }) => {
  await openWatched(page);
  const bytes = npy("|u1", [3, 8, 9], BYTES);
  const labels = npy("|u1", [3, 1], Buffer.from([0, 2, 1]));
  const big = npy(">i8", [3], Buffer.from([0, 2, 1].flatMap((label) => [0, 0, 0, 0, 0, 0, 0, label])));
  const floats = Buffer.alloc(4 * BYTES.length);
  BYTES.forEach((byte, at) => floats.writeFloatLE(byte, 4 * at));
  const fortran = Buffer.alloc(BYTES.length);
  BYTES.forEach((byte, at) => (fortran[Math.floor(at / 72) + 3 * (Math.floor(at / 9) % 8) + 24 * (at % 9)] = byte));
  for (const arrays of /** @type {{[name: string]: Buffer}[]} */ ([
    { train_images: bytes, train_labels: labels, test_images: bytes, test_labels: labels, val_images: bytes, val_labels: labels },
    { x_train: bytes, y_train: big, x_test: bytes, y_test: labels },
    { X_train: npy("<f4", [3, 8, 9], floats), Y_train: big, x_test: npy("|u1", [3, 8, 9], fortran, true), y_test: labels },
  ])) {
    await chooseFile(page, "things.npz", npz(arrays));
    await expect(page.locator(MESSAGE)).toContainText("things.npz: 3 to train on");
    const { name, files } = await handed(page);
    expect(name).toBe("things.npz");
    expect(files[FILES.images]).toEqual(idx([3, 8, 9], [...BYTES]));
    expect(files[FILES.testImages]).toEqual(idx([3, 8, 9], [...BYTES]));
    expect(files[FILES.labels]).toEqual(idx([3], [0, 2, 1]));
    expect(files[FILES.testLabels]).toEqual(idx([3], [0, 2, 1]));
    // Numbers are the names that the core gives itself.
    expect(files["classes.txt"]).toBeUndefined();
    await expect(page.locator("#found")).toContainText("3 images to train on, 3 to test, 8x9 grey, 3 classes");
  }
  // Colours with an opaque fourth channel; no test images.
  const rgba = Buffer.from(Array.from({ length: 2 * 64 }, (_, at) => [at, 2, 3, 255]).flat());
  await chooseFile(page, "colour.npz", npz({ images: npy("|u1", [2, 8, 8, 4], rgba), labels: npy("|u1", [2], Buffer.from([0, 1])) }));
  await expect(page.locator(MESSAGE)).toContainText("to train on");
  const { files } = await handed(page);
  expect(files[FILES.images]).toEqual(idx([2, 8, 8, 3], Array.from({ length: 2 * 64 }, (_, at) => [at, 2, 3]).flat()));
  expect(files[FILES.testImages]).toBeUndefined();
});

/** @param {Iterable<number>} bytes As numbers of 16 bits, which hold each of them. */
function halves(bytes) {
  const all = [...bytes].map((byte) => {
    const exponent = byte === 0 ? 0 : Math.floor(Math.log2(byte));
    return byte === 0 ? 0 : ((exponent + 15) << 10) | ((byte / 2 ** exponent - 1) * 1024);
  });
  const packed = Buffer.alloc(2 * all.length);
  all.forEach((half, at) => packed.writeUInt16LE(half, 2 * at));
  return packed;
}

test("labels of an NPZ file may be words, images floats of 16 bits, and a part empty", async ({ page }) => {
  await openWatched(page);
  const images = npy("<f2", [3, 8, 9], halves(BYTES));
  const wide = Buffer.concat(["emu", "cat", "\u{1F436}"].map((word) => {
    const letters = Buffer.alloc(12);
    [...word].forEach((letter, at) => letters.writeUInt32LE(letter.codePointAt(0) ?? 0, 4 * at));
    return letters;
  }));
  const none = { x_test: npy("|u1", [0, 8, 9], Buffer.alloc(0)), y_test: npy("|u1", [0], Buffer.alloc(0)) };
  for (const [labels, names, numbers] of /** @type {[Buffer, string[], number[]][]} */ ([
    [npy("<U3", [3], wide), ["cat", "emu", "\u{1F436}"], [1, 0, 2]],
    [npy("|S5", [3, 1], Buffer.from("owl\0\0cat\0\0zebra")), ["cat", "owl", "zebra"], [1, 0, 2]],
  ])) {
    await chooseFile(page, "words.npz", npz({ x_train: images, y_train: labels, ...none }));
    await expect(page.locator(MESSAGE)).toContainText("words.npz: no test images of its own");
    const { files } = await handed(page);
    expect(files[FILES.images]).toEqual(idx([3, 8, 9], [...BYTES]));
    expect(files[FILES.labels]).toEqual(idx([3], numbers));
    expect(files[FILES.testImages]).toBeUndefined();
    expect(Buffer.from(files["classes.txt"] ?? []).toString()).toBe(names.map((name) => `${name}\n`).join(""));
  }
});

test("arrays that are no images or no labels are refused", async ({ page }) => {
  await openWatched(page);
  const images = npy("|u1", [3, 8, 9], BYTES);
  const labels = npy("|u1", [3], Buffer.from([0, 2, 1]));
  const alert = page.getByRole("alert");
  for (const [arrays, said] of /** @type {[{[name: string]: Buffer}, string][]} */ ([
    [{ a: images, b: labels }, "The file holds the arrays a, b. Call them train_images"],
    [{ x: images, y: npy("|u1", [3, 2], Buffer.alloc(6)) }, "y.npy: has the shape [3, 2]. Labels are one whole number an image"],
    [{ x: images, y: npy("|u1", [2], Buffer.alloc(2)) }, "y.npy: 2 labels for 3 images."],
    [{ x: images, y: npy("|i1", [3], Buffer.from([0, 1, 255])) }, "y.npy: item 2 has the label -1"],
    [{ x: images, y: npy("<U5", [3], Buffer.alloc(60)) }, "y.npy: item 0 is an empty word."],
    [{ x: npy("|S72", [3, 1, 3], BYTES), y: labels }, "x.npy: has 216 bytes, its header promises 648."],
    [{ x: npy("|S24", [3, 1, 3], BYTES), y: labels }, "x.npy: holds words."],
    [{ x: images, y: npy("<c8", [3], Buffer.alloc(24)) }, "y.npy: holds <c8."],
    [{ x: npy("|u1", [0, 8, 9], Buffer.alloc(0)), y: npy("|u1", [0], Buffer.alloc(0)) }, "The file holds no image to train on."],
    [{ x: images, y: npy("|u1", [3], Buffer.alloc(3)) }, "All images are of one class, 0"],
    [{ x: npy("|u1", [216], BYTES), y: labels }, "x.npy: has the shape [216]. Images are [n, height, width]"],
    [{ x: npy("|i1", [3, 8, 9], BYTES), y: labels }, "x.npy: has pixels from -"],
    [{ x: npy("|u1", [3, 8, 10], BYTES), y: labels }, "x.npy: has 216 bytes, its header promises 240."],
    [{ x_train: images, y_train: labels, x_test: npy("|u1", [3, 9, 8], BYTES), y_test: labels }, "Images to test are 9x8x1, others 8x9x1."],
  ])) {
    await chooseFile(page, "things.npz", npz(arrays));
    await expect(alert).toContainText(said);
  }
});

test("reading is stopped by Stop, and the page can be used again", async ({ page }) => {
  await openWatched(page);
  const large = png(400, 400, (x, y) => [x % 251, y % 241, (x * y) % 256]);
  await chooseFolder(page, Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`${at % 2}/${at}.png`, large])));
  await expect(page.locator(MESSAGE)).toContainText(/Reading pets\/: \d+ of 400 files/, { timeout: 20_000 });
  await expect(page.locator("#data-progress")).toBeVisible();
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.locator(MESSAGE)).toHaveText("Stopped.");
  await expect(page.locator("#start")).toBeEnabled();
  expect(await handed(page)).toBeUndefined();
  await chooseFolder(page, PETS);
  await expect(page.locator(MESSAGE)).toContainText("pets/: 4 to train on");
});

test("four IDX files in a folder, with classes.txt, are taken as they are", async ({ page }) => {
  await openWatched(page);
  const bytes = (/** @type {number[]} */ numbers) => Buffer.from(numbers);
  const tree = {
    [FILES.images]: bytes(idx([2, 8, 8], Array(128).fill(1))), [FILES.labels]: bytes(idx([2], [0, 1])),
    [FILES.testImages]: bytes(idx([1, 8, 8], Array(64).fill(1))), [FILES.testLabels]: bytes(idx([1], [0])),
    "classes.txt": Buffer.from("yes\nno\n"),
  };
  await dropPaths(page, [folderOf(tree)]);
  await expect(page.locator(MESSAGE)).toContainText("files: 2 to train on");
  const { files } = await handed(page);
  for (const [name, content] of Object.entries(tree)) expect(files[name]).toEqual([...content]);
});

/**
 * Drops files or folders of this machine, as the browser itself would.
 * @param {Page} page
 * @param {string[]} files
 */
async function dropPaths(page, files) {
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of /** @type {const} */ (["dragEnter", "dragOver", "drop"])) {
    await devtools.send("Input.dispatchDragEvent", { type, x: 600, y: 300, data });
  }
  await devtools.detach();
}
