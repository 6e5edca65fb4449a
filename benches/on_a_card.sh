#!/bin/bash
# What is to be measured on a machine with a graphics card, in under six minutes: doctor, the step replayed, launched and
# by Burn's own operations, `fast` for many seeds, bench, and PyTorch's step eager and as a CUDA graph.
#
#     benches/on_a_card.sh [--program PATH] [--data DIR] [--out DIR] [--device gpu|cpu] [--adapter N] [--seeds N]
#
# DIR of --data holds mnist/. Needs bash, coreutils and python3; PyTorch's rows need torch and are left out without it.
# Writes OUT/card.json and OUT/card.md. A piece that fails or takes too long is named there, and the others go on.
set -u
cd "$(dirname "$0")/.." || exit 1
program=target/release/gpu-mnist data=data out=on-a-card device=gpu adapter='' seeds=20
while [ $# -gt 0 ]; do
    case "$1" in
        --program) program=$2 ;; --data) data=$2 ;; --out) out=$2 ;; --device) device=$2 ;;
        --adapter) adapter=$2 ;; --seeds) seeds=$2 ;;
        *) echo "on_a_card.sh: $1 is no flag; see the first lines of this file" >&2; exit 2 ;;
    esac
    [ $# -ge 2 ] || { echo "on_a_card.sh: $1 wants a value" >&2; exit 2; }
    shift 2
done
[ -x "$program" ] || { echo "on_a_card.sh: $program is not there; build it, or name it with --program" >&2; exit 2; }
[ -d "$data/mnist" ] || { echo "on_a_card.sh: $data/mnist is not there; name the folder that holds mnist/ with --data" >&2; exit 2; }
mkdir -p "$out" || exit 1
rm -rf "${out:?}/pieces" "$out/runs"
mkdir "$out/pieces" "$out/runs"
where=(--device "$device")
[ -n "$adapter" ] && where=(--adapter "$adapter")
train=(train --dataset mnist --data-dir "$data" --no-check "${where[@]}" --json)

# piece NAME SECONDS COMMAND...: the JSON that it prints, or why there is none.
piece() {
    local name=$1 seconds=$2 begun=$SECONDS
    shift 2
    echo "$name" >&2
    timeout -k 5 "$seconds" "$@" >"$out/pieces/$name.json" 2>"$out/pieces/$name.log"
    echo $? >"$out/pieces/$name.code"
    echo $((SECONDS - begun)) >"$out/pieces/$name.seconds"
}

piece devices 20 "$program" devices --json
piece doctor 60 "$program" doctor "${where[@]}" --json
piece replayed 30 "$program" "${train[@]}" --out "$out/runs/replayed"
if [ "$device" = gpu ]; then
    piece launched 30 "$program" "${train[@]}" --no-replay --out "$out/runs/launched"
fi
piece burn 45 "$program" "${train[@]}" --kernels burn --out "$out/runs/burn"
piece fast 60 "$program" "${train[@]}" --config fast --seeds "$seeds" --out "$out/runs/fast"
piece bench 50 "$program" bench "${where[@]}" --steps 60 --format json
if python3 -c 'import torch' 2>/dev/null; then
    torch=cpu
    python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' && torch=cuda
    pytorch=(python3 benches/pytorch.py default --program "$program" --only-pytorch --seconds 5)
    piece pytorch 25 "${pytorch[@]}" --torch-device $torch
    if [ $torch = cuda ]; then
        piece pytorch_graph 25 "${pytorch[@]}" --torch-device cuda --graph
    fi
fi
python3 benches/support/card.py "$out"
