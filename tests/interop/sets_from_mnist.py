#!/usr/bin/env python3
"""Trains on sets of other shapes, colours and numbers of classes than MNIST's, made from it.

    python3 tests/interop/sets_from_mnist.py PROGRAM MNIST FOLDER [DEVICE...]

PROGRAM is the gpu-mnist binary, MNIST the folder with its four files, FOLDER an empty one for the
sets and runs, DEVICEs `cpu` and `gpu` (default: cpu). Each set is trained for two epochs with the
fused kernels and with Burn's own, evaluated, predicted from PNG files, exported, compared with
ONNX Runtime (1e-4), and resumed for an epoch more; on `gpu` the images are fewer. Needs numpy and
Pillow; onnxruntime where there is one. Prints a line a run; exits 1 where one falls short.
"""

import gzip
import json
import pathlib
import subprocess
import sys

import numpy
from PIL import Image

HERE = pathlib.Path(__file__).parent


def idx(path):
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rb") as file:
        content = file.read()
    dims = numpy.frombuffer(content, ">u4", content[3], offset=4).tolist()
    return numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * content[3]).reshape(dims)


def write(path, array):
    head = bytes([0, 0, 8, array.ndim]) + numpy.array(array.shape, ">u4").tobytes()
    path.write_bytes(head + numpy.ascontiguousarray(array, numpy.uint8).tobytes())


def mnist(folder):
    def one(name):
        found = [folder / name, folder / (name + ".gz")]
        return idx(next(path for path in found if path.exists()))

    return {
        split: (one(f"{split}-images-idx3-ubyte"), one(f"{split}-labels-idx1-ubyte"))
        for split in ("train", "t10k")
    }


def twenty(images, labels):
    """MNIST and its negative: twenty classes."""
    return numpy.concatenate([images, 255 - images]), numpy.concatenate([labels, labels + 10])


def small(images, labels):
    """14x14, the mean of each four pixels."""
    pixels = images.reshape(-1, 14, 2, 14, 2).astype(numpy.uint16)
    return (pixels.sum((2, 4)) // 4).astype(numpy.uint8), labels


def oblong(images, labels):
    """32x20: four columns off each side, two rows on."""
    return numpy.pad(images[:, :, 4:24], ((0, 0), (2, 2), (0, 0))), labels


def coloured(images, labels):
    """Digits in red, green or blue: thirty classes."""
    colour = numpy.arange(len(labels)) % 3
    painted = numpy.zeros((*images.shape, 3), numpy.uint8)
    for channel in range(3):
        painted[colour == channel, :, :, channel] = images[colour == channel]
    return painted, labels + 10 * colour.astype(numpy.uint8)


# The least accuracy after two epochs on all images.
SETS = [(twenty, 0.97), (small, 0.95), (oblong, 0.95), (coloured, 0.95)]


def run(program, *arguments):
    done = subprocess.run([program, "-q", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.returncode}: {done.stderr}"
    return done.stdout


def predicted_right(program, run_folder, folder, images, labels, device):
    """The share of PNG files of test images whose class is predicted."""
    files = []
    for place in range(100):
        path = folder / f"{place}.png"
        Image.fromarray(images[place]).resize((4 * images.shape[2], 4 * images.shape[1])).save(path)
        files.append(path)
    done = subprocess.run(
        [program, "-q", "predict", "--run", run_folder, "--json", "--device", device, *files],
        capture_output=True,
        text=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return sum(answer.get("class") == label for answer, label in zip(answers, labels.tolist())) / 100


def main():
    program, source, folder, *devices = sys.argv[1:]
    folder = pathlib.Path(folder)
    original = mnist(pathlib.Path(source))
    short = 0
    for make, least in SETS:
        name = make.__name__
        here = folder / name
        here.mkdir(parents=True)
        splits = {split: make(*pair) for split, pair in original.items()}
        for split, (images, labels) in splits.items():
            write(here / f"{split}-images-idx{images.ndim}-ubyte", images)
            write(here / f"{split}-labels-idx1-ubyte", labels)
        for device in devices or ["cpu"]:
            for kernels in ["fused", "burn"]:
                out = folder / f"{name}-{device}-{kernels}"
                # Software adapters and Burn's own operations take minutes for what the rest does in seconds.
                fewer = {"cpu": {"fused": 0, "burn": 10000}, "gpu": {"fused": 10000, "burn": 1024}}[device][kernels]
                target = 0.0 if fewer == 1024 else least if not fewer else least - 0.03
                chosen = ["--device", device]
                run(program, "train", *chosen, "--dataset", here, "--kernels", kernels, "--epochs", 2, "--out", out, "--train-limit", fewer)
                evaluation = json.loads(run(program, "evaluate", out, "--json", *chosen))
                line = f"{name}, {device}, {kernels}: {evaluation['accuracy']:.4f}"
                images, labels = splits["t10k"]
                png = folder / "png"
                png.mkdir(exist_ok=True)
                line += f", {predicted_right(program, out, png, images, labels, device):.2f} of 100 PNG files"
                bad = evaluation["accuracy"] < target or not (out / "report.html").is_file()
                if kernels == "fused":
                    onnx = subprocess.run(
                        [sys.executable, HERE / "compare_logits.py", program, out, here / f"t10k-images-idx{images.ndim}-ubyte", "--dataset", here],
                        capture_output=True,
                        text=True,
                    )
                    bad |= onnx.returncode != 0
                    line += "; " + "; ".join(text for text in onnx.stdout.splitlines() if "SKIPPED" not in text)
                    if onnx.returncode:
                        line += onnx.stderr
                    run(program, "train", *chosen, "--resume", out, "--epochs", 3)
                print(("SHORT " if bad else "") + line, flush=True)
                short += bad
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
