#!/usr/bin/env python3
"""Writes a set of 20 classes with few images each, made of MNIST: each digit as it is, and turned.

    python3 tests/interop/digits_in_twenty_classes.py MNIST OUT.npz [IMAGES] [SEED]

MNIST is the folder of its four files (packed or not). Classes 0 to 9 are the digits, 10 to 19 the
digits turned by 90 degrees to the left. Of each class IMAGES (20) training images are drawn by SEED
(0), no image of MNIST for two classes. The test split is MNIST's own, half of it turned: 10,000
images. It shows what `train --from` is worth: benches/README.md. Needs numpy.
"""

import gzip
import sys
from pathlib import Path

import numpy


def main():
    folder, out, *rest = sys.argv[1:]
    each = int(rest[0]) if rest else 20
    seed = int(rest[1]) if len(rest) > 1 else 0
    random = numpy.random.default_rng(seed)
    images, labels = split(Path(folder), "train")
    chosen = [random.permutation(numpy.flatnonzero(labels == digit))[: 2 * each] for digit in range(10)]
    plain = numpy.concatenate([places[:each] for places in chosen])
    turned = numpy.concatenate([places[each:] for places in chosen])
    test_images, test_labels = split(Path(folder), "t10k")
    half = random.permutation(len(test_images))
    test = both(test_images, test_labels, half[::2], half[1::2])
    train = both(images, labels, plain, turned)
    numpy.savez_compressed(out, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
    print(f"{out}: {len(train[0])} images to train on, {len(test[0])} to test, 20 classes")


def both(images, labels, plain, turned):
    """Images as they are, then images turned, with their classes."""
    left = numpy.rot90(images[turned], axes=(1, 2))
    return (
        numpy.concatenate([images[plain], left]),
        numpy.concatenate([labels[plain], labels[turned] + 10]).astype(numpy.uint8),
    )


def split(folder, part):
    return idx(folder, f"{part}-images-idx3-ubyte"), idx(folder, f"{part}-labels-idx1-ubyte")


def idx(folder, name):
    packed = folder / f"{name}.gz"
    with gzip.open(packed, "rb") if packed.exists() else open(folder / name, "rb") as file:
        content = file.read()
    sides = content[3]
    dims = numpy.frombuffer(content, ">u4", sides, offset=4).tolist()
    return numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * sides).reshape(dims)


if __name__ == "__main__":
    main()
