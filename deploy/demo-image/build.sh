#!/bin/bash
# build.sh IMAGE VERSION: makes the demo image in podman's storage from this machine's static busybox;
# no registry, no network. IMAGE runs `demo hello` unless it is given another command.
set -euo pipefail
image=$1 version=$2
busybox=$(command -v busybox) || {
  echo "busybox is missing (apt-get install busybox-static)" >&2; exit 1; }
if ldd "$busybox" >/dev/null 2>&1; then
  echo "$busybox is not static (apt-get install busybox-static)" >&2; exit 1
fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,etc,data,tmp}
chmod 755 "$root"
cp "$busybox" "$root/bin/busybox"
for name in $("$busybox" --list); do
  [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
done
cp "$(dirname "$0")/demo" "$root/bin/demo"
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' > "$root/etc/passwd"
tar -C "$root" --owner=0 --group=0 -c . |
  podman import -q -c 'ENV PATH=/bin' -c "ENV VERSION=$version" \
    -c 'ENTRYPOINT ["/bin/demo"]' -c 'CMD ["hello"]' - "$image" >/dev/null
