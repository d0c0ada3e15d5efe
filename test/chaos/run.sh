#!/bin/bash
# Faults on the real parts: podman, HAProxy, mc-proxy, mcp-agent, git behind sshd. Under load, one
# fault after the other; says what was lost, how long it took to come back, and exits with 1 when
# that is more than it may be.
#
#   test/chaos/run.sh [--quick] [--minutes N] [--patience N] [--seed N] [--only REGEX] [--binaries DIR]
#   test/chaos/run.sh --soak [--minutes N] [--services N] [--seed N] [--binaries DIR]
#
#   --quick        the short form: a fault of each kind
#   --minutes N    begin no fault after N minutes (default: 30); with --soak: go on for so long (120)
#   --patience N   all may take N times as long: on a machine that is slow or busy
#   --seed N       the choices of an earlier run again; it is printed
#   --only REGEX   faults whose names match
#   --soak         random changes to many services (default: 100): nothing may grow
#   --binaries DIR programs that are built; without it they are built in build/chaos
#
# Needs root (podman's), changes nothing outside of a temporary folder, and cleans up.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "chaos: $*" >&2; exit 1; }

binaries=""
seed=$RANDOM
program=chaos
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) arguments+=(--quick) ;;
    --minutes) arguments+=(--minutes "${2:?--minutes needs a number}"); shift ;;
    --patience) arguments+=(--patience "${2:?--patience needs a number}"); shift ;;
    --seed) seed=${2:?--seed needs a number}; shift ;;
    --soak) program=soak ;;
    --services) arguments+=(--services "${2:?--services needs a number}"); shift ;;
    --only) arguments+=(--only "${2:?--only needs a regex}"); shift ;;
    --binaries) binaries=$(realpath "${2:?--binaries needs a folder}"); shift ;;
    -h|--help) sed -n '2,/^set /{s/^# \?//;/^set /!p}' "$0"; exit ;;
    *) fail "unknown argument '$1' (see --help)" ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || { echo "skipped: root is needed for podman, and for a disk to fill"; exit 77; }

. test/packages.sh
install_packages run test chaos >&2
if [ -z "$binaries" ]; then
  install_packages build >&2
  cmake -S . -B build/chaos -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
  cmake --build build/chaos --target mcp-agent mc-proxy mcp >&2
  binaries=$PWD/build/chaos/bin
fi

# Podmans of one machine share its firewall: a second run would cut off this one's containers.
exec 9>/tmp/mcp-chaos.lock
flock -n 9 || { echo "waiting for another run to end" >&2; flock 9; }

work=$(mktemp -d /tmp/mcp-chaos.XXXXXX)
chaos=""
clean() {
  trap - EXIT INT TERM
  if [ -n "$chaos" ]; then kill "$chaos" 2>/dev/null && wait "$chaos" || true; fi
  umount --lazy "$work/state" 2>/dev/null || true
  test/support/podman_env.sh clean "$work/podman"
  # What podman has forgotten (its conmon was killed, its files are gone), and what a run that was
  # interrupted has left: it has the folder in its command line, and containers are conmon's children.
  for pid in $(grep -lsaF "$work/" /proc/[0-9]*/cmdline | cut -d/ -f3); do
    [ "$pid" != $$ ] || continue
    # shellcheck disable=SC2046
    kill -9 "$pid" $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

# Programs that are built anew while this runs are not mixed up.
mkdir "$work/bin"
cp "$binaries/mcp-agent" "$binaries/mc-proxy" "$work/bin"
python3 test/chaos/$program.py --work "$work" --binaries "$work/bin" --seed "$seed" "${arguments[@]}" 9>&- &
chaos=$!
wait $chaos
