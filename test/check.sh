#!/bin/bash
# Everything that is checked beside the tests; installs what it needs. Without arguments all of it.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: test/check.sh [STEP...] [--changed | -- FILE...]
  format    clang-format 19 changes nothing
  includes  who may include whom, and other rules of the tree (test/tidy/)
  shell     shellcheck
  tidy      clang-tidy 19 (.clang-tidy) of every source, of those that --changed finds (since the
            branch that this one follows, or since HEAD; headers by those who include them), or of FILEs
  asan      every test, but for the tree's rules, chaos and fuzzing, and some simulator seeds, with
            the address and undefined sanitizers; an hour or more on two processors
  tsan      the same with the thread sanitizer
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

# Sources that a push would bring, and those that include a header of it.
changed() {
  local base path
  base=$(git merge-base HEAD '@{upstream}' 2>/dev/null || echo HEAD)
  { git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } |
    while read -r path; do
      case $path in
        *.cc) echo "$path" ;;
        *.h) git grep --untracked -lF "#include \"$path\"" -- '*.cc' || : ;;
      esac
    done | sort -u | { grep -v '^test/' || :; }
}

# One process a processor, longest files not last: the order of the tree does.
check_tidy() {
  configure build-check -DCMAKE_BUILD_TYPE=Debug
  # The sources that the build writes.
  cmake --build build-check --target crds describe_version > /dev/null
  local files=("$@")
  if [ -n "$only_changed" ]; then
    mapfile -t files < <(changed)
    [ ${#files[@]} -gt 0 ] || { echo "no source has changed"; return; }
  fi
  [ ${#files[@]} -gt 0 ] || mapfile -t files < <(sources | grep '\.cc$' | grep -v '^test/')
  printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-19 -p build-check --quiet \
    --extra-arg=-Wno-unknown-warning-option 2>&1 |
    { grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed |^Use -header-filter|^$' || :; }
  return "${PIPESTATUS[1]}"
}

# sanitized FOLDER SANITIZERS SEEDS WRAPPER...
sanitized() {
  local folder=$1 sanitizers=$2 seeds=$3
  shift 3
  configure "$folder" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" \
    -DMCP_SANITIZE="$sanitizers"
  install_oidc_provider "$top/$folder/oidc-provider"
  cmake --build "$folder"
  "$@" "$folder/test/sim/mcp-sim" --seeds "$seeds"
  cd "$folder"
  # How much memory a process takes says nothing here.
  "$@" ctest -j "$(nproc)" -LE '^(tidy|sim|chaos|fuzz)$' -E 'FillNoMemory|TakesNoMemory' --timeout 1200 \
    --output-on-failure --no-tests=error
}

check_asan() {
  export ASAN_OPTIONS=detect_stack_use_after_return=1:suppressions=$top/test/asan.supp
  export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
  export LSAN_OPTIONS=suppressions=$top/test/lsan.supp:print_suppressions=0
  sanitized build-asan address,undefined 200
}

check_tsan() {
  local plain=()
  # GCC 12's runtime does not know the address space of kernels that randomise more.
  setarch -R true 2>/dev/null && plain=(setarch -R)
  export TSAN_OPTIONS=halt_on_error=1:suppressions=$top/test/tsan.supp
  sanitized build-tsan thread 50 "${plain[@]}"
}

steps=()
files=()
only_changed=
while [ $# -gt 0 ]; do
  case $1 in
    format|includes|shell|tidy|asan|tsan) steps+=("$1") ;;
    --changed) only_changed=1 ;;
    --) shift; files=("$@"); break ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[ ${#steps[@]} -gt 0 ] || steps=(format includes shell tidy asan tsan)
case " ${steps[*]} " in
  *" asan "*|*" tsan "*) install_packages build run test check ;;
  *" tidy "*) install_packages build test check ;;
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
