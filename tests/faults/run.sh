#!/usr/bin/env bash
# What a person sees, and what is left on disk, when something around the program breaks:
#   tests/faults/run.sh [PROGRAM]       (target/release/gpu-mnist if left out)
# prints a table in Markdown and fails if a row is not as it should be. Some rows need root, or a
# tool; without them they are named as skipped. Linux.
set -u
cd "$(dirname "$0")/../.." || exit 1
program=$(realpath "${1:-target/release/gpu-mnist}")
home=$(mktemp -d /tmp/gpu-mnist-faults.XXXXXX)
bad=0
skipped=0
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null; done
    for mount in disk frozen; do mountpoint -q "$home/$mount" && umount "$home/$mount"; done
    rm -rf "$home"
}
trap cleanup EXIT
# Others must be able to come in for the rows of another user.
chmod 755 "$home"
cp "$program" "$home/program"
program=$home/program
export HOME=$home/home XDG_CACHE_HOME=$home/cache XDG_RUNTIME_DIR=/tmp NO_COLOR=1
unset GPU_MNIST_DATA_DIR RUST_LOG
mkdir -p "$HOME"
cd "$home" || exit 1

# A small network: what is written matters here, not what is learnt.
small=(--device cpu --config smoke --set 'model.layers=[{linear=16}]')
# With a checkpoint every few steps, to be met in the middle.
often=("${small[@]}" --set training.checkpoint_every=5)

# row NAME SAID LEFT OK: prints a row; OK is empty where all is well, else what is not.
row() {
    local verdict=${4:-}
    if [ -z "$verdict" ]; then verdict=ok; else
        verdict="**wrong: $verdict**"
        bad=$((bad + 1))
    fi
    # A row is a line; paths of this run say nothing to a reader.
    printf '| %s | %s | %s | %s |\n' "$1" "$(tidy "$2")" "$3" "$verdict"
}
tidy() { printf '%s' "$1" | tr '\n|' ' /' | sed "s#$home/##g; s#$home#.#g; s/  */ /g" | cut -c1-330; }
skip() {
    printf '| %s | skipped: %s | | skipped |\n' "$1" "$2"
    skipped=$((skipped + 1))
}
# The last error or warning of a log.
said() { grep -aE '^error|WARN' "$1" | tail -"${2:-1}"; }
# wants CODE LOG EXPECTED-CODE WORDS...: what is wrong with a code and what was said.
wants() {
    local code=$1 log=$2 expected=$3 word
    shift 3
    [ "$code" = "$expected" ] || echo "exit code $code, not $expected; "
    grep -aq 'panicked\|RUST_BACKTRACE' "$log" && echo "a panic; "
    for word; do grep -aqi -- "$word" "$log" || echo "'$word' was not said; "; done
}
# Some epochs past those that a run has ended.
past() { echo $(($(grep -c '"kind":"epoch"' "$1/metrics.jsonl") + 5)); }
# Whether a run can be gone on with: prints what is wrong.
goes_on() {
    "$program" train --resume "$1" --epochs "$(past "$1")" --device cpu >/dev/null 2>resume.log ||
        echo "does not go on: $(tail -1 resume.log); "
}
halves() { find "$1" -name '.tmp-*' -o -name '*.part' 2>/dev/null | wc -l; }
# Waits until a file is there, at most 30 s.
await() {
    for _ in $(seq 300); do
        compgen -G "$1" >/dev/null && return 0
        sleep 0.1
    done
    return 1
}
checkpoint() { compgen -G "$1/checkpoints/step-*.safetensors" | tail -1; }

"$program" train "${small[@]}" --out first >/dev/null 2>first.log || {
    cat first.log
    echo "the program does not train: nothing can be said" >&2
    exit 1
}

echo "| fault | what the user sees | what is left | |"
echo "|---|---|---|---|"

