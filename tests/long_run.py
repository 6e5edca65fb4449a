#!/usr/bin/env python3
"""Trains for long and watches memory and open files from outside:

    tests/long_run.py PROGRAM EPOCHS CHART.svg [ARGUMENT...]

The arguments go to `train --config smoke`. Samples the process ten times a second, draws the
chart, and fails unless memory and file handles are flat after the tenth epoch and the metrics
hold every step and every epoch once. Linux.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

MIB = 1024.0
# What the last tenth may hold beyond the epochs 10 to 30, of both the mean.
MOST_GROWTH = 0.02


def main():
    program, epochs, chart = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    folder = tempfile.mkdtemp()
    run = os.path.join(folder, "run")
    command = [os.path.abspath(program), "train", "--config", "smoke", "--dataset", "synthetic"]
    command += ["--epochs", str(epochs), "--out", run, "-q", *sys.argv[4:]]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    samples = watch(process, os.path.join(run, "metrics.jsonl"))
    if process.returncode != 0:
        sys.exit(f"the training ended with {process.returncode}")
    faults = judge(samples, epochs, os.path.join(run, "metrics.jsonl"))
    with open(chart, "w") as file:
        file.write(draw(samples, " ".join(sys.argv[4:])))
    print("\n".join(faults) or "flat and complete")
    sys.exit(bool(faults))


def watch(process, metrics):
    """A list of (epochs done, MiB resident, open files)."""
    samples, done, position = [], 0, 0
    proc = f"/proc/{process.pid}"
    while process.poll() is None:
        try:
            with open(metrics, "rb") as file:
                file.seek(position)
                fresh = file.read()
            position += len(fresh)
            done += fresh.count(b'"kind":"epoch"')
        except FileNotFoundError:
            pass
        try:
            with open(proc + "/status") as file:
                lines = dict(line.split(":", 1) for line in file if ":" in line)
            resident = int(lines["VmRSS"].split()[0]) / MIB
            samples.append((done, resident, len(os.listdir(proc + "/fd"))))
        except (FileNotFoundError, KeyError, ProcessLookupError):
            break
        time.sleep(0.1)
    process.wait()
    return samples


def judge(samples, epochs, metrics):
    """Prints the figures; gives what is wrong."""
    faults = []
    early = [sample for sample in samples if 10 <= sample[0] < 30]
    late = [sample for sample in samples if 0.9 * epochs <= sample[0] < epochs]
    if len(early) < 5 or len(late) < 5:
        return [f"too few samples: {len(early)} and {len(late)}"]
    mean = lambda part: sum(sample[1] for sample in part) / len(part)
    growth = mean(late) / mean(early) - 1
    settled = [sample for sample in samples if 10 <= sample[0] < epochs]
    files = sorted({sample[2] for sample in settled})
    print(
        f"{len(samples)} samples; memory {mean(early):.1f} MiB in epochs 10 to 30, "
        f"{mean(late):.1f} MiB in the last tenth ({growth:+.2%}); "
        f"from {min(s[1] for s in settled):.1f} to {max(s[1] for s in settled):.1f} MiB "
        f"after epoch 10; open files {files[0]} to {files[-1]}"
    )
    if growth > MOST_GROWTH:
        faults.append("memory grows")
    # One more is open while a file is written, which a sample may meet or not.
    usual = lambda part: sorted(sample[2] for sample in part)[len(part) // 2]
    if usual(late) > usual(early):
        faults.append("open files grow")
    steps, ended = [], []
    with open(metrics) as file:
        for line in file:
            record = json.loads(line)
            (steps if record["kind"] == "step" else ended).append(record)
    if [record["epoch"] for record in ended] != list(range(1, epochs + 1)):
        faults.append(f"epochs are missing or twice: {len(ended)}")
    numbers = [record["step"] for record in steps]
    if numbers != sorted(set(numbers)) or numbers[-1] != ended[-1]["step"]:
        faults.append("steps are missing or twice")
    print(f"{len(ended)} epochs and {len(steps)} step records, the last of step {numbers[-1]}")
    return faults


def draw(samples, arguments):
    """Memory and open files over the epochs, light or dark as the reader's system is."""
    width, height, left, bottom = 720, 260, 56, 40
    most = max(sample[1] for sample in samples) * 1.15
    last = max(sample[0] for sample in samples) or 1
    x = lambda epoch: left + (width - left - 16) * epoch / last
    y = lambda value: height - bottom - (height - bottom - 44) * value / most
    # Time within an epoch is not known from outside: its samples share the space up to the next.
    by_epoch = {}
    for epoch, resident, files in samples:
        by_epoch.setdefault(epoch, []).append((resident, files))
    middle = lambda numbers: sorted(numbers)[len(numbers) // 2]
    points, usual_files = [], middle([sample[2] for sample in samples])
    for epoch, found in sorted(by_epoch.items()):
        points.append(f"{x(epoch):.1f},{y(max(value for value, _ in found)):.1f}")
    handles = " ".join(
        f"{x(epoch):.1f},{y(most * 0.5 * middle([files for _, files in found]) / usual_files):.1f}"
        for epoch, found in sorted(by_epoch.items())
    )
    grid = ""
    step = next(s for s in (5, 10, 20, 25, 50, 100, 200, 500, 1000) if most / s <= 6)
    for value in range(0, int(most) + 1, step):
        grid += (
            f'<path class="g" d="M{left} {y(value):.1f}H{width - 16}"/>'
            f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>'
        )
    for part in range(0, 5):
        epoch = last * part // 4
        grid += f'<text x="{x(epoch):.1f}" y="{height - 18}" text-anchor="middle">{epoch}</text>'
    title = f"train --config smoke {arguments}".strip()
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="Memory of {title} over {last} epochs">
<style>text{{font:12px system-ui,sans-serif;fill:#444}}.g{{stroke:#ddd;fill:none}}.m{{stroke:#0b62a4;fill:none;stroke-width:1.5}}.f{{stroke:#b5651d;fill:none;stroke-dasharray:4 3}}.b{{fill:#fff}}
@media(prefers-color-scheme:dark){{text{{fill:#ccc}}.g{{stroke:#3a3a3a}}.m{{stroke:#6db3f2}}.f{{stroke:#e0a060}}.b{{fill:#161616}}}}</style>
<rect class="b" width="{width}" height="{height}"/>
<text x="{left}" y="14">{title}</text>
<text x="{left}" y="30">MiB resident, the most of each epoch (line); open files, usually {usual_files} (dashed)</text>
{grid}
<polyline class="m" points="{' '.join(points)}"/>
<polyline class="f" points="{handles}"/>
<text x="{width - 16}" y="{height - 4}" text-anchor="end">epochs</text>
</svg>
"""


if __name__ == "__main__":
    main()
