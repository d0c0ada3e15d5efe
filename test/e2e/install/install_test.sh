#!/bin/bash
# install_test.sh CMAKE BUILD: what `cmake --install` puts where, and that it works from there.
set -euo pipefail
cmake=$1
build=$2
work=$(mktemp -d /tmp/mcp-install-XXXXXX)
trap 'rm -rf "$work"' EXIT

failed() { echo "FAILED: $1"; exit 1; }

# As a package is made: below DESTDIR, to be used at /usr.
DESTDIR=$work/root "$cmake" --install "$build" --prefix /usr > "$work/out" || failed "$(cat "$work/out")"
cd "$work/root"

while read -r path; do
  [ -s "usr/$path" ] || failed "no /usr/$path"
done <<'PATHS'
bin/mcp
bin/mcp-agent
bin/mc-proxy
bin/mcproxyctl
lib/systemd/system/mcp-agent.service
lib/systemd/system/mc-proxy.service
lib/systemd/user/mcp-agent.service
lib/sysusers.d/mcp.conf
lib/tmpfiles.d/mc-proxy.conf
share/bash-completion/completions/mcp
share/zsh/vendor-completions/_mcp
share/fish/vendor_completions.d/mcp.fish
share/doc/mcp/README.md
share/doc/mcp/copyright
share/doc/mcp/docs/runbook.md
share/doc/mcp/docs/kinds/service.md
share/doc/mcp/examples/mcp-agent.toml
share/doc/mcp/examples/pre-receive
share/doc/mcp/examples/ci/github.yml
share/doc/mcp/specs-example/services/hello.toml
PATHS
stray=$(find . -type f ! -path './usr/*')
[ -z "$stray" ] || failed "outside of the prefix: $stray"
wrong=$(find . -type f \( -perm /022 -o -perm /111 ! -path './usr/bin/*' \))
[ -z "$wrong" ] || failed "wrong modes: $wrong"

# No library or file of the build is needed.
for program in mcp mcp-agent mc-proxy mcproxyctl; do
  said=$(env -i PATH=/usr/bin:/bin "usr/bin/$program" --version) || failed "$program --version"
  [ "$said" = "$("$build/bin/$program" --version)" ] || failed "$program: $said"
  ! ldd "usr/bin/$program" | grep -E "not found|$build" || failed "$program needs the build"
done

# What the units and the completions name is there.
for unit in usr/lib/systemd/*/*.service; do
  ! grep -E '@[A-Z_]+@' "$unit" || failed "$unit is not filled in"
  grep -oE '(=|file://)/usr/[^ ]*' "$unit" | sed -E 's#^(=|file://)##' > "$work/named"
  grep -q '^/usr/bin/' "$work/named" || failed "$unit starts nothing"
  while read -r path; do [ -e ".$path" ] || failed "$unit: no $path"; done < "$work/named"
done
# systemd implements it by forbidding openat2, which push and pull rely on.
! grep -l '^RestrictSUIDSGID=yes' usr/lib/systemd/*/mcp-agent.service || failed "push and pull could not work"
bash -c 'set -e; . usr/share/bash-completion/completions/mcp; complete -p mcp' > /dev/null ||
  failed "bash's completion"

# Another prefix, chosen late as well.
"$cmake" --install "$build" --prefix "$work/local" > "$work/out" || failed "$(cat "$work/out")"
grep -q "^ExecStart=$work/local/bin/mcp-agent " "$work/local/lib/systemd/system/mcp-agent.service" ||
  failed "the unit does not start what was installed"
"$work/local/bin/mcp" --version > /dev/null || failed "mcp at another prefix"
if command -v systemd-analyze > /dev/null; then
  for scope in system user; do
    said=$(XDG_RUNTIME_DIR=$work systemd-analyze "--$scope" --man=no --recursive-errors=no verify \
      "$work/local/lib/systemd/$scope"/*.service 2>&1) || failed "systemd ($scope): $said"
  done
else
  echo "the units are not verified: no systemd-analyze here"
fi
echo "installed and works"
