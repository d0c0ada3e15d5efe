#!/bin/bash
# A podman of its own under DIR, for tests: own storage, networks and configuration; nothing outside
# DIR is changed but what dead networks have left, and what this machine needs is found out.
#
#   podman_env.sh serve DIR            podman's API on DIR/podman.sock, with the image
#                                      localhost/mcp-demo:v1; until it is killed
#   podman_env.sh serve-rootless DIR   the same as an ordinary user: this one, or, for root, a user
#                                      that exists only in a mount namespace
#   podman_env.sh run DIR ARG...       podman ARG... in that environment (not for serve-rootless)
#   podman_env.sh clean DIR            containers, mounts and DIR itself go
set -eu

fail() { echo "podman_env: $*" >&2; exit 1; }

# static_dir stays unset: conmon's exit command would look in another database.
write_config() {
  local ulimits="" runtime="" manager="" events="" driver=overlay nf np
  # Without CAP_SYS_RESOURCE (bit 24) a limit cannot be raised above the hard one.
  if [ "$(id -u)" != 0 ] || ! (( 16#$(awk '/^CapEff/{print $2}' /proc/self/status) >> 24 & 1 )); then
    nf=$(ulimit -Hn); np=$(ulimit -Hu)
    [ "$nf" = unlimited ] || [ "$nf" -gt 4096 ] && nf=4096
    [ "$np" = unlimited ] || [ "$np" -gt 4096 ] && np=4096
    ulimits="default_ulimits = [\"nofile=$nf:$nf\", \"nproc=$np:$np\"]"
  fi
  # crun refuses cgroup v1 beside a unified hierarchy that holds controllers; runc does not.
  if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] &&
     [ -n "$(cat /sys/fs/cgroup/unified/cgroup.controllers 2>/dev/null)" ] &&
     command -v runc >/dev/null; then
    runtime='runtime = "runc"'
  fi
  if [ ! -d /run/systemd/system ]; then
    manager='cgroup_manager = "cgroupfs"'
    events='events_logger = "file"'
  fi
  [ "$(stat -fc %T "$DIR")" = overlayfs ] && driver=vfs  # overlay on overlay is refused
  cat > "$DIR/containers.conf" <<CONF
[containers]
$ulimits
[engine]
lock_type = "file"
$runtime
$manager
$events
tmp_dir = "$DIR/tmp"
volume_path = "$DIR/volumes"
[network]
network_config_dir = "$DIR/nets"
CONF
  cat > "$DIR/storage.conf" <<CONF
[storage]
driver = "$driver"
graphroot = "$DIR/root"
runroot = "$DIR/runroot"
CONF
  cat > "$DIR/registries.conf" <<CONF
[[registry]]
location = "127.0.0.1"
insecure = true
CONF
}

use_config() {
  export CONTAINERS_CONF=$DIR/containers.conf CONTAINERS_STORAGE_CONF=$DIR/storage.conf
  export CONTAINERS_REGISTRIES_CONF=$DIR/registries.conf
  export PODMAN_IGNORE_CGROUPSV1_WARNING=1  # podman 5 warns of such machines with every command
  [ "$(id -u)" = 0 ] && return
  # Rootless podman takes its storage from here, whatever storage.conf says.
  export XDG_DATA_HOME=$DIR/data
  export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$DIR/run}
}

import_demo() {
  podman image exists localhost/mcp-demo:v1 && return
  local busybox name
  busybox=$(command -v busybox) || fail "busybox is missing (apt-get install busybox-static)"
  ldd "$busybox" >/dev/null 2>&1 && fail "$busybox is not static (apt-get install busybox-static)"
  mkdir -p "$DIR/demo/bin" "$DIR/demo/etc" "$DIR/demo/tmp"
  cp "$busybox" "$DIR/demo/bin/busybox"
  for name in $("$busybox" --list); do
    [ "$name" = busybox ] || ln -sf busybox "$DIR/demo/bin/$name"
  done
  printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' > "$DIR/demo/etc/passwd"
  tar -C "$DIR/demo" -c . |
    podman import -q -c 'ENV PATH=/bin' -c 'CMD ["sh"]' - localhost/mcp-demo:v1 >/dev/null
}

# Root's podmans share one server of names. What one has left there that was killed listens on an
# address that the next network gets, and answers for it.
forget_dead_networks() {
  [ "$(id -u)" = 0 ] || return 0
  local folder=/run/containers/networks/aardvark-dns file gateway pid
  for file in "$folder"/*; do
    [ -f "$file" ] && [ "${file##*/}" != aardvark.pid ] || continue
    gateway=$(sed '1s/[ ,].*//;q' "$file")
    case " $(hostname -I) " in *" $gateway "*) ;; *) rm -f "$file" ;; esac
  done
  pid=$(cat "$folder/aardvark.pid" 2>/dev/null) || return 0
  kill -HUP "$pid" 2>/dev/null || return 0
  [ "$(ls "$folder")" = aardvark.pid ] || return 0
  timeout 5 tail --pid="$pid" -s 0.05 -f /dev/null || :  # with nothing to serve it ends
}

