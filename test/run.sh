#!/bin/bash
# Builds everything and runs every test; installs first what that needs. Ends with ctest's summary.
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
cmake --build "$build"

cd "$build"
exec ctest -j "$jobs" --timeout 600 --output-on-failure --no-tests=error "${select[@]}"