# --- The disk
if [ "$(id -u)" = 0 ] && mkdir disk && mount -t tmpfs -o size=4m tmpfs disk 2>/dev/null; then
    "$program" train "${often[@]}" --epochs 300 --out disk/run >/dev/null 2>disk.log &
    pids+=($!)
    await 'disk/run/checkpoints/step-*' && dd if=/dev/zero of=disk/other bs=64k 2>/dev/null
    wait $!
    code=$?
    left="$(find disk/run/checkpoints -name 'step-*' 2>/dev/null | wc -l) checkpoints, $(halves disk) half files"
    wrong=$(wants $code disk.log 1 'No space left' 'make room')
    [ "$(halves disk)" = 0 ] || wrong+="half files; "
    rm disk/other
    wrong+=$(goes_on disk/run)
    row "disk full in the middle of a training" "$(said disk.log)" "$left; with room it goes on" "$wrong"

    umount disk && mount -t tmpfs -o size=40k tmpfs disk
    "$program" train "${small[@]}" --out disk/run >/dev/null 2>disk.log
    code=$?
    row "disk full from the start" "$(said disk.log)" "$(halves disk) half files" \
        "$(wants $code disk.log 1 'No space left')"
    umount disk && mount -t tmpfs -o size=64k tmpfs disk
    XDG_CACHE_HOME=$home/disk "$program" train "${small[@]}" --out cached >/dev/null 2>disk.log
    code=$?
    row "cache disk full, built-in digits" "(no word: they are drawn again next time)" \
        "the run, $(halves disk) half files" "$(wants $code disk.log 0)"
    umount disk
else
    skip "disk full" "needs root and tmpfs"
fi

# --- Rights
if command -v setpriv >/dev/null && [ "$(id -u)" = 0 ]; then
    other=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    mkdir locked && chmod 755 locked
    "${other[@]}" "$program" train "${small[@]}" --out locked/run >/dev/null 2>locked.log
    code=$?
    row "run folder may not be written" "$(said locked.log)" "$(find locked -mindepth 1 | wc -l) files" \
        "$(wants $code locked.log 1 'Permission denied' 'locked/run')"
    mkdir -p unread/runs/theirs && chmod 755 unread unread/runs && chmod 700 unread/runs/theirs
    (cd unread && "${other[@]}" "$program" evaluate runs/theirs >/dev/null 2>../unread.log)
    code=$?
    row "run folder may not be read: evaluate" "$(said unread.log)" "nothing" \
        "$(wants $code unread.log 4 'Permission denied' 'runs/theirs')"
    (cd unread && "${other[@]}" "$program" runs list >/dev/null 2>../unread.log)
    code=$?
    row "run folder may not be read: runs list" "$(said unread.log)" "nothing" \
        "$(wants $code unread.log 0 'Permission denied' 'runs/theirs')"
    "${other[@]}" "$program" data fetch mnist --mirror http://127.0.0.1:9/ >/dev/null 2>owner.log
    code=$?
    row "cache folder of someone else: data fetch" "$(said owner.log)" "nothing" \
        "$(wants $code owner.log 1 'Permission denied' 'data-dir')"
    mkdir -m 777 theirs
    rm -rf cache.old && mv cache cache.old && mkdir -m 755 cache
    (cd theirs && "${other[@]}" "$program" train "${small[@]}" --dataset auto --out run >/dev/null 2>../owner.log)
    code=$?
    rm -rf cache && mv cache.old cache
    row "cache folder of someone else: train" "$(said owner.log)" "the run" \
        "$(wants $code owner.log 0 'built-in digits' 'Permission denied')"
    (cd theirs && env -u HOME -u XDG_CACHE_HOME setpriv --reuid 54321 --regid 54321 --clear-groups \
        "$program" train "${small[@]}" --dataset auto --out homeless >/dev/null 2>../home.log)
    code=$?
    row "no HOME, a user without an entry: train" "$(said home.log)" "the run" \
        "$(wants $code home.log 0 'built-in digits')"
    (cd theirs && env -u HOME -u XDG_CACHE_HOME setpriv --reuid 54321 --regid 54321 --clear-groups \
        "$program" data fetch >/dev/null 2>../home.log)
    code=$?
    row "no HOME, a user without an entry: data fetch" "$(said home.log)" "nothing" \
        "$(wants $code home.log 1 'data-dir')"
else
    skip "folders of someone else, no HOME" "needs root and setpriv"
fi

# --- Folders that go away
cp -r cache/gpu-mnist/synthetic-* vanishing
"$program" train "${often[@]}" --epochs 100 --dataset vanishing --out gone >/dev/null 2>gone.log &
pids+=($!)
await 'gone/checkpoints/step-*' && rm -rf vanishing
wait $!
code=$?
row "data folder vanishes in the middle" "(no word: the images are in memory)" "the run, evaluated" \
    "$(wants $code gone.log 0)$([ -f gone/evaluation.json ] || echo 'no evaluation; ')"