serve() {
  use_config
  forget_dead_networks
  import_demo
  rm -f "$DIR/podman.sock"
  exec podman system service --time=0 "unix://$DIR/podman.sock"
}

# As root, in a mount namespace of its own: a user with subordinate ids and usable devices, laid over
# the machine's files.
serve_as_new_user() {
  local uid=64321 path
  for path in passwd group subuid subgid; do
    cp "/etc/$path" "$DIR/$path" 2>/dev/null || : > "$DIR/$path"
  done
  echo "mcp-test:x:$uid:$uid::$DIR/home:/bin/bash" >> "$DIR/passwd"
  echo "mcp-test:x:$uid:" >> "$DIR/group"
  echo "mcp-test:5000000:65536" | tee -a "$DIR/subuid" >> "$DIR/subgid"
  for path in passwd group subuid subgid; do
    [ -e "/etc/$path" ] || fail "/etc/$path is missing (apt-get install uidmap)"
    mount --bind "$DIR/$path" "/etc/$path"
  done
  for path in net/tun fuse; do
    [ -c "/dev/$path" ] || fail "/dev/$path is missing"
    mknod -m 666 "$DIR/${path#net/}" c $((16#$(stat -c %t "/dev/$path"))) $((16#$(stat -c %T "/dev/$path")))
    mount --bind "$DIR/${path#net/}" "/dev/$path"
  done
  cp "$0" "$DIR/podman_env.sh"  # the source tree may be closed to others
  chown -R "$uid:$uid" "$DIR"
  cd "$DIR"
  exec env -u XDG_DATA_HOME HOME="$DIR/home" XDG_RUNTIME_DIR="$DIR/run" \
    XDG_CONFIG_HOME="$DIR/config" USER=mcp-test \
    setpriv --reuid $uid --regid $uid --clear-groups "$DIR/podman_env.sh" serve-here "$DIR"
}

clean() {
  [ -d "$DIR" ] || return 0
  use_config
  if [ -e "$DIR/rootless" ]; then
    # Its conmon and helpers have the folder in their command lines; the containers are conmon's
    # children.
    local pid child
    for pid in $(grep -lsaF "$DIR/" /proc/[0-9]*/cmdline | cut -d/ -f3); do
      [ "$pid" != $$ ] && [ "$pid" != $PPID ] || continue
      child=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null || :)
      kill -9 "$pid" $child 2>/dev/null || :
    done
    # The process that holds the user namespace names no folder.
    pid=$(cat "$DIR/tmp/pause.pid" "$DIR/run/libpod/tmp/pause.pid" 2>/dev/null || :)  # podman 4.3; newer
    [ -z "$pid" ] || [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != catatonit ] || kill -9 "$pid" || :
  else
    podman rm --force --all --time 0 >/dev/null 2>&1 || :
    podman network prune --force >/dev/null 2>&1 || :
    forget_dead_networks
  fi
  awk -v dir="$DIR/" 'index($2, dir) == 1 {print $2}' /proc/self/mounts | sort -r |
    while read -r mounted; do umount -l "$mounted" || :; done
  # Files of rootless containers belong to subordinate ids. Ubuntu grants such namespaces to podman
  # alone, whose configuration is gone by then.
  rm -rf "$DIR" 2>/dev/null || unshare --map-root-user --map-auto rm -rf "$DIR" 2>/dev/null ||
    env -u CONTAINERS_CONF -u CONTAINERS_STORAGE_CONF -u CONTAINERS_REGISTRIES_CONF \
      podman unshare rm -rf "$DIR"
}

[ $# -ge 2 ] || fail "usage: $0 serve|serve-rootless|run|clean DIR"
action=$1
DIR=$(realpath -m "$2")
shift 2
command -v podman >/dev/null || fail "podman is not installed"
case $action in
  serve|serve-rootless|serve-here)
    mkdir -p "$DIR"/{root,runroot,tmp,volumes,nets,home,data,config,run}
    chmod 700 "$DIR/run"
    write_config
    if [ "$action" = serve-rootless ]; then
      : > "$DIR/rootless"
      [ "$(id -u)" = 0 ] || exec "$0" serve-here "$DIR"
      command -v newuidmap >/dev/null || fail "newuidmap is missing (apt-get install uidmap)"
      exec unshare --mount --propagation private "$0" serve-new-user "$DIR"
    fi
    serve ;;
  serve-new-user) serve_as_new_user ;;
  run) use_config; exec podman "$@" ;;
  clean) clean ;;
  *) fail "no such action: $action" ;;
esac
