#!/bin/bash
# Measures mc-proxy: how long a change of a route takes, what it lets through beside a hand-written
# HAProxy configuration, nginx and caddy, and what memory it takes. Writes the tables into
# docs/benchmarks-proxy.md. Takes about five minutes; say `--quick` for one, and tables on the terminal
# alone.
#
#   test/bench/proxy.sh [--quick] [--only ROW]... [--build DIR] [--page FILE]
#
# Rows: change throughput memory. Installs what it compares with from the distribution, and leaves
# nothing behind but the build folder.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "bench: $*" >&2; exit 1; }

build=build/bench
page=docs/benchmarks-proxy.md
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) page=""; arguments+=(--quick) ;;
    --only) arguments+=(--only "${2:?--only needs a row}"); shift ;;
    --build) build=${2:?--build needs a folder}; shift ;;
    --page) page=${2:?--page needs a file}; shift ;;
    -h|--help) sed -n '2,/^set /{s/^# \?//;/^set /!p}' "$0"; exit ;;
    *) fail "unknown argument '$1' (see --help)" ;;
  esac
  shift
done

. test/packages.sh
install_packages build bench-proxy >&2

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
cmake --build "$build" --target mc-proxy >&2

work=$(mktemp -d /tmp/mcp-bench.XXXXXX)
bench=""
clean() {
  trap - EXIT INT TERM
  if [ -n "$bench" ]; then kill "$bench" 2>/dev/null && wait "$bench" || true; fi
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

python3 test/bench/proxy_bench.py --mc-proxy "$build/bin/mc-proxy" --work "$work" \
  ${page:+--page "$page"} "${arguments[@]}" &
bench=$!
wait $bench
