#!/bin/bash
# Everything that is checked beside the tests; installs what it needs. Without arguments all of it.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: test/check.sh [STEP...]
  format    clang-format 19 changes nothing
  includes  who may include whom, and other rules of the tree (test/tidy/)
  shell     shellcheck
  tidy      clang-tidy 19 (.clang-tidy); after `--` only for these files
  asan      unit tests and some simulator seeds with address and undefined sanitizers
  tsan      the tests of what has threads with the thread sanitizer
TEXT
}

cd "$(dirname "$0")/.."
top=$PWD
. test/packages.sh

sources() { git grep --untracked -lE '' -- '*.cc' '*.h'; }
scripts() { git grep --untracked -lE '^(#!/bin/(ba)?sh|# shellcheck shell=)' -- ':!*.md' ':!*.cc' ':!*.h'; }

configure() {  # configure FOLDER ARG...
  local folder=$1
  shift
  cmake -S . -B "$folder" -G Ninja --log-level=WARNING "$@" > /dev/null
}

check_format() { sources | xargs clang-format-19 --dry-run -Werror; }

check_includes() { test/tidy/self_test.sh && test/tidy/tidy.sh; }

check_shell() {
  # Values come from the file that sources; the rest is a matter of taste.
  scripts | xargs shellcheck -x -S warning -e SC1007,SC1010,SC1090,SC2034,SC2154,SC2164
}

# One process a processor, longest files not last: the order of the tree does.
check_tidy() {
  configure build-check -DCMAKE_BUILD_TYPE=Debug
  # The sources that the build writes.
  cmake --build build-check --target crds describe_version > /dev/null
  local files=("$@")
  [ ${#files[@]} -gt 0 ] || mapfile -t files < <(sources | grep '\.cc$' | grep -v '^test/')
  printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-19 -p build-check --quiet \
    --extra-arg=-Wno-unknown-warning-option 2>&1 |
    { grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed |^Use -header-filter|^$' || :; }
  return "${PIPESTATUS[1]}"
}

targets() { cmake --build "$1" --target help | grep -oE "^($2): phony" | sed 's/: phony//' | sort -u; }

check_asan() {
  configure build-asan -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" \
    -DMCP_SANITIZE=address,undefined
  # shellcheck disable=SC2046
  cmake --build build-asan --target mcp-sim $(targets build-asan '(unit|golden)_[a-z_]+')
  export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
  build-asan/test/sim/mcp-sim --seeds 200
  (cd build-asan && ctest -j "$(nproc)" -L '^unit$' --output-on-failure)
}

check_tsan() {
  local plain=()
  configure build-tsan -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" -DMCP_SANITIZE=thread
  cmake --build build-tsan --target unit_http unit_process unit_log unit_api unit_cli
  # GCC 12's runtime does not know the address space of kernels that randomise more.
  setarch -R true 2>/dev/null && plain=(setarch -R)
  export TSAN_OPTIONS=halt_on_error=1
  local name
  for name in http process log api cli; do
    "${plain[@]}" "build-tsan/test/unit/$name/unit_$name" --gtest_brief=1
  done
}

steps=()
files=()
while [ $# -gt 0 ]; do
  case $1 in
    format|includes|shell|tidy|asan|tsan) steps+=("$1") ;;
    --) shift; files=("$@"); break ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[ ${#steps[@]} -gt 0 ] || steps=(format includes shell tidy asan tsan)
case " ${steps[*]} " in
  *" tidy "*|*" asan "*|*" tsan "*) install_packages build test check ;;
  *) install_packages check ;;
esac
failed=()
for step in "${steps[@]}"; do
  echo "== $step"
  # A subshell of its own: `if` would switch set -e off inside.
  set +e
  (set -e; "check_$step" "${files[@]}")
  [ $? = 0 ] || failed+=("$step")
  set -e
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}"
  exit 1
fi
echo "all is well: ${steps[*]}"
