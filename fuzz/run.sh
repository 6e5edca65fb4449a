#!/bin/sh
# Fuzzes one target after the other: fuzz/run.sh [SECONDS [TARGET...]], 600 seconds each if left
# out. Needs a C++ compiler, and no nightly toolchain. What is found stays in fuzz/artifacts/.
set -u
cd "$(dirname "$0")" || exit 1
seconds=${1:-600}
[ $# -gt 0 ] && shift
[ $# -eq 0 ] && set -- idx checkpoint weights settings picture saved mirror

# The versions of the program's own lock file. Burn is not compiled again where the target folder
# is a copy of the program's (cp -a target fuzz/target).
[ -f Cargo.lock ] || cp ../Cargo.lock Cargo.lock
target=${CARGO_TARGET_DIR:-target}
RUSTC_WRAPPER=$PWD/rustc cargo build --release || exit 1

failed=0
for name; do
    mkdir -p "corpus/$name" "artifacts/$name"
    kept=
    for folder in "seeds/$name" "regressions/$name"; do
        [ -d "$folder" ] && kept="$kept $folder"
    done
    dictionary=
    [ -f "dictionaries/$name" ] && dictionary=-dict=dictionaries/$name
    # shellcheck disable=SC2086 # a list of folders; no dictionary, no argument
    "$target/release/$name" "corpus/$name" $kept \
        -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -max_len=65536 \
        -artifact_prefix="artifacts/$name/" -print_final_stats=1 $dictionary \
        >"artifacts/$name.log" 2>&1
    status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "artifacts/$name.log")
    cover=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "artifacts/$name.log" | tail -1)
    memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "artifacts/$name.log")
    echo "$name: exit $status, $runs executions, $cover edges, $memory MB"
    [ $status -eq 0 ] || failed=1
done
exit $failed
