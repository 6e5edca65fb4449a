"""The step of a preset's network in PyTorch and here, in turn on the same processor cores.

    pip install torch numpy
    python benches/pytorch.py best --program target/release/gpu-mnist --rounds 3
    python benches/pytorch.py fast --epoch                # and default

Both train the preset's layers with Adam in float32, without augmentation: forward, backward and update of a
batch. The times are medians over the steps. PyTorch has the images in memory as floats, in the
layout that is named; ours shuffles, gathers and normalises bytes inside of its figure.

With --epoch, what is timed is whole: in PyTorch an epoch of the reference network over as many images as MNIST has, in
random order, with a one-cycle schedule; here all of the training that the preset asks for on MNIST.
"""

import argparse
import json
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path

import numpy
import torch
from torch import nn

PLAIN = [
    "training.optimizer=adam", "training.schedule=constant", "training.label_smoothing=0",
    "training.ema_decay=0", "data.validation_size=0", "augment.rotation=0", "augment.scale=0",
    "augment.shear=0", "augment.shift=0", "augment.elastic=0", "augment.cutout=0", "augment.flip=false",
    "augment.brightness=0", "augment.contrast=0", "augment.saturation=0", "augment.off_epochs=0",
    "evaluation.test=false",
]  # fmt: skip


class Residual(nn.Module):
    """A convolution whose output is added to its input before ReLU."""

    def __init__(self, *inner):
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, images):
        return nn.functional.relu(images + self.inner(images))


def network(layers, shape, classes):
    """The layers of a run's settings as PyTorch modules, and the linear layer of the classes."""
    channels, height, width = shape
    modules, is_flat = [], False
    for layer in layers:
        if "convolution" in layer:
            outputs, kernel = layer["convolution"], layer["kernel"]
            padding, has_norm = layer.get("padding", 0), "norm" in layer
            block = [nn.Conv2d(channels, outputs, kernel, padding=padding, bias=not has_norm)]
            channels = outputs
            height, width = (side + 2 * padding - kernel + 1 for side in (height, width))
            if has_norm:
                block.append(nn.BatchNorm2d(outputs))
            if "pool" in layer:
                block.append(nn.MaxPool2d(layer["pool"]))
                height, width = height // layer["pool"], width // layer["pool"]
            modules += [Residual(*block)] if layer.get("residual") else [*block, nn.ReLU()]
        elif layer.get("pool") == "average":
            modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            is_flat = True
        elif "linear" in layer:
            if not is_flat:
                modules.append(nn.Flatten())
                channels, is_flat = channels * height * width, True
            modules += [nn.Linear(channels, layer["linear"]), nn.ReLU()]
            channels = layer["linear"]
        else:
            raise SystemExit(f"this script has no {layer}")
    if not is_flat:
        modules.append(nn.Flatten())
        channels *= height * width
    return nn.Sequential(*modules, nn.Linear(channels, classes))


def pytorch_step(layers, arguments, layout):
    """Milliseconds of a step; on a GPU of ten that are waited for together, as ours are."""
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    device, graph = arguments.torch_device, arguments.graph
    form = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    batch, count = arguments.batch, 12 * arguments.batch
    model = network(layers, arguments.shape, arguments.classes).to(device, memory_format=form)
    images = torch.randn(count, *arguments.shape).to(device, memory_format=form)
    labels = torch.from_numpy(numpy.random.default_rng(0).integers(0, arguments.classes, count)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), capturable=graph)
    taken, taken_labels = images[:batch].clone(memory_format=form), labels[:batch].clone()

    def train(batch_images, batch_labels):
        optimizer.zero_grad(set_to_none=not graph)
        nn.functional.cross_entropy(model(batch_images), batch_labels).backward()
        optimizer.step()

    recorded = None
    if graph:
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                train(taken, taken_labels)
        torch.cuda.synchronize()
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded):
            train(taken, taken_labels)
    together = 1 if device == "cpu" else 10
    times, end = [], time.perf_counter() + arguments.seconds
    while time.perf_counter() < end or len(times) < 20:
        start = time.perf_counter()
        for step in range(together):
            first = (len(times) * together + step) * batch % count
            some = slice(first, first + batch)
            if recorded is None:
                train(images[some], labels[some])
            else:
                taken.copy_(images[some])
                taken_labels.copy_(labels[some])
                recorded.replay()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start) / together)
    return float(numpy.median(times[5:]))


