#!/usr/bin/env python3
"""Compares gpu-mnist's logits with ONNX Runtime's and PyTorch's on a whole test split.

    python3 tests/interop/compare_logits.py PROGRAM RUN TEST_IMAGES [ARGUMENT...]

PROGRAM is the gpu-mnist binary, RUN a run folder, TEST_IMAGES the IDX file of the test pictures
(may be .gz), and ARGUMENTs are what `gpu-mnist evaluate` needs to find the same pictures, such as
`--dataset mnist --data-dir DIR`. Needs numpy, onnxruntime, torch and safetensors from PyPI: what
is missing is named after SKIPPED, and the rest is still compared. Exits 1 when any logit differs
by more than 1e-4.
"""

import csv
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TOLERANCE = 1e-4


def main():
    program, run, images, *arguments = sys.argv[1:]
    numpy = needed("numpy")
    if numpy is None:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        ours = our_logits(numpy, program, run, folder / "predictions.csv", arguments)
        raw = read_images(numpy, images)
        assert len(raw) == len(ours) > 0, f"{len(raw)} pictures, {len(ours)} lines of logits"
        export(program, run, folder / "model.onnx", "onnx")
        export(program, run, folder / "raw.onnx", "onnx", "--raw-input")
        export(program, run, folder / "model.safetensors", "safetensors")
        failures = onnx(numpy, run, folder, raw, ours) + pytorch(numpy, folder, raw, ours)
    return 1 if failures else 0


def needed(module):
    """The module, or None and a line that says what is left out for the lack of it."""
    try:
        return __import__(module)
    except ImportError:
        print(f"SKIPPED (interop): {module} is not installed: pip install {module}")
        return None


def our_logits(numpy, program, run, path, arguments):
    command = [program, "-q", "evaluate", run, "--device", "cpu", "--predictions", path]
    subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name.startswith("logit_")]
    return numpy.array([[row[name] for name in names] for row in rows], dtype=numpy.float32)


def read_images(numpy, path):
    """Bytes [n, channels, height, width] of an IDX file, grey or with the channels last."""
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rb") as file:
        content = file.read()
    count = content[3]
    assert content[:3] == b"\x00\x00\x08" and count in (3, 4), f"{path} holds no images"
    dims = numpy.frombuffer(content, ">u4", count, offset=4).tolist()
    images = numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * count).reshape(dims)
    images = images[..., None] if count == 3 else images
    return numpy.ascontiguousarray(images.transpose(0, 3, 1, 2))


def export(program, run, path, kind, *flags):
    command = [program, "-q", "export", run, "--device", "cpu", "--format", kind, "--out", path]
    subprocess.run([*command, *flags], check=True, stdout=subprocess.DEVNULL)


def onnx(numpy, run, folder, raw, ours):
    runtime = needed("onnxruntime")
    if runtime is None:
        return 0
    name = f"onnxruntime {runtime.__version__}"
    session = runtime.InferenceSession(folder / "model.onnx")
    about = session.get_modelmeta().custom_metadata_map
    failures = metadata(run, session, about, inside="false")
    pictures = normalised(numpy, raw, *(json.loads(about[key]) for key in ("mean", "standard_deviation")))
    theirs = in_batches(numpy, session, pictures)
    failures += compare(numpy, name, ours, theirs)
    session = runtime.InferenceSession(folder / "raw.onnx")
    about = session.get_modelmeta().custom_metadata_map
    failures += metadata(run, session, about, inside="true")
    failures += compare(numpy, f"{name}, --raw-input", ours, in_batches(numpy, session, raw))
    checker = needed("onnx")
    if checker is not None:
        for file in ["model.onnx", "raw.onnx"]:
            checker.checker.check_model(folder / file, full_check=True)
        print(f"onnx {checker.__version__}: its checker takes both graphs")
    return failures


