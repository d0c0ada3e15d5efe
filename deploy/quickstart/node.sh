# shellcheck shell=bash
# The node that quickstart.sh makes: a folder, podman's service, mc-proxy, an agent; and their end.

# The folder is ours, and nobody else's quickstart is at work in it. What an earlier run left there,
# kept or killed, goes first.
claim_folder() {
  if [ -e "$dir" ] && [ ! -e "$dir/.mcp-quickstart" ] && [ -n "$(ls -A "$dir")" ]; then
    fail "$dir exists and was not made by quickstart.sh (name another folder with --dir)"
  fi
  # unix(7): sun_path holds 107 bytes; HAProxy puts its process id behind the name while it binds
  [ ${#dir} -le 60 ] || fail "$dir is too long a path for sockets (use --dir /tmp/mcp)"
  mkdir -p "$dir"
  touch "$dir/.mcp-quickstart"
  exec 9>"$dir/.mcp-quickstart"
  flock -n 9 || fail "another quickstart.sh is at work in $(short "$dir")"
  if [ -e "$dir/env" ]; then
    remark "ending what an earlier run left in $(short "$dir")"
    stop_all
  fi
  find "$dir" -mindepth 1 -maxdepth 1 ! -name .mcp-quickstart -print0 |
    while IFS= read -r -d '' path; do remove_all "$path"; done
  mkdir -p "$log_dir"
}

# A run that was killed at a bad moment may leave files of rootless containers, which belong to
# subordinate ids.
remove_all() {
  rm -rf "$1" 2>/dev/null || "$top/test/support/podman_env.sh" clean "$1"
}

# A step runs in the background, where nobody can type a password.
ask_for_sudo() {
  if [ "$(id -u)" != 0 ] && [ -n "$(missing_packages build run)" ] && command -v sudo > /dev/null; then
    sudo -v -p "packages are missing; password of %p for sudo: "
  fi
}

# What a shell needs to use this node: source it.
write_env() {
  {
    echo "export MCP_REPO=$dir/desired"
    echo "export MCP_AGENT=unix://$dir/agent.sock"
    echo "export PATH=$bin:\$PATH"
    echo "export CONTAINERS_CONF=$podman_dir/containers.conf"
    echo "export CONTAINERS_STORAGE_CONF=$podman_dir/storage.conf"
    echo "export CONTAINERS_REGISTRIES_CONF=$podman_dir/registries.conf"
    # Podman 5 warns of it with every command.
    [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || echo "export PODMAN_IGNORE_CGROUPSV1_WARNING=1"
    # Rootless podman takes its storage from here, whatever storage.conf says.
    [ "$(id -u)" = 0 ] || echo "export XDG_DATA_HOME=$podman_dir/data"
    [ "$(id -u)" = 0 ] || [ -n "${XDG_RUNTIME_DIR:-}" ] ||
      echo "export XDG_RUNTIME_DIR=$podman_dir/run"
  } > "$dir/env"
}

# daemon NAME LOG COMMAND...: it runs on when this script ends, and Ctrl-C in its terminal is not meant
# for it. An end of this step has to wait until its number is written: who stops it would not know it.
daemon() {
  local name=$1 log=$2 ended=
  shift 2
  trap 'ended=1' TERM
  setsid "$@" >> "$log" 2>&1 9>&- &
  echo $! > "$dir/$name.pid"
  trap - TERM
  [ -z "$ended" ] || exit 143
}

start_podman() {
  local mode=serve
  if [ "$(id -u)" != 0 ]; then
    mode=serve-rootless
    grep -q "^$(id -un):\|^$(id -u):" /etc/subuid || {
      echo "rootless podman needs subordinate ids for $(id -un), and /etc/subuid names none:"
      echo "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)"
      echo "or run this script as root"
      return 1
    }
  fi
  daemon podman "$log_dir/podman-service.log" "$top/test/support/podman_env.sh" "$mode" "$podman_dir"
  wait_for "$dir/podman.pid" "podman's service" "$log_dir/podman-service.log" \
    curl -sf -m 5 --unix-socket "$podman_dir/podman.sock" http://d/_ping
}

# Whether this machine lets a container run at all; podman's own words are in the log.
try_podman() {
  podman run --rm -p 127.0.0.1::8080 localhost/mcp-demo:v1 true && return
  echo "podman cannot run a container here (see above)"
  [ "$(id -u)" = 0 ] || {
    [ -w /dev/net/tun ] || echo "rootless networks need /dev/net/tun: sudo chmod 666 /dev/net/tun"
    echo "rootless podman needs more of a machine than root's: sudo $top/deploy/quickstart.sh may do"
  }
  return 1
}

listening() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# The port of https: 8443, else the next one that nobody has.
choose_port() {
  port=8443
  while listening $port; do port=$((port + 1)); done
  [ $port = 8443 ] || remark "port 8443 is taken on this machine: https is on port $port instead"
}

start_proxy() {
  mkdir -p "$proxy_dir"
  cat > "$dir/mc-proxy.toml" <<TOML
[[listeners]]
address = "127.0.0.1:$port"

[api]
socket = "$proxy_dir/api.sock"

[database]
path = "$proxy_dir/mc-proxy.db"

[certificates]
dir = "$proxy_dir/certs"
TOML
  daemon mc-proxy "$dir/mc-proxy.log" \
    mc-proxy --config "$dir/mc-proxy.toml" --dev-ca "$proxy_dir/ca"
  # It ends well only when HAProxy runs and the port is open.
  wait_for "$dir/mc-proxy.pid" mc-proxy "$dir/mc-proxy.log" \
    mcproxyctl --socket "$proxy_dir/api.sock" status
}

# HAProxy is a process of its own, which outlives mc-proxy.
stop_proxy() {
  [ -e "$dir/mc-proxy.toml" ] || return 0
  end_process "$dir/mc-proxy.pid" "$dir/mc-proxy.toml"
  mc-proxy --config "$dir/mc-proxy.toml" stop
}

start_agent() {
  cat > "$dir/agent.toml" <<TOML
[node]
name = "local"

[source]
url = "$dir/desired.git"
interval = "10s"

[podman]
socket = "$podman_dir/podman.sock"

[mcproxy]
socket = "$proxy_dir/api.sock"

[api]
socket = "$dir/agent.sock"

[registry]
path = "$dir/agent/mcp.db"
TOML
  daemon agent "$dir/agent.log" mcp-agent --config "$dir/agent.toml"
  wait_for "$dir/agent.pid" mcp-agent "$dir/agent.log" \
    curl -sf -m 5 --unix-socket "$dir/agent.sock" http://d/healthz
}

# wait_for PIDFILE NAME LOG COMMAND...: until the command succeeds; at most a minute, and not longer
# than the process lives.
wait_for() {
  local pid what=$2 log=$3 end=$((SECONDS + 60))
  pid=$(cat "$1")
  shift 3
  until "$@" > /dev/null 2>&1; do
    if ! kill -0 "$pid" 2>/dev/null; then
      echo "$what has ended; it said:"
      tail -n 10 "$log"
      return 1
    fi
    [ $SECONDS -lt $end ] || { echo "$what does not answer after a minute"; return 1; }
    sleep 0.05
  done
}

# end_process PIDFILE WORD: if it still is the process that we started (its command line has WORD).
end_process() {
  local pid end=$((SECONDS + 10))
  pid=$(cat "$1" 2>/dev/null) || return 0
  rm -f "$1"
  tr '\0' ' ' 2>/dev/null < "/proc/$pid/cmdline" | grep -qF "$2" || return 0
  kill "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do
    [ $SECONDS -lt $end ] || { kill -9 "$pid" 2>/dev/null || :; break; }
    sleep 0.05
  done
}

# Leaves the logs; may run at any point of a run, and twice.
stop_all() {
  [ -e "$dir/env" ] || return 0
  (
    . "$dir/env"
    end_process "$dir/agent.pid" "$dir/agent.toml"
    stop_proxy
    end_process "$dir/podman.pid" "$podman_dir"
    "$top/test/support/podman_env.sh" clean "$podman_dir"
  ) < /dev/null > /dev/null 2>> "$log_dir/stop.log" || :
  rm -f "$dir/env"
}

on_exit() {
  trap '' INT TERM HUP
  stop_step
  touch "$dir/rolled"  # what ends the client of the tour
  stop_all
  case $1 in
    130|143)
      remove_all "$dir"
      failed_line interrupted "stopped and removed what was started; run it again at any time" ;;
    *) failed_line failed "stopped what was started; logs are left in $(short "$log_dir")" ;;
  esac
  exit "$1"
}
