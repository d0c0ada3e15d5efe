#!/bin/bash
# Fuzzes what reads the bytes of strangers, with clang's libFuzzer and its address and undefined
# sanitizers. What it finds stays in DIR/found; a case worth keeping goes to test/fuzz/corpus.
#
#   test/fuzz/fuzz.sh [--seconds N] [--build DIR] [TARGET]...
#
# Targets: definitions edits paths tokens bodies routes trailers certificates (default: all). N is for each of them; default 3600.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
seconds=3600
build=$top/build-fuzz
targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?--seconds needs a number}; shift ;;
    --build) build=${2:?--build needs a folder}; shift ;;
    -h|--help) sed -n '2,/^set /{s/^# \?//;/^set /!p}' "$0"; exit ;;
    -*) echo "unknown argument '$1' (see --help)" >&2; exit 2 ;;
    *) targets+=("$1") ;;
  esac
  shift
done
[ ${#targets[@]} -gt 0 ] || targets=(definitions edits paths tokens bodies routes trailers certificates)

clang=$(command -v clang++) || { echo "skipped: no clang++ here"; exit 77; }
echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' |
  "$clang" -x c++ -fsanitize=fuzzer - -o /dev/null 2>/dev/null ||
  { echo "skipped: clang++ has no libFuzzer here"; exit 77; }

# Warnings are GCC's to find.
cmake -S "$top" -B "$build" -G Ninja --log-level=WARNING -DMCP_FUZZ=ON -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" -DCMAKE_CXX_FLAGS=-w\
\ -fsanitize=fuzzer-no-link,address,undefined\ -fno-sanitize-recover=undefined >/dev/null
cmake --build "$build" --target "${targets[@]/#/fuzz_}"

mkdir -p "$build/found"
for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  echo "== $target, $seconds s"
  code=0
  # What is new goes to the first folder; the second is the one that is kept in git.
  "$build/test/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=65536 -print_final_stats=1 -artifact_prefix="$build/found/$target-" \
    "$build/corpus/$target" "$top/test/fuzz/corpus/$target" >"$build/$target.log" 2>&1 || code=$?
  [ $code = 0 ] || { tail -n 40 "$build/$target.log"; echo "$target: found something, in $build/found"; exit 1; }
  grep -E '^stat::(number_of_executed_units|new_units_added)' "$build/$target.log"
done
echo "nothing found"