def metadata(run, session, about, inside):
    """What ONNX Runtime reads of a file's metadata, beside the run's own record."""
    record = json.loads((Path(run) / "run.json").read_text())
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    element = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}[about["input_type"]]
    channels = {"grey": 1, "rgb": 3}[about["input_colour"]]
    shape = [channels, int(about["input_height"]), int(about["input_width"])]
    expected = {
        "classes": (json.loads(about["classes"]), record["set"]["class_names"]),
        "fingerprint": (about["dataset_fingerprint"], record["set"]["fingerprint"]),
        "layout": (about["input_layout"], "NCHW"),
        "normalised inside": (about["normalised_inside"], inside),
        "element": (taken.type, element),
        "input": (taken.shape[1:], shape),
        "output": (given.shape[1], len(record["set"]["class_names"])),
        "version": (about["gpu_mnist_version"], record["version"]),
    }
    if record["evaluation"]["test_time_augmentation"] is None:
        accuracy = float(about["test_accuracy"])
        expected["accuracy"] = (accuracy, record["evaluation"]["accuracy"])
    wrong = {name: pair for name, pair in expected.items() if pair[0] != pair[1]}
    print(f"metadata: {'DIFFERS: ' + str(wrong) if wrong else str(len(expected)) + ' entries agree with run.json'}")
    return 1 if wrong else 0


def in_batches(numpy, session, pictures):
    """Batches of several sizes, the last one smaller: the first dimension must be free."""
    parts, start, size = [], 0, 1
    while start < len(pictures):
        batch = pictures[start : start + size]
        parts.append(session.run(["logits"], {"pictures": batch})[0])
        start, size = start + size, min(2 * size, 1000)
    return numpy.concatenate(parts)


def pytorch(numpy, folder, raw, ours):
    torch, safetensors = needed("torch"), needed("safetensors")
    if torch is None or safetensors is None:
        return 0
    import json

    from safetensors import safe_open
    from torch import nn

    with safe_open(folder / "model.safetensors", "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}
        about = json.loads(file.metadata()["description"])

    class Network(nn.Module):
        """The description's layers under the names of the file."""

        def __init__(self, layers, epsilon):
            super().__init__()
            self.layers = [layer for layer in layers if "linear" not in layer]
            self.linears = 1 + sum("linear" in layer for layer in layers)
            for number, layer in enumerate(self.layers, 1):
                if "convolution" not in layer:
                    continue
                stride, padding = layer.get("stride", 1), layer.get("padding", 0)
                outputs, inputs, *kernel = weights[f"conv{number}.weight"].shape
                bias = "norm" not in layer
                conv = nn.Conv2d(inputs, outputs, tuple(kernel), stride, padding, bias=bias)
                self.add_module(f"conv{number}", conv)
                if "norm" in layer:
                    self.add_module(f"bn{number}", nn.BatchNorm2d(outputs, epsilon))
            for number in range(1, self.linears + 1):
                outputs, inputs = weights[f"fc{number}.weight"].shape
                self.add_module(f"fc{number}", nn.Linear(inputs, outputs))

        def forward(self, x):
            for number, layer in enumerate(self.layers, 1):
                if "convolution" not in layer:
                    x = x.mean((2, 3))
                    continue
                sums = getattr(self, f"conv{number}")(x)
                if "pool" in layer:
                    sums = nn.functional.max_pool2d(sums, 2)
                if "norm" in layer:
                    sums = getattr(self, f"bn{number}")(sums)
                if layer.get("residual"):
                    sums = sums + x
                x = torch.relu(sums)
            x = x.flatten(1)
            for number in range(1, self.linears + 1):
                x = getattr(self, f"fc{number}")(x)
                x = torch.relu(x) if number < self.linears else x
            return x

    network = Network(about["model"]["layers"], about["model"]["norm_epsilon"]).eval()
    # PyTorch's batch norm also counts batches, which our files do not.
    missing = network.load_state_dict(weights, strict=False)
    counted = all(name.endswith(".num_batches_tracked") for name in missing.missing_keys)
    assert counted and not missing.unexpected_keys, missing
    by = about["normalisation"]
    pictures = normalised(numpy, raw, by["mean"], by["standard_deviation"])
    with torch.no_grad():
        theirs = network(torch.from_numpy(pictures)).numpy()
    return compare(numpy, f"torch {torch.__version__}", ours, theirs)


def normalised(numpy, raw, mean, deviation):
    """`mean` and `deviation`: a number, or one a channel."""
    mean, deviation = (numpy.float32(by).reshape(-1, 1, 1) for by in (mean, deviation))
    return ((raw / numpy.float32(255) - mean) / deviation).astype(numpy.float32)


def compare(numpy, name, ours, theirs):
    difference = numpy.abs(ours - theirs).max()
    same = int((ours.argmax(1) == theirs.argmax(1)).sum())
    # Written so that not-a-number fails.
    verdict = "agrees" if difference <= TOLERANCE else "DIFFERS"
    print(f"{name}: {verdict}: largest difference of a logit {difference:.2e}, {same} of {len(ours)} classes equal")
    return 0 if difference <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
