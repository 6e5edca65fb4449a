#!/bin/sh
# Kills a short training run at random moments, 200 times unless a number is given, and checks
# each time that no file is half-written and that the run goes on or starts again; at the end it
# must have the weights of a run that was left alone.
cd "$(dirname "$0")/.." || exit 1
KILLS="${1:-200}" exec cargo test --release -- killed_runs --nocapture
