#!/usr/bin/env bash
# Builds the program for Windows with mingw-w64 and runs it under Wine: tests/cross/windows.sh [PROGRAM.exe]
# Prints a table in Markdown and fails if a row is not as it should be. Installs nothing: says what it needs where that
# is missing, and exits with 3. GPU_MNIST_WINDOWS_TARGET names another target folder than target/windows.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/cross/standard_library.sh

target=x86_64-pc-windows-gnu
repository="$PWD"
bad=0

main() {
    command -v wine >/dev/null || missing wine "apt-get install wine64 wine"
    command -v x86_64-w64-mingw32-gcc >/dev/null || missing mingw-w64 "apt-get install gcc-mingw-w64-x86-64"
    if [ $# -gt 0 ]; then
        program="$(realpath "$1")"
    else
        build
    fi
    home="$(mktemp -d)"
    trap cleanup EXIT
    x86_64-w64-mingw32-gcc -municode -O1 -o "$home/helper.exe" tests/cross/windows.c
    cp "$program" "$home/gpu-mnist.exe"
    x86_64-w64-mingw32-gcc -shared -O1 -o "$home/bcryptprimitives.dll" tests/cross/bcryptprimitives.c -ladvapi32
    cd "$home"
    # Arguments are turned into UTF-16 by the locale. Nothing asks for a display, .NET or a browser.
    export WINEPREFIX="$home/prefix" WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=" LC_ALL=C.UTF-8 NO_COLOR=1
    wine wineboot -i >/dev/null 2>&1
    rows
    echo
    [ "$bad" = 0 ] || { echo "$bad rows are wrong" >&2 && exit 1; }
}

build() {
    standard_library "$target" std,panic_unwind ||
        missing "the standard library of $target" \
            "rustup target add $target (or, on Debian: apt-get install rustc-web rust-web-src)"
    export CARGO_TARGET_DIR="${GPU_MNIST_WINDOWS_TARGET:-$PWD/target/windows}"
    # Without optimising what only generates code for a GPU, nor Burn's own operations, which nothing here uses.
    cargo build --locked --release --target "$target" "${build_std[@]}" \
        --config 'profile.release.package."*".opt-level=0' --config 'profile.release.package.burn-flex.opt-level=0'
    program="$CARGO_TARGET_DIR/$target/release/gpu-mnist.exe"
}

cleanup() {
    wine wineboot -k >/dev/null 2>&1 || true
    rm -rf "$home"
}

missing() {
    printf 'tests/cross/windows.sh: %s is missing: %s\n' "$1" "$2" >&2
    exit 3
}

# row WHAT CODE WORDS... -- COMMAND...: whether a command ends with the code, and says each of the words.
row() {
    local what="$1" expected="$2" words=() word code=0 wrong=""
    shift 2
    while [ "$1" != -- ]; do
        words+=("$1")
        shift
    done
    shift
    "$@" >said.log 2>&1 </dev/null || code=$?
    # What a terminal is told beside text; it is moved over a space rather than sent one.
    sed -i 's/\x1b\[[0-9]*C/ /g; s/\x1b\[[0-9;?]*[a-zA-Z]//g; s/\r/\n/g' said.log
    [ "$code" = "$expected" ] || wrong="exit code $code, not $expected; "
    grep -aq 'panicked' said.log && wrong+="a panic; "
    for word in "${words[@]}"; do
        grep -aqF -- "$word" said.log || wrong+="'$word' was not said; "
    done
    if [ -n "$wrong" ]; then
        bad=$((bad + 1))
        tail -n 15 said.log >&2
    fi
    printf '| %s | %s |\n' "$what" "${wrong:-ok}"
}

# As a person at a terminal: Ctrl-C needs a console.
at_terminal() {
    script -qec "stty cols 200; $(printf '%q ' "$@")" /dev/null
}

rows() {
    local run='Läufe 数字/первый run' small=(--device cpu --dataset 'Läufe 数字/own' --epochs 4) long deep
    local gpu_mnist=(wine gpu-mnist.exe)
    printf '| what | under %s |\n|---|---|\n' "$(wine --version 2>/dev/null)"
    row "its version" 0 "gpu-mnist 0." -- "${gpu_mnist[@]}" --version
    row "devices" 0 "CPU" -- "${gpu_mnist[@]}" devices
    row "training, into a folder with spaces and other scripts" 0 "Accuracy" -- \
        "${gpu_mnist[@]}" train --device cpu --config smoke --out "$run"
    cp "$repository/fuzz/seeds/picture/palette.png" 'Läufe 数字/цифра 7.png'
    row "an image with such a name" 0 "цифра 7.png" -- "${gpu_mnist[@]}" predict --device cpu --run "$run" 'Läufe 数字/цифра 7.png'
    row "a path with backslashes" 0 "цифра 7.png" -- "${gpu_mnist[@]}" predict --device cpu --run "${run/\//\\}" 'Läufe 数字\цифра 7.png'
    row "the report" 0 "report.html" -- "${gpu_mnist[@]}" report "$run"
    row "evaluation" 0 "%" -- "${gpu_mnist[@]}" evaluate --device cpu "$run"
    row "export" 0 "model.onnx" -- "${gpu_mnist[@]}" export "$run" --format onnx --out model.onnx
    row "the list of runs" 0 "первый run" -- "${gpu_mnist[@]}" runs list 'Läufe 数字'
    classes 'Läufe 数字/own'
    row "a folder for each class" 0 "Accuracy" "ноль" -- \
        "${gpu_mnist[@]}" train --device cpu --dataset 'Läufe 数字\own' --epochs 4 --out own --details
    row "a run folder that it names itself, and its latest" 0 "runs" -- "${gpu_mnist[@]}" train "${small[@]}"
    row "weights to start from, through latest" 0 "Accuracy" -- \
        "${gpu_mnist[@]}" train "${small[@]}" --from 'runs\latest' --out 'runs\second'
    row "settings that name them as people do" 0 'model.safetensors' -- grep -E "^from = ['\"][A-Z]:" 'runs/second/settings.toml'
    # Then the newest is one that is left.
    sleep 1
    row "a newer run" 0 "Accuracy" -- "${gpu_mnist[@]}" train "${small[@]}"
    row "old runs removed" 0 "2 removed, 1 kept" -- "${gpu_mnist[@]}" runs prune --keep 1
    row "a latest that is still there" 0 "report.html" -- "${gpu_mnist[@]}" report 'runs\latest'
    long=(--device cpu --dataset own-images --epochs 2000 --set training.checkpoint_every=5 --out stopped)
    cp -r 'Läufe 数字/own' own-images
    row "Ctrl-C once there is a checkpoint" 130 "train --resume stopped" -- \
        at_terminal wine helper.exe interrupt 'stopped\checkpoints\step-*' "gpu-mnist.exe train ${long[*]}"
    row "--resume, to the end" 0 "Accuracy" -- "${gpu_mnist[@]}" train --resume stopped --device cpu
    deep="$(printf 'a folder with a long name %s/' 1 2 3 4 5 6 7 8 9 10)"
    row "a path of more than 260 characters" 0 "Accuracy" -- "${gpu_mnist[@]}" train "${small[@]}" --out "${deep}run"
    row "images read with its weights" 0 "цифра 7.png" -- \
        "${gpu_mnist[@]}" predict --device cpu --run "${deep}run" 'Läufe 数字/цифра 7.png'
    held "$run/report.html" 1500
    row "a file that another program holds for 1.5 s" 0 "report.html" -- "${gpu_mnist[@]}" report "$run"
    wait
    held "$run/report.html" 8000
    row "one that is held for longer" 1 "report.html" -- "${gpu_mnist[@]}" report "$run"
    wait
}

# Two classes of forty images each of 12 by 12 points, in FOLDER: a bar that lies, and one that stands.
classes() {
    local folder="$1" number class x y place dark points
    mkdir -p "$folder/ноль" "$folder/one 一"
    for number in $(seq 40); do
        # Each image with a shade of its own.
        dark="$(printf '\\x%02x' "$number")"
        for class in "ноль" "one 一"; do
            points=""
            for y in {1..12}; do
                for x in {1..12}; do
                    place="$y"
                    [ "$class" = "ноль" ] || place="$x"
                    if [ "$place" = $((3 + number % 7)) ]; then points+='\xff\xff\xff'; else points+="$dark$dark$dark"; fi
                done
            done
            # A bitmap's header: 486 bytes in all, points from the 54th, 12 by 12 of 24 bits.
            printf 'BM\xe6\x01\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x0c\0\0\0\x0c\0\0\0\x01\0\x18\0\0\0\0\0\xb0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'"$points" \
                >"$folder/$class/$number.bmp"
        done
    done
}

# Holds a file open for some milliseconds, and returns once it is held.
held() {
    wine helper.exe hold "$1" "$2" >held.log 2>&1 &
    for _ in $(seq 100); do
        grep -q held held.log && return
        sleep 0.05
    done
}

main "$@"
