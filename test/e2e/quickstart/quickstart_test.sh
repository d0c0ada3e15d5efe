#!/bin/bash
# quickstart_test.sh BIN: what deploy/quickstart.sh does and says, with the programs of BIN.
set -euo pipefail
bin=$1
quickstart=$(cd "$(dirname "$0")/../../.." && pwd)/deploy/quickstart.sh
work=$(mktemp -d /tmp/mcp-quickstart-XXXXXX)
dir=$work/node
out=$work/out
trap '"$quickstart" --stop --dir "$dir" >/dev/null 2>&1 || :; rm -rf "$work"' EXIT

command -v podman >/dev/null || { echo "skipped: podman is not installed"; exit 77; }

failed() {
  echo "FAILED: $1"
  sed 's/^/| /' "$out"
  exit 1
}
says() { grep -qE "$1" "$out" || failed "does not say: $1"; }
processes() { grep -lsaFf <(echo "$dir/") /proc/[0-9]*/cmdline | cut -d/ -f3 || :; }
nothing_left() {
  [ ! -e "$dir" ] || failed "$dir is still there: $(ls -A "$dir")"
  [ -z "$(processes)" ] || failed "still running: $(processes | xargs ps -o pid,args -p)"
  ! grep -q " $dir/" /proc/self/mounts || failed "still mounted: $(grep " $dir/" /proc/self/mounts)"
}
tour() {
  says '^\$ mcp deploy hello$'
  says '^hello v1 from [0-9a-f]+, run [0-9a-f]{8}$'
  says '^visit number 1$'
  says '^\$ kill -9 [0-9]+$'
  says '^answers again [0-9.]+ s after'
  says 'exited with 137'
  says 'answers of v1, [1-9][0-9]* of v2, 0 without an answer$'
  says '^  READY  hello '
  says '^  READY  notes '
  says '^  READY  clock '
  ! grep -q $'\e' "$out" || failed "colours in a pipe"
}

echo "a run that is killed in the middle"
# Its log is followed to know where it is; the second line of the tour is deep enough.
"$quickstart" --bin "$bin" --dir "$dir" > "$out" 2>&1 &
killed=$!
( tail -n +1 -f --pid=$killed "$out" & echo $! > "$work/tail"; wait ) |
  grep -q -m 1 '^\$ mcp deploy hello' || failed "never deployed"
kill "$(cat "$work/tail")" 2>/dev/null || :
kill -9 $killed
wait $killed 2>/dev/null || :

echo "the next one finds what is left, and stays"
"$quickstart" --bin "$bin" --dir "$dir" --keep > "$out" 2>&1 || failed "exit code $?"
says "^ending what an earlier run left in $dir$"
tour
says "^\\$ \. $dir/env$"
(
  . "$dir/env"
  [ "$(mcp list -o name | sort | xargs)" = "clock hello notes" ] || failed "mcp list: $(mcp list)"
)
"$quickstart" --stop --dir "$dir" > "$out" 2>&1 || failed "--stop: exit code $?"
says '^✓ stopped '
nothing_left

echo "one from start to end"
"$quickstart" --bin "$bin" --dir "$dir" > "$out" 2>&1 || failed "exit code $?"
tour
says '^✓ stopped '
nothing_left

echo "a folder of somebody else"
mkdir "$dir"
touch "$dir/precious"
! "$quickstart" --bin "$bin" --dir "$dir" > "$out" 2>&1 || failed "took a foreign folder"
says 'was not made by quickstart.sh'
[ -e "$dir/precious" ] || failed "removed a foreign file"
