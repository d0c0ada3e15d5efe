#!/bin/bash
# Builds everything and runs every test; installs first what that needs. Ends with ctest's summary,
# and what the tests that failed said. An ordinary user builds, and runs the tests with sudo.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: test/run.sh [--only LABEL] [--tests REGEX] [--jobs N]
  --only LABEL   unit, contract, integration, sim, e2e, chaos, fuzz or tidy
  --tests REGEX  only tests whose names match
  --jobs N       so many at once (default: the processors); tests with podman go one by one anyway
TEXT
}

top=$(cd "$(dirname "$0")/.." && pwd)
jobs=$(nproc)
select=()
while [ $# -gt 0 ]; do
  case $1 in
    --only) select+=(-L "^${2:?--only needs a label}\$"); shift ;;
    --tests) select+=(-R "${2:?--tests needs a regex}"); shift ;;
    --jobs) jobs=${2:?--jobs needs a number}; shift ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

. "$top/test/packages.sh"
install_packages build run test chaos fuzz

# The tests bring their own podman, agents and repositories; what this shell points at stays out.
unset CONTAINER_HOST DOCKER_HOST CONTAINERS_CONF CONTAINERS_STORAGE_CONF CONTAINERS_REGISTRIES_CONF
unset MCP_REPO MCP_AGENT MCP_CONFIG MCP_TOKEN
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

build=$top/build
install_oidc_provider "$build/oidc-provider"
fresh=()
[ -f "$build/CMakeCache.txt" ] || fresh=(-G Ninja)
cmake -S "$top" -B "$build" "${fresh[@]}" -DMCP_SANITIZE= --log-level=WARNING
# A log that nobody watches, of a CI say, is cut when it is long: no line a file, one a test.
quiet=()
[ -t 1 ] || quiet=(-- --quiet)
cmake --build "$build" "${quiet[@]}"

# How the output of each test that failed begins and ends: the whole is a thousand tests away.
said_by_failed() {
  local log=Testing/Temporary/LastTest.log
  awk -v some=20 '
    / Testing: / { name = $3; count = inside = 0 }
    /^<end of output>$/ { inside = 0 }
    inside { lines[count++] = substr($0, 1, 400) }
    /^-+$/ && after_output { inside = 1 }
    { after_output = /^Output:$/ }
    /^Test (Failed|time out)/ {
      print "\n---- " name " failed, and said:"
      for (i = 0; i < count; ++i) {
        if (i < some || i >= count - some) print lines[i]
        else if (i == some) print "[...]"
      }
    }' "$log"
}

# As root, with this user's programs and those for root; what root makes in here is this user's again.
with_sudo() {
  local name keep=()
  for name in "${!MCP_@}"; do keep+=("$name=${!name}"); done
  as_root env "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin" "${keep[@]}" bash -c '
    trap "chown -Rh --from=root \"\$1\" \"\$2\"" EXIT
    "${@:3}"' bash "$(id -u):$(id -g)" "$top" "$@"
}

cd "$build"
test=(ctest -j "$jobs" --timeout 600 --output-on-failure --no-tests=error "${select[@]}")
[ "$(id -u)" = 0 ] || test=(with_sudo "${test[@]}")
status=0
if [ -t 1 ]; then "${test[@]}"; else "${test[@]}" | sed -u '/^ *Start /d; s/ \.\.\.\.*/ /'; fi || status=$?
[ "$status" = 0 ] || said_by_failed
exit "$status"
