#!/usr/bin/env bash
# Makes web/dist/: the page, its modules, and the Rust core as WebAssembly with its JavaScript glue.
# Says what it needs where that is missing, and exits with 3. GPU_MNIST_WEB_TARGET names another
# target folder.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cross/standard_library.sh

target=wasm32-unknown-unknown
dist=web/dist
most_bytes=6000000

main() {
    choose_compiler
    need_tools
    compile
    assemble
    sizes
}

choose_compiler() {
    command -v cargo >/dev/null || missing "cargo" "https://rustup.rs installs it"
    standard_library "$target" std,panic_abort ||
        missing "the standard library of $target" \
            "rustup target add $target (or, on Debian: apt-get install rustc-web cargo-web rust-web-src)"
    if [ "${#build_std[@]}" -gt 0 ]; then
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$(linker)"
        export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
    fi
}

# The linker for WebAssembly that the toolchain brings, or LLVM's.
linker() {
    local host
    host="$(rustc -vV | sed -n 's/^host: //p')"
    for found in "$(rustc --print sysroot)/lib/rustlib/$host/bin/rust-lld" \
        "$(command -v rust-lld || true)" "$(command -v wasm-ld || true)"; do
        if [ -x "$found" ]; then
            echo "$found"
            return
        fi
    done
    missing "a linker for WebAssembly" "rustup's toolchain has rust-lld; apt-get install lld has wasm-ld"
}

need_tools() {
    bindgen="$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)"
    if [ "$(wasm-bindgen --version 2>/dev/null)" != "wasm-bindgen $bindgen" ]; then
        missing "wasm-bindgen $bindgen" "cargo install wasm-bindgen-cli --version $bindgen"
    fi
}

compile() {
    local kept="${HOME:-/root}/.cache/gpu-mnist-web-target"
    # Never the folder of native builds: another compiler would throw theirs away.
    if [ -n "${GPU_MNIST_WEB_TARGET:-}" ]; then
        export CARGO_TARGET_DIR="$GPU_MNIST_WEB_TARGET"
    elif [ -d "$kept" ]; then
        export CARGO_TARGET_DIR="$kept"
    else
        export CARGO_TARGET_DIR="$PWD/target/web"
    fi
    # Every browser with WebGPU has SIMD128, and the page asks before it starts.
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-C target-feature=+simd128"
    cargo rustc --lib --crate-type cdylib --profile web --target "$target" "${build_std[@]}"
}

assemble() {
    rm -rf "$dist"
    mkdir -p "$dist/src"
    cp web/*.html web/*.css web/*.svg "$dist/" 2>/dev/null || true
    cp web/src/*.js "$dist/src/"
    # Not wasm-opt: what it saves, compression saves too (its -O2 made 3 % more of the packed module),
    # and Debian's version 108 breaks the table of function references.
    wasm-bindgen --target web --no-typescript --out-name gpu_mnist --out-dir "$dist/src" \
        "$CARGO_TARGET_DIR/$target/web/gpu_mnist.wasm"
}

# The bytes that travel: a server sends brotli or gzip.
sizes() {
    local packed=0 small=0 file
    printf '%10s %10s %10s\n' bytes gzip brotli
    while IFS= read -r file; do
        local plain gzip brotli
        plain="$(wc -c <"$file")"
        gzip="$(gzip -9 -c "$file" | wc -c)"
        brotli="$gzip"
        if command -v brotli >/dev/null; then
            brotli="$(brotli -q 9 -c "$file" | wc -c)"
        fi
        printf '%10d %10d %10d %s\n' "$plain" "$gzip" "$brotli" "${file#"$dist"/}"
        packed=$((packed + gzip))
        small=$((small + brotli))
    done < <(find "$dist" -type f | sort)
    printf '%10s %10d %10d in all, at most %d wanted\n' '' "$packed" "$small" "$most_bytes"
    if [ "$packed" -gt "$most_bytes" ]; then
        echo "web/dist/ is larger than a page should be" >&2
        exit 1
    fi
}

missing() {
    printf 'web/build.sh: %s is missing: %s\n' "$1" "$2" >&2
    exit 3
}

main
