#!/usr/bin/env bash
# Runs the checks of the CPU kernels for aarch64 (NEON) under qemu: tests/cross/aarch64.sh
# With --train also the whole program: it trains `smoke` there, and the weights must have the bits that the program
# given trains here: plain Rust against plain Rust, NEON against AVX2.
#   tests/cross/aarch64.sh --train [PROGRAM]      (target/release/gpu-mnist if left out)
# Installs nothing: says what it needs where that is missing, and exits with 3. GPU_MNIST_AARCH64_TARGET names another
# target folder than target/aarch64.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/cross/standard_library.sh

target=aarch64-unknown-linux-gnu
kept="${HOME:-/root}/.cache/gpu-mnist-aarch64-target"
if [ -n "${GPU_MNIST_AARCH64_TARGET:-}" ]; then
    target_dir="$GPU_MNIST_AARCH64_TARGET"
elif [ -d "$kept" ]; then
    target_dir="$kept"
else
    target_dir="$PWD/target/aarch64"
fi

main() {
    local native
    native="${2:-${CARGO_TARGET_DIR:-target}/release/gpu-mnist}"
    case "${1:-}" in
    "" | --train) need ;;
    *) sed -n '2,8s/^# \{0,1\}//p' tests/cross/aarch64.sh >&2 && exit 2 ;;
    esac
    export CARGO_TARGET_DIR="$target_dir"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$emulator -L /usr/aarch64-linux-gnu"
    check
    if [ "${1:-}" = --train ]; then
        train "$native"
    fi
}

need() {
    command -v cargo >/dev/null || missing cargo "https://rustup.rs installs it"
    emulator="$(command -v qemu-aarch64-static || command -v qemu-aarch64)" ||
        missing qemu-aarch64 "apt-get install qemu-user-static"
    command -v aarch64-linux-gnu-gcc >/dev/null ||
        missing aarch64-linux-gnu-gcc "apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    standard_library "$target" std,test ||
        missing "the standard library of $target" \
            "rustup target add $target (or, on Debian: apt-get install rustc-web rust-web-src)"
}

check() {
    cargo test --locked --release --target "$target" "${build_std[@]}" --manifest-path tests/cpu_kernels/Cargo.toml
}

# The program, built without optimising what only generates code for a GPU, nor Burn's own operations, which nothing here uses.
train() {
    local native="$1" program="$target_dir/$target/release/gpu-mnist" here there
    [ -x "$native" ] || missing "$native" "cargo build --release"
    cargo build --locked --release --target "$target" "${build_std[@]}" \
        --config 'profile.release.package."*".opt-level=0' --config 'profile.release.package.burn-flex.opt-level=0'
    # The trap reads it when this function has ended.
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
    for levels in "scalar scalar" "avx2 neon"; do
        read -r here there <<<"$levels"
        trained "$folder" "$here" "$native"
        # shellcheck disable=SC2086 # the emulator and its arguments
        trained "$folder" "$there-aarch64" $CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER "$program"
        if [ "$(result "$folder/$here")" != "$(result "$folder/$there-aarch64")" ]; then
            echo "aarch64 trains otherwise than this machine: $here here, $there there" >&2
            exit 1
        fi
    done
}

# Trains into FOLDER/NAME, whose first word is the instruction set, and prints what came of it.
trained() {
    local folder="$1" name="$2"
    shift 2
    GPU_MNIST_SIMD="${name%-*}" "$@" train --config smoke --device cpu --out "$folder/$name"
    echo "$name: $(result "$folder/$name")"
}

# Test images that were classified right, and the hash of the weights.
result() {
    sed -n 's/^    "\(correct\|total\)": \([0-9]*\),$/\1 \2/p; /^  "weights"/,/}/s/.*"\(sha256\)": "\(.*\)".*/\1 \2/p' \
        "$1/run.json" | paste -sd ' '
}

missing() {
    printf 'tests/cross/aarch64.sh: %s is missing: %s\n' "$1" "$2" >&2
    exit 3
}

main "$@"