def pytorch_epoch(layers, arguments):
    """Seconds of an epoch over 60,000 images, `channels_last`, after five steps that are not counted."""
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    form, batch, count = torch.channels_last, arguments.batch, 60_000
    model = network(layers, arguments.shape, arguments.classes).to(memory_format=form)
    images = torch.randn(count, *arguments.shape).to(memory_format=form)
    labels = torch.from_numpy(numpy.random.default_rng(0).integers(0, arguments.classes, count))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.7, 0.9))
    steps = -(-count // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps + 5, cycle_momentum=False)
    order = torch.randperm(count)

    def train(some):
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(images[some]), labels[some]).backward()
        optimizer.step()
        schedule.step()

    for _ in range(5):
        train(order[:batch])
    start = time.perf_counter()
    for step in range(steps):
        train(order[step * batch : (step + 1) * batch])
    return time.perf_counter() - start


def our_training(arguments):
    """Seconds of the preset's training on MNIST; with the settings of the reference network, on all 60,000 images."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            arguments.program, "-q", "train", "--config", arguments.preset, "--device", "cpu", "--json",
            "--dataset", "mnist", "--set", "evaluation.test=false", "--out", f"{folder}/run",
        ]  # fmt: skip
        if arguments.preset == "default":
            command += ["--set", "data.validation_size=0"]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)["train_seconds"]


def compare_epochs(arguments):
    layers = layers_of(arguments, "default")
    print(f"{arguments.preset} on MNIST, PyTorch {torch.__version__}, {arguments.threads} threads")
    print("round  PyTorch, an epoch  gpu-mnist  ratio")
    for turn in range(arguments.rounds):
        ours, theirs = our_training(arguments), pytorch_epoch(layers, arguments)
        print(f"{turn + 1:5}  {theirs:15.2f} s  {ours:7.2f} s  {ours / theirs:5.2f}", flush=True)


def layers_of(arguments, preset):
    """The layers that the program's settings name."""
    command = [arguments.program, "config", "model.layers", "--json", "--config", preset]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(text)["settings"]["model.layers"]["value"]


def our_step(arguments):
    """Milliseconds of a step, and the layers that were trained."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            arguments.program, "-q", "train", "--config", arguments.preset, "--device", "cpu", "--json",
            "--dataset", arguments.dataset, "--epochs", "1", "--train-limit", str(50 * arguments.batch),
            "--out", f"{folder}/run", "--set", f"training.batch_size={arguments.batch}",
        ]  # fmt: skip
        command += [word for setting in PLAIN for word in ("--set", setting)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        settings = tomllib.loads(Path(folder, "run", "settings.toml").read_text())
    return json.loads(done.stdout)["step_ms"]["median"], settings["model"]["layers"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", help="a preset, or a settings file")
    parser.add_argument("--program", default="target/release/gpu-mnist")
    parser.add_argument("--dataset", default="mnist", help="what ours trains on: a set, or a folder")
    parser.add_argument("--shape", type=int, nargs=3, default=[1, 28, 28], help="of its images")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6, help="of a measurement of PyTorch")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--torch-device", default="cpu", help="cpu or cuda, for PyTorch")
    parser.add_argument("--graph", action="store_true", help="PyTorch replays a CUDA graph of one step")
    parser.add_argument("--epoch", action="store_true", help="time a whole training, beside PyTorch's epoch of MNIST")
    parser.add_argument("--only-pytorch", action="store_true", help="print PyTorch's step alone, as JSON")
    arguments = parser.parse_args()
    if arguments.epoch:
        compare_epochs(arguments)
        return
    if arguments.only_pytorch:
        layers = layers_of(arguments, arguments.preset)
        last, first = (pytorch_step(layers, arguments, layout) for layout in ("channels_last", "nchw"))
        found = {"pytorch": torch.__version__, "device": arguments.torch_device, "graph": arguments.graph}
        print(json.dumps({**found, "step_ms": min(last, first), "channels_last_ms": last, "nchw_ms": first}))
        return
    print(f"{arguments.preset}, batch {arguments.batch}, PyTorch {torch.__version__}, {arguments.threads} threads")
    print("round  channels_last      NCHW  gpu-mnist  ratio")
    for turn in range(arguments.rounds):
        ours, layers = our_step(arguments)
        last, first = (pytorch_step(layers, arguments, layout) for layout in ("channels_last", "nchw"))
        print(f"{turn + 1:5}  {last:10.2f} ms  {first:6.2f} ms  {ours:6.2f} ms  {ours / last:5.2f}", flush=True)


if __name__ == "__main__":
    main()
