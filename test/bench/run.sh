#!/bin/bash
# Compares MCP with the other ways to get the same containers to run, on this machine, and writes
# the tables into docs/benchmarks.md. Takes about an hour; say `--quick` for a few minutes and
# tables on the terminal alone.
#
#   test/bench/run.sh [--quick] [--no-peers] [--only ROW]... [--build DIR] [--page FILE]
#
# Rows: cold change noop elsewhere calls heal push idle planner; for docs/scale.md, when named:
# repository polls. Installs what it compares with from the distribution, needs root (podman's), and
# leaves nothing behind but the build folder.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "bench: $*" >&2; exit 1; }

build=build/bench
page=docs/benchmarks.md
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) page=""; arguments+=(--quick) ;;
    --no-peers) arguments+=(--no-peers) ;;
    --only) arguments+=(--only "${2:?--only needs a row}"); shift ;;
    --build) build=${2:?--build needs a folder}; shift ;;
    --page) page=${2:?--page needs a file}; shift ;;
    -h|--help) sed -n '2,/^set /{s/^# \?//;/^set /!p}' "$0"; exit ;;
    *) fail "unknown argument '$1' (see --help)" ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || fail "root is needed: the contenders share one rootful podman"

. test/packages.sh
install_packages build run test bench >&2

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
targets=(mcp-agent)
if [ -f test/bench/planner.cc ]; then targets+=(bench_planner); fi
cmake --build "$build" --target "${targets[@]}" >&2

work=$(mktemp -d /tmp/mcp-bench.XXXXXX)
env=$PWD/test/support/podman_env.sh
service=""
bench=""
clean() {
  trap - EXIT INT TERM
  for pid in $bench $service; do kill "$pid" 2>/dev/null && wait "$pid" || true; done
  "$env" clean "$work/podman"
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

"$env" serve "$work/podman" >"$work/podman.log" 2>&1 &
service=$!
for _ in $(seq 300); do
  [ -S "$work/podman/podman.sock" ] && break
  kill -0 $service 2>/dev/null || fail "podman does not start: $(cat "$work/podman.log")"
  sleep 0.1
done

python3 test/bench/bench.py --agent "$build/bin/mcp-agent" --planner "$build/test/bench/bench_planner" \
  --podman "$work/podman" --work "$work/runs" ${page:+--page "$page"} "${arguments[@]}" &
bench=$!
wait $bench
