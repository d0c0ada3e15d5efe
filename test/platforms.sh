#!/bin/bash
# The README's two commands on a bare distribution: a root filesystem that debootstrap makes, entered
# as if it were a machine. Needs root, debootstrap, slirp4netns and the distribution's servers.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: test/platforms.sh SUITE [--user] [COMMAND]

  SUITE    bookworm, trixie (Debian) or noble (Ubuntu)
  --user   as an ordinary user with sudo instead of as root
  COMMAND  for bash, in a clone of this checkout's HEAD (default: quickstart twice, then test/run.sh)

The root filesystem stays in $MCP_PLATFORMS/SUITE (default: /tmp/mcp-platforms) and is used again:
remove it for a bare one. There is no systemd in it, and cgroups, devices and the kernel are this
machine's; network, processes, mounts and files are its own.
TEXT
}

[ $# -ge 1 ] || { usage >&2; exit 2; }
case $1 in
  -h|--help) usage; exit 0 ;;
  bookworm|trixie) like=$1 components=main keys=debian-archive-keyring security=-security ;;
  noble) like=gutsy components=main,universe keys=ubuntu-archive-keyring security= ;;
  *) usage >&2; exit 2 ;;
esac
suite=$1 user=root
shift
[ "${1:-}" != --user ] || { user=dev; shift; }
command=${1:-./deploy/quickstart.sh && ./deploy/quickstart.sh && ./test/run.sh}
top=$(cd "$(dirname "$0")/.." && pwd)
root=${MCP_PLATFORMS:-/tmp/mcp-platforms}/$suite

make_root() {
  local keyring=/usr/share/keyrings/$keys.gpg script=/usr/share/debootstrap/scripts/$like mirror
  [ -e "$keyring" ] || { echo "error: no $keyring (package $keys or ubuntu-keyring)" >&2; exit 1; }
  debootstrap --variant=minbase --components=$components --include=git,ca-certificates,sudo \
    --keyring="$keyring" "$suite" "$root.part" "" "$script"
  mirror=$(awk '{print $2; exit}' "$root.part/etc/apt/sources.list")
  echo "deb $mirror $suite-updates ${components/,/ }
deb $mirror$security $suite-security ${components/,/ }" >> "$root.part/etc/apt/sources.list"
  chroot "$root.part" useradd --create-home --shell /bin/bash dev
  echo "dev ALL=(ALL) NOPASSWD: ALL" > "$root.part/etc/sudoers.d/dev"
  echo "127.0.0.1 localhost $suite" > "$root.part/etc/hosts"
  # Where a proxy in between has a CA of its own, this machine knows it.
  cp /usr/local/share/ca-certificates/*.crt "$root.part/usr/local/share/ca-certificates/" 2>/dev/null || :
  chroot "$root.part" update-ca-certificates > /dev/null
  rm -f "$root.part/etc/resolv.conf"
  echo "nameserver 10.0.2.3" > "$root.part/etc/resolv.conf"  # slirp4netns(1)
  mv "$root.part" "$root"
}

# In namespaces of its own. pivot_root and not chroot: podman's runtimes pivot themselves, which the
# kernel refuses in a chroot.
enter() {
  local pid device
  read -r pid _ < /proc/self/stat
  echo "$pid" > "$work/pid"
  read -r -n 1 < "$work/ready"
  hostname "$suite"
  mount --bind "$root" "$root"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/dev/shm"
  mkdir -p "$root/run"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  # Every distribution lets everybody use them; what this machine does is its own matter.
  for device in net/tun fuse; do
    [ -c /dev/$device ] || continue
    mknod -m 666 "$root/run/${device#*/}" c $((16#$(stat -c %t /dev/$device))) $((16#$(stat -c %T /dev/$device)))
    mount --bind "$root/run/${device#*/}" "$root/dev/$device"
  done
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
  cd "$root"
  mkdir -p old
  pivot_root . old
  umount -l /old
  rmdir /old
  cd /home/dev/mcp
  chown -R "$user:" .
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    su "$user" -c "cd /home/dev/mcp && $command"
}

[ -e "$root" ] || { mkdir -p "$(dirname "$root")"; make_root; }
if [ -e "$root/home/dev/mcp" ]; then
  git -c safe.directory='*' -C "$root/home/dev/mcp" pull -q "$top" HEAD
else
  git clone -q "$top" "$root/home/dev/mcp"
fi
work=$(mktemp -d /tmp/mcp-platform-XXXXXX)
trap 'kill $(jobs -p) 2>/dev/null || :; rm -rf "$work"' EXIT
mkfifo "$work/pid" "$work/ready"
(
  read -r pid < "$work/pid"
  exec slirp4netns --configure --mtu=65520 --disable-host-loopback --ready-fd=3 "$pid" tap0 \
    3> "$work/ready" > "$work/slirp4netns.log" 2>&1
) &
export -f enter
export root user command suite work
unshare --mount --propagation private --net --uts --ipc --pid --fork --kill-child \
  bash -euo pipefail -c enter
