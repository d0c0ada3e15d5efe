#!/bin/bash
# From a fresh clone to a node that a git repository runs: installs, builds, starts mc-proxy and an agent,
# deploys, changes, breaks and heals. Everything it makes is in one folder; podman's storage too, so that
# containers and images of this machine are neither seen nor touched.
set -euo pipefail
export LC_ALL=C.UTF-8

usage() {
  cat <<'TEXT'
usage: deploy/quickstart.sh [--keep] [--dir DIR] [--bin DIR]
       deploy/quickstart.sh --stop [--dir DIR]

  --keep     leave it running at the end, and say how to use it
  --stop     stop what --keep left, and remove it
  --dir DIR  the folder for everything it makes (default: .quickstart in the checkout)
  --bin DIR  use mcp, mcp-agent, mc-proxy and mcproxyctl of DIR; install and build nothing
TEXT
}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=$top/.quickstart
bin= keep= stop_only=
while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=1 ;;
    --stop) stop_only=1 ;;
    --dir) dir=${2:?--dir needs a folder}; shift ;;
    --bin) bin=$(cd "${2:?--bin needs a folder}" && pwd); shift ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
dir=$(realpath -m "$dir")
podman_dir=$dir/podman
proxy_dir=$dir/proxy
log_dir=$dir/log
. "$top/deploy/quickstart/terminal.sh"
. "$top/deploy/quickstart/node.sh"
. "$top/deploy/quickstart/tour.sh"

# ------------------------------------------------------------------ steps

packages() {
  local missing
  missing=$(missing_packages build run | sort -u | wc -l)
  install_packages build run
  result "$([ "$missing" = 0 ] && echo "all there" || echo "$missing installed")"
}

programs() {
  local fresh=()
  [ -f "$top/build/CMakeCache.txt" ] || fresh=(-G Ninja)
  cmake -S "$top" -B "$top/build" "${fresh[@]}" -DMCP_SANITIZE=
  cmake --build "$top/build" --target mcp mcp-agent mc-proxy mcproxyctl
  result "$("$top/build/bin/mcp-agent" --version), in build/bin"
}

podman_service() {
  mkdir -p "$podman_dir"
  start_podman
  try_podman
  result "$(podman --version | cut -d' ' -f3) as $(id -un), storage in $(short "$podman_dir")"
}

images() {
  local image
  for image in hello:v1 hello:v2 demo:v1; do
    "$top/deploy/demo-image/build.sh" "localhost/$image" "${image#*:}"
  done
  result "localhost/hello:v1, hello:v2 and demo:v1, made here"
}

repository() {
  git init -q --bare --initial-branch=main "$dir/desired.git"
  git clone -q "$dir/desired.git" "$dir/desired" 2>&1
  cd "$dir/desired"
  git symbolic-ref HEAD refs/heads/main
  git config user.name "${USER:-quickstart}"
  git config user.email "${USER:-quickstart}@$(hostname)"
  cp -r "$top/specs-example/"{README.md,fleet.toml,nodes} .
  git add .
  git commit -q -m "Start the desired state"
  git push -q origin main 2>&1
  result "$(short "$dir/desired.git") (bare) and $(short "$dir/desired"), a clone of it"
}

proxy() {
  start_proxy
  result "https on 127.0.0.1:$port, certificates of its own CA, log in $(short "$dir/mc-proxy.log")"
}

agent() {
  start_agent
  result "node local, log in $(short "$dir/agent.log")"
}

# ------------------------------------------------------------------ in order

if [ -n "$stop_only" ]; then
  [ -e "$dir/.mcp-quickstart" ] || fail "nothing was started in $(short "$dir")"
  stop_all
  remove_all "$dir"
  done_line stopped "agent, proxy, containers, images: all of $(short "$dir") is gone"
  exit 0
fi

started=$(now)
claim_folder
trap 'on_exit $?' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
heading "MCP quickstart"
if [ -z "$bin" ]; then
  . "$top/test/packages.sh"
  ask_for_sudo
  step packages packages
  step programs programs
  bin=$top/build/bin
fi
write_env
. "$dir/env"
step podman podman_service
step images images
step repository repository
choose_port
step proxy proxy
step agent agent
tour
if [ -n "$keep" ]; then
  how_to_go_on
else
  stop_all
  remove_all "$dir"
  done_line stopped "nothing is left but build/; --keep leaves it running"
fi
trap - EXIT
done_line done "in $(seconds_since "$started")"
