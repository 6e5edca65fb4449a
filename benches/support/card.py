"""Puts what `on_a_card.sh` measured into one JSON file and one Markdown table."""

import json
import sys
from pathlib import Path
from statistics import mean, median

PIECES = ["devices", "doctor", "replayed", "launched", "burn", "fast", "bench", "pytorch", "pytorch_graph"]


def piece(folder, name):
    """What a piece printed with its exit code and seconds; `None` where it was not run."""
    code = folder / f"{name}.code"
    if not code.exists():
        return None
    found = {
        "code": int(code.read_text()),
        "seconds": int((folder / f"{name}.seconds").read_text()),
        "log": (folder / f"{name}.log").read_text()[-2000:],
        "found": None,
    }
    try:
        found["found"] = json.loads((folder / f"{name}.json").read_text())
    except ValueError:
        pass
    return found


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def step(found):
    """Milliseconds of a step, all steps alike, and the accuracy in percent."""
    if not found or not found["found"]:
        return None, None
    found = found["found"]
    if "pytorch" in found:
        return found["step_ms"], None
    return found["step_ms"]["median"], 100 * found["evaluation"]["accuracy"]


def main():
    out = Path(sys.argv[1])
    pieces = {name: piece(out / "pieces", name) for name in PIECES}
    (out / "card.json").write_text(json.dumps(pieces, indent=1) + "\n")
    lines = []
    bench = pieces["bench"]
    rows = bench["found"]["rows"] if bench and bench["found"] else []
    names = sorted({row["name"] for row in rows})
    lines.append(f"{', '.join(names) or 'unknown device'}: reference network, batch 256, MNIST")
    lines += ["", "| what | step, ms | of PyTorch eager | accuracy |", "|---|---|---|---|"]
    eager, _ = step(pieces["pytorch"])
    named = {
        "replayed": "replayed", "launched": "launched one by one", "burn": "Burn's own operations",
        "pytorch": "PyTorch eager", "pytorch_graph": "PyTorch, CUDA graph",
    }  # fmt: skip
    for name, words in named.items():
        if pieces[name] is None:
            continue
        milliseconds, accuracy = step(pieces[name])
        ratio = milliseconds / eager if milliseconds and eager else None
        lines.append(f"| {words} | {number(milliseconds, 3)} | {number(ratio)} | {number(accuracy)} |")
    lines += ["", "| bench | images/s | not replayed | dispatches | host, ms a step | device, ms a step | losses |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        launching = row.get("launching") or {}
        host = launching.get("host_ms") or {}
        host = sum(host.values()) if host else None
        losses = "ok" if (row.get("parity") or {}).get("ok") else row.get("error") or "wrong"
        lines.append(
            f"| {row['name']} ({row['api']}), {row['kernels']} | {number(row['images_per_second'], 0)} "
            f"| {number(launching.get('launched_images_per_second'), 0)} | {launching.get('dispatches', '-')} "
            f"| {number(host, 3)} | {number(launching.get('device_ms'), 3)} | {losses} |"
        )
    doctor = pieces["doctor"]
    if doctor and doctor["found"]:
        lines += ["", f"doctor: {'right' if doctor['found'].get('passed') else 'WRONG'}"]
    fast = pieces["fast"]
    if fast and fast["found"]:
        runs = fast["found"]["runs"]
        of = lambda key: [run[key] for run in runs]
        lines += ["", f"fast, {len(runs)} seeds: {100 * mean(of('accuracy')):.2f} % (mean) in {median(of('train_seconds')):.2f} s of training (median)"]
    failed = [name for name, found in pieces.items() if found and found["code"] != 0]
    lines += [""] if failed else []
    for name in failed:
        found = pieces[name]
        why = f"was ended after {found['seconds']} s" if found["code"] in (124, 137) else f"failed (exit {found['code']})"
        last = found["log"].strip().splitlines()[-1:]
        lines.append(f"- {name} {why}: {' '.join(last).strip()}")
    left_out = [name for name, found in pieces.items() if found is None]
    if left_out:
        lines.append(f"not run: {', '.join(left_out)}")
    (out / "card.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