"$program" train "${often[@]}" --epochs 300 --out away >/dev/null 2>away.log &
pids+=($!)
await 'away/checkpoints/step-*' && { rm -rf away 2>/dev/null || rm -rf away; }
wait $!
code=$?
row "run folder vanishes in the middle" "$(said away.log)" \
    "$(find away -maxdepth 1 -type f -not -name '.*' 2>/dev/null | wc -l) files, evaluation among them" \
    "$(wants $code away.log 0 'removed')$([ -f away/evaluation.json ] || echo 'no evaluation; ')"

# --- Signals
interrupt() { # SIGNAL NAME TIMES EXPECTED
    local run=signal-$2-$3
    "$program" train "${often[@]}" --epochs 100000 --out "$run" >/dev/null 2>signal.log &
    local pid=$!
    pids+=("$pid")
    await "$run/checkpoints/step-*" || echo "no checkpoint came" >>signal.log
    local start
    start=$(date +%s%N)
    for _ in $(seq "$3"); do kill "-$1" "$pid" 2>/dev/null; done
    wait "$pid" 2>/dev/null
    local code=$? ms=$((($(date +%s%N) - start) / 1000000)) wrong
    wrong=$(wants $code signal.log "$4")
    [ "$ms" -lt 5000 ] || wrong+="took $ms ms; "
    local halves_left
    halves_left=$(halves "$run")
    wrong+=$(goes_on "$run")
    [ "$(halves "$run")" = 0 ] || wrong+="half files stay; "
    row "$5" "$(said signal.log) (exit $code)" \
        "the run, $halves_left half files, which the next start removes; it goes on" "$wrong"
}
interrupt TERM term 1 130 "SIGTERM"
interrupt INT int 1 130 "SIGINT"
interrupt INT int 2 130 "SIGINT twice"
interrupt KILL kill 1 137 "SIGKILL"

# --- Standard streams
"$program" train "${small[@]}" --out noout >&- 2>noout.log
code=$?
row "stdout closed" "(the result has nowhere to go)" "the run, evaluated" \
    "$(wants $code noout.log 0)$([ -f noout/evaluation.json ] || echo 'no evaluation; ')"
"$program" train "${small[@]}" --out noerr 2>&- >noerr.log
code=$?
row "stderr closed" "the result on stdout" "the run, evaluated" "$(wants $code noerr.log 0 Accuracy)"
"$program" train "${small[@]}" --out none >&- 2>&- <&-
code=$?
: >none.log
row "stdin, stdout and stderr closed" "(nothing)" "the run, evaluated" \
    "$(wants $code none.log 0)$([ -f none/evaluation.json ] || echo 'no evaluation; ')"
{
    "$program" train "${small[@]}" --out piped 2>piped.log
    echo $? >piped.code
} | true
row "stdout into a pipe nobody reads" "(nothing)" "the run, evaluated" "$(wants "$(cat piped.code)" piped.log 0)"
"$program" train "${small[@]}" --out full >/dev/full 2>full.log
code=$?
row "stdout on a full disk" "$(said full.log)" "the run, evaluated" "$(wants $code full.log 1 'stdout')"
"$program" train "${small[@]}" --out fullerr 2>/dev/full >fullerr.log
code=$?
row "stderr on a full disk" "the result on stdout" "the run, evaluated" "$(wants $code fullerr.log 0 Accuracy)"

# --- Two at once
"$program" train "${often[@]}" --epochs 100000 --out twice >/dev/null 2>one.log &
one=$!
pids+=($one)
await 'twice/.lock'
"$program" train "${small[@]}" --out twice >/dev/null 2>two.log
code=$?
await 'twice/checkpoints/step-*'
"$program" train --resume twice >/dev/null 2>three.log
code3=$?
kill -INT $one
wait $one
wrong=$(wants $code two.log 2 'twice')$(wants $code3 three.log 2 'another gpu-mnist')
row "two trainings into one folder" "$(said two.log)" "the first run, untouched" "$wrong$(goes_on twice)"

