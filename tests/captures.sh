#!/usr/bin/env bash
# Runs every command that prints a table in terminals of 80 and 120 columns (tmux), keeps what each shows, and fails where a
# row is wider than its terminal. Lines to be copied (Next, Again) and what a bug report needs stay whole.
#     tests/captures.sh [PROGRAM] [FOLDER]
set -euo pipefail
program="$(realpath "${1:-target/release/gpu-mnist}")"
out="${2:-$(mktemp -d)}"
mkdir -p "$out"
out="$(realpath "$out")"
home="$(mktemp -d)"
session="captures-$$"
trap 'tmux -L "$session" kill-server 2>/dev/null || true; rm -rf "$home"' EXIT
mkdir "$home/bin"
ln -s "$program" "$home/bin/gpu-mnist"
export HOME="$home" XDG_CACHE_HOME="$home/cache" XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}" PATH="$home/bin:$PATH"
cd "$home"

small="--config smoke --device cpu --dataset synthetic"
# shellcheck disable=SC2086
{
    gpu-mnist train $small --out one
    gpu-mnist train $small --seeds 2 --out seeds
    gpu-mnist sweep $small --over 'training.learning_rate=[1e-3,2e-3]' --over 'training.optimizer=["adam","muon"]' \
        --over 'training.batch_size=[64,256]' --over 'model.layers=[[{linear=10}],"plain"]' --over 'augment.rotation=[0,10]' \
        --trials 4 --method random --set data.train_limit=1000 --out sweep
} >/dev/null 2>&1
# Images of classes with long names.
python3 - <<'P'
import pathlib, struct, zlib
def png(path, shade):
    rows = b"".join(b"\0" + bytes((shade + x * y) % 256 for x in range(28)) for y in range(28))
    part = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b""))
for place, name in enumerate(["atypical ductal hyperplasia of the breast", "normal, benign", "fibroadenoma"]):
    for index in range(8):
        png(pathlib.Path("images", name, f"{index}.png"), 60 * place + index)
png(pathlib.Path("images/fibroadenoma/a-name-that-does-not-fit-beside-its-answer.png"), 9)
P
commands=(
    "runs list ."
    "devices"
    "doctor --device cpu --config smoke"
    "bench --device cpu --config smoke --steps 2 --set bench.rounds=2 --batch-size 64,256 --save bench.json"
    "bench --device cpu --config smoke --steps 2 --set bench.rounds=2 --batch-size 64,256 --compare bench.json"
    "lr-find $small --steps 30"
    "evaluate one"
    "evaluate one --details"
    "evaluate seeds"
    "evaluate --ensemble sweep --top 2"
    "evaluate sweep --tta 1"
    "predict --run one images"
    "predict --show --run one images/fibroadenoma/a-name-that-does-not-fit-beside-its-answer.png"
    "data list"
    "data verify images"
    "data suspects one"
    "config"
    "config --changed --config cifar"
    "train $small --epochs 2"
    "train $small --epochs 2 --details"
    "train $small --seeds 2"
    "train $small --ensemble 2"
    "train --dataset images --device cpu --epochs 1 --set data.validation_size=0"
    "runs prune runs --keep 1"
    "sweep plan $small --over 'training.learning_rate=[1e-3,2e-3,3e-3,4e-3]' --method halving --eta 2 --epochs 2 --out plan\$COLUMNS"
    "sweep run plan\$COLUMNS"
    "sweep status plan\$COLUMNS"
    "sweep collect plan\$COLUMNS"
    "sweep status sweep"
    "sweep run sweep"
)
# A session of its own keeps the server, which could not be started again at once, and its history.
tmux -L "$session" -f /dev/null new-session -d -s keep
tmux -L "$session" set-option -g history-limit 5000
number=0
for command in "${commands[@]}"; do
    number=$((number + 1))
    for columns in 80 120; do
        name="$(printf '%s/%02d-%s' "$out" "$number" "$columns")"
        tmux -L "$session" new-session -d -s one -x "$columns" -y 50 "bash --norc"
        tmux -L "$session" send-keys -t one "PS1='$ '; clear" Enter
        sleep 0.5
        tmux -L "$session" send-keys -t one "gpu-mnist $command; echo ended\$((1 + 1))" Enter
        for _ in $(seq 300); do
            sleep 0.3
            tmux -L "$session" capture-pane -t one -p -S -4000 | grep -q ended2 && break
        done
        tmux -L "$session" capture-pane -t one -p -S -4000 >"$name.txt"
        # As one line what the terminal broke.
        tmux -L "$session" capture-pane -t one -p -J -S -4000 >"$name.lines"
        tmux -L "$session" kill-session -t one
    done
done
python3 - "$out" <<'P'
import glob, sys, unicodedata
wide = 0
for path in sorted(glob.glob(sys.argv[1] + "/*.lines")):
    columns = int(path.rsplit("-", 1)[1].split(".")[0])
    for line in open(path):
        line = line.rstrip("\n")
        width = sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)
        if width > columns and not line.startswith(("$ ", "Next ", "Again ", "gpu-mnist ")):
            wide += 1
            print(f"{path}: {width} columns: {line[:150]}")
print(f"{wide} rows are too wide")
sys.exit(wide > 0)
P
