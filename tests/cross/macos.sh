#!/usr/bin/env bash
# Checks that the program compiles for macOS, types and borrows, without Apple's SDK: tests/cross/macos.sh [TARGET]
# Nothing is linked and nothing runs: what is written in C is handed to a compiler that makes empty files. TARGET is
# aarch64-apple-darwin or x86_64-apple-darwin; GPU_MNIST_MACOS_TARGET names another target folder than target/macos.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/cross/standard_library.sh

target="${1:-aarch64-apple-darwin}"
stubs="$(mktemp -d)"
trap 'rm -rf "$stubs"' EXIT

# A compiler and an archiver that make each file they are asked for, empty, and a tool that names an SDK. That alone is found by
# its name: what is built for this machine, such as macros, needs the real ones.
mkdir "$stubs/bin"
cat >"$stubs/clang" <<'STUB'
#!/usr/bin/env bash
while [ $# -gt 0 ]; do
    case "$1" in
    -o) : >"$2" && shift ;;
    -o?*) : >"${1#-o}" ;;
    esac
    shift
done
STUB
cat >"$stubs/ar" <<'STUB'
#!/usr/bin/env bash
for name; do
    case "$name" in *.a) printf '!<arch>\n' >"$name" ;; esac
done
STUB
cat >"$stubs/bin/xcrun" <<STUB
#!/usr/bin/env bash
echo "$stubs"
STUB
chmod +x "$stubs"/{clang,ar} "$stubs/bin/xcrun"

standard_library "$target" std,panic_unwind || {
    echo "tests/cross/macos.sh: the standard library of $target is missing: rustup target add $target" \
        "(or, on Debian: apt-get install rustc-web rust-web-src)" >&2
    exit 3
}
export CARGO_TARGET_DIR="${GPU_MNIST_MACOS_TARGET:-$PWD/target/macos}" SDKROOT="$stubs" PATH="$stubs/bin:$PATH"
export "CC_${target//-/_}=$stubs/clang" "AR_${target//-/_}=$stubs/ar"
cargo check --locked --release --target "$target" "${build_std[@]}"
