#!/bin/sh
# Runs every fuzz target of a build folder on a copy of its committed corpus. Usage: tools/fuzz.sh BUILD_DIR SECONDS
# Two targets run at a time; a crash leaves its input in BUILD_DIR/fuzz and makes the script fail.
set -eu
build=$1
seconds=$2
top=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fuzz_one() {
  name=$(basename "$1" _fuzz)
  mkdir -p "$scratch/$name"
  cp "$top/fuzz/corpus/$name"/* "$scratch/$name"/
  "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/fuzz/$name-" "$scratch/$name" >"$scratch/$name.log" 2>&1 ||
    { tail -n 40 "$scratch/$name.log"; echo "fuzz: $name FAILED"; return 1; }
  echo "fuzz: $name clean, $(awk '/number_of_executed_units/ { print $2 }' "$scratch/$name.log") inputs in ${seconds} s"
}

status=0
running=""
for program in "$build"/fuzz/*_fuzz; do
  fuzz_one "$program" &
  if [ -n "$running" ]; then
    wait "$running" || status=1
    wait $! || status=1
    running=""
  else
    running=$!
  fi
done
if [ -n "$running" ]; then wait "$running" || status=1; fi
exit $status
