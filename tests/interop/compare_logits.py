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
        failures = onnx(numpy, folder, raw, ours) + pytorch(numpy, folder, raw, ours)
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
    names = [f"logit_{place}" for place in range(10)]
    return numpy.array([[row[name] for name in names] for row in rows], dtype=numpy.float32)


def read_images(numpy, path):
    """Bytes [n, 1, 28, 28] of an IDX file."""
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rb") as file:
        content = file.read()
    assert content[:4] == b"\x00\x00\x08\x03", f"{path} holds no pictures"
    return numpy.frombuffer(content, numpy.uint8, offset=16).reshape(-1, 1, 28, 28)


def export(program, run, path, kind, *flags):
    command = [program, "-q", "export", run, "--device", "cpu", "--format", kind, "--out", path]
    subprocess.run([*command, *flags], check=True, stdout=subprocess.DEVNULL)


def onnx(numpy, folder, raw, ours):
    runtime = needed("onnxruntime")
    if runtime is None:
        return 0
    name = f"onnxruntime {runtime.__version__}"
    session = runtime.InferenceSession(folder / "model.onnx")
    about = session.get_modelmeta().custom_metadata_map
    pictures = normalised(numpy, raw, float(about["mean"]), float(about["standard_deviation"]))
    theirs = in_batches(numpy, session, pictures)
    failures = compare(numpy, name, ours, theirs)
    session = runtime.InferenceSession(folder / "raw.onnx")
    failures += compare(numpy, f"{name}, --raw-input", ours, in_batches(numpy, session, raw))
    checker = needed("onnx")
    if checker is not None:
        for file in ["model.onnx", "raw.onnx"]:
            checker.checker.check_model(folder / file, full_check=True)
        print(f"onnx {checker.__version__}: its checker takes both graphs")
    return failures


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
        def __init__(self):
            super().__init__()
            conv = lambda w: nn.Conv2d(w.shape[1], w.shape[0], tuple(w.shape[2:]))
            linear = lambda w: nn.Linear(w.shape[1], w.shape[0])
            self.conv1, self.conv2 = conv(weights["conv1.weight"]), conv(weights["conv2.weight"])
            self.fc1, self.fc2 = linear(weights["fc1.weight"]), linear(weights["fc2.weight"])

        def forward(self, x):
            pool = nn.functional.max_pool2d
            x = torch.relu(pool(self.conv1(x), 2))
            x = torch.relu(pool(self.conv2(x), 2))
            return self.fc2(torch.relu(self.fc1(x.flatten(1))))

    network = Network()
    network.load_state_dict(weights)
    by = about["normalisation"]
    pictures = normalised(numpy, raw, by["mean"], by["standard_deviation"])
    with torch.no_grad():
        theirs = network(torch.from_numpy(pictures)).numpy()
    return compare(numpy, f"torch {torch.__version__}", ours, theirs)


def normalised(numpy, raw, mean, deviation):
    return ((raw / numpy.float32(255) - numpy.float32(mean)) / numpy.float32(deviation)).astype(numpy.float32)


def compare(numpy, name, ours, theirs):
    difference = numpy.abs(ours - theirs).max()
    same = int((ours.argmax(1) == theirs.argmax(1)).sum())
    # Written so that not-a-number fails.
    verdict = "agrees" if difference <= TOLERANCE else "DIFFERS"
    print(f"{name}: {verdict}: largest difference of a logit {difference:.2e}, {same} of {len(ours)} classes equal")
    return 0 if difference <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