if command -v python3 >/dev/null; then
    # A slow server of archives of the right size: both fetches are at work at the same time.
    cat >server.py <<'P'
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        size = {"train-labels": 28881, "t10k-labels": 4542, "t10k-images": 1648877}.get(self.path[1:12].rstrip("-i"), 9912422)
        self.send_response(200); self.send_header("Content-Length", str(size)); self.end_headers()
        for at in range(0, size, 1 << 20):
            self.wfile.write(bytes(min(1 << 20, size - at))); time.sleep(0.05)
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
P
    python3 server.py >port 2>/dev/null &
    server=$!
    pids+=($server)
    await port
    for _ in $(seq 50); do [ -s port ] && break; sleep 0.1; done
    mirror=http://127.0.0.1:$(cat port)/
    "$program" data fetch mnist --data-dir fetched --mirror "$mirror" >/dev/null 2>fetch1.log &
    first=$!
    "$program" data fetch mnist --data-dir fetched --mirror "$mirror" >/dev/null 2>fetch2.log
    code=$?
    wait $first
    code1=$?
    wrong=$(wants $code fetch2.log 4 'SHA-256')$(wants $code1 fetch1.log 4 'SHA-256')
    left=$(find fetched -type f | wc -l)
    [ "$left" = 0 ] || wrong+="$left files are left; "
    row "two fetches of one set, from a mirror that lies" "$(said fetch2.log) $(grep -a 'wrong file' fetch2.log | tail -1)" "$left files" "$wrong"
    "$program" data fetch mnist --data-dir killed --mirror "$mirror" >/dev/null 2>killed.log &
    fetch=$!
    await 'killed/mnist/.*.part'
    kill -KILL $fetch
    wait $fetch 2>/dev/null
    left=$(find killed -name '*.gz' -not -name '.*' | wc -l)
    row "a fetch is killed" "(nothing)" "$left archives, $(halves killed) half file that no reader takes" \
        "$([ "$left" = 0 ] || echo 'an unverified archive; ')"
    "$program" data fetch mnist --data-dir stopped --mirror "$mirror" >/dev/null 2>stopped.log &
    fetch=$!
    await 'stopped/mnist/.*.part'
    kill -INT $fetch
    wait $fetch
    code=$?
    left=$(find stopped -type f | wc -l)
    row "SIGINT in a fetch" "$(said stopped.log)" "$left files" \
        "$(wants $code stopped.log 130 'interrupted')$([ "$left" = 0 ] || echo "$left files; ")"
    kill $server
fi

# --- The clock
if command -v faketime >/dev/null; then
    faketime '2001-01-01' "$program" train "${small[@]}" --out past >/dev/null 2>past.log
    code=$?
    row "clock set back to 2001" "(no word)" "the run, started $(grep -o '"started": "[^"]*' past/run.json | cut -d'"' -f4 | cut -c1-10)" "$(wants $code past.log 0)"
    "$program" train "${often[@]}" --epochs 100000 --out clock >/dev/null 2>clock.log &
    clock=$!
    pids+=($clock)
    await 'clock/checkpoints/step-*'
    kill -INT $clock
    wait $clock
    faketime '2001-01-01' "$program" train --resume clock --epochs "$(past clock)" >/dev/null 2>clock.log
    code=$?
    row "clock set back between run and resume" "(no word)" "the run, evaluated" "$(wants $code clock.log 0)"
else
    skip "clock set back" "needs faketime"
fi

# --- Processors and memory
seconds() { grep -o '"train_seconds":[0-9.]*' | cut -d: -f2; }
hash() { grep -o '"last_weights":{[^}]*}' | grep -o 'sha256":"[0-9a-f]*'; }
two=$("$program" train "${small[@]}" --out cores2 --json 2>/dev/null)
one=$(taskset -c 0 "$program" train "${small[@]}" --out cores1 --json 2>one.log)
code=$?
row "one processor" "(no word; $(echo "$one" | seconds) s beside $(echo "$two" | seconds) s)" "the run" "$(wants $code one.log 0)"
eight=$(RAYON_NUM_THREADS=8 "$program" train "${small[@]}" --out cores8 --json 2>eight.log)
code=$?
row "8 threads on $(nproc) processors" "(no word; $(echo "$eight" | seconds) s)" "the run" "$(wants $code eight.log 0)"
# Below its own size no program can be started at all.
least=$(($(stat -c %s "$program") / 1024 + 20000))
for limit in 400000 200000 $least; do
    { (ulimit -v $limit && exec "$program" train "${small[@]}" --out "tight$limit" >/dev/null 2>tight.log); } 2>/dev/null
    code=$?
    wrong=
    grep -aq 'panicked' tight.log && wrong="a panic; "
    [ "$code" = 0 ] || grep -aqiE 'memory|error' tight.log || wrong+="no word; "
    [ "$(halves .)" -le 1 ] || wrong+="half files; "
    row "ulimit -v $((limit / 1000)) MB" "$(grep -aiE 'memory|error' tight.log | head -1) (exit $code)" \
        "$([ -f "tight$limit/evaluation.json" ] && echo 'the run' || echo 'nothing half-written')" "$wrong"
done

echo
echo "$bad wrong, $skipped skipped"
[ $bad = 0 ]
