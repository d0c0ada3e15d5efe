#!/bin/bash
# quickstart_test.sh BIN: what deploy/quickstart.sh does and says, with the programs of BIN.
set -euo pipefail
bin=$1
quickstart=$(cd "$(dirname "$0")/../../.." && pwd)/deploy/quickstart.sh
work=$(mktemp -d /tmp/mcp-quickstart-XXXXXX)
dir=$work/node
out=$work/out
taken=
trap '[ -z "$taken" ] || kill $taken || :; "$quickstart" --stop --dir "$dir" >/dev/null 2>&1 || :; rm -rf "$work"' EXIT

for program in podman haproxy; do
  command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
done

failed() {
  echo "FAILED: $1"
  sed 's/^/| /' "$out"
  exit 1
}
says() { grep -qE "$1" "$out" || failed "does not say: $1"; }
processes() { grep -lsaFf <(echo "$dir/") /proc/[0-9]*/cmdline | cut -d/ -f3 || :; }
# Somebody else has the port: this one, unless there is one already.
take_port() {
  busybox httpd -f -p 127.0.0.1:8443 -h "$work" 2>/dev/null &
  taken=$!
  until (exec 3<> /dev/tcp/127.0.0.1/8443) 2>/dev/null; do :; done
}
# in_background COMMAND...: its number in `running`. What the one before said is gone when it begins.
in_background() {
  : > "$out"
  "$@" >> "$out" 2>&1 &
  running=$!
}
# until_says REGEX: waits for it in what a quickstart in the background says.
until_says() {
  ( tail -n +1 -f --pid=$running "$out" & echo $! > "$work/tail"; wait ) | grep -q -m 1 "$1" ||
    failed "never said: $1"
  kill "$(cat "$work/tail")" 2>/dev/null || :
}
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
  says '^✓ healed .* answers again [0-9.]+ s after'
  says 'exited with 137'
  says '^✓ client .* [1-9][0-9]* answered by v1, [1-9][0-9]* by v2, 0 failed$'
  says '^hello: v1 -> v2 in .* 0 failed'
  says '^hello v2 from [0-9a-f]+, run [0-9a-f]{8}$'
  says '^127\.0\.0\.1:[0-9]+ +hello\.example\.test +l7 .* mcp/local +hello/web '
  says '^  READY  hello '
  says '^  READY  notes '
  says '^  READY  clock '
  ! grep -q $'\e' "$out" || failed "colours in a pipe"
}

echo "a run that is killed in the middle"
# The second command of the tour is deep enough.
in_background "$quickstart" --bin "$bin" --dir "$dir"
until_says '^\$ mcp deploy hello'
kill -9 $running
wait $running 2>/dev/null || :

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

echo "one from start to end, where 8443 is taken"
take_port
"$quickstart" --bin "$bin" --dir "$dir" > "$out" 2>&1 || failed "exit code $?"
kill $taken || :
taken=
says '^port 8443 is taken on this machine: https is on port [0-9]+ instead$'
says '^\$ sed -i s/8443/[0-9]+/ services/hello.toml$'
tour
says '^✓ stopped '
nothing_left

# Where it is in the middle of something; in a session of its own, as a terminal's is.
for place in 'MCP quickstart' podman repository 'mcp deploy hello$' 'version v2' 'mcp sync'; do
  echo "interrupted: $place"
  in_background python3 -c 'import os, sys, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
os.setsid()
os.execvp(sys.argv[1], sys.argv[1:])' "$quickstart" --bin "$bin" --dir "$dir"
  until_says "$place"
  kill -INT -- -$running
  code=0
  wait $running || code=$?
  [ $code = 130 ] || failed "exit code $code"
  says '^✗ interrupted '
  nothing_left
done

echo "a folder of somebody else"
mkdir "$dir"
touch "$dir/precious"
! "$quickstart" --bin "$bin" --dir "$dir" > "$out" 2>&1 || failed "took a foreign folder"
says 'was not made by quickstart.sh'
[ -e "$dir/precious" ] || failed "removed a foreign file"
