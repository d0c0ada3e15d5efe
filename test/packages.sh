# shellcheck shell=bash
# The Debian 12 / Ubuntu 24.04 packages of this project, by purpose. To be sourced:
#   . test/packages.sh; install_packages build run

packages_of() {
  case $1 in
    build) echo g++ cmake ninja-build mold ccache pkg-config git ca-certificates \
      libgit2-dev libssh2-1-dev libssl-dev libsqlite3-dev libcpp-httplib-dev nlohmann-json3-dev \
      libyaml-cpp-dev libtomlplusplus-dev libcli11-dev libspdlog-dev libfmt-dev libexpected-dev \
      libboost-dev libgtest-dev libgmock-dev librapidcheck-dev libvalijson-dev ;;
    run) echo podman crun runc conmon netavark aardvark-dns nftables iptables slirp4netns passt uidmap catatonit \
      busybox-static curl haproxy ;;
    test) echo nginx-light systemd fcgiwrap openssh-server openssh-client gpg gpgv gpg-agent openssl jq procps python3 util-linux \
      curl nghttp2-client nghttp2-server docker-registry python3-cryptography python3-yaml python3-grpcio python3-prometheus-client \
      prometheus prometheus-alertmanager podman-compose ;;
    npm) echo nodejs npm ;;
    # libFuzzer comes with a package of the compiler's own version, which the package lists know.
    fuzz) [ -n "$(apt-cache show clang 2>/dev/null)" ] || as_root apt-get update -qq >&2 || return 1
      echo clang "libclang-rt-$(apt-cache depends clang 2>/dev/null |
        sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p')-dev" ;;
    check) echo clang-format-19 clang-tidy-19 shellcheck ;;
    chaos) echo docker-registry faketime python3 ;;
    bench) echo docker-compose python3 ;;
    bench-proxy) echo haproxy wrk nghttp2-client nginx-light libnginx-mod-stream caddy curl procps \
      openssl python3 ;;
    *) echo "packages_of: no group '$1'" >&2; return 1 ;;
  esac
}

# as_root COMMAND...
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; return; fi
  command -v sudo >/dev/null || { echo "error: not root and no sudo. As root: $*" >&2; return 1; }
  sudo "$@"
}

# missing_packages GROUP...: those that are not installed, one a line.
missing_packages() {
  local group package list
  for group in "$@"; do
    list=$(packages_of "$group") || return 1
    for package in $list; do
      [ "$(dpkg-query -Wf '${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] ||
        echo "$package"
    done
  done
}

# install_packages GROUP...: installs what is missing, and only that; says what. Where nothing is
# missing it asks nobody and needs no network.
install_packages() {
  local missing
  missing=$(missing_packages "$@" | sort -u | tr '\n' ' ') || return 1
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || {
    echo "error: no apt-get here. Install by hand: $missing" >&2; return 1; }
  echo "installing: $missing"
  # Daemons that a package brings (sshd, nginx, haproxy) must not start: we start our own.
  as_root env DEBIAN_FRONTEND=noninteractive sh -ec '
    apt-get update -qq
    made=
    if [ ! -e /usr/sbin/policy-rc.d ]; then
      made=1
      trap "rm -f /usr/sbin/policy-rc.d" EXIT
      printf "#!/bin/sh\nexit 101\n" > /usr/sbin/policy-rc.d
      chmod 755 /usr/sbin/policy-rc.d
    fi
    apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >/dev/null' sh $missing
}

# install_oidc_provider FOLDER: npm's oidc-provider as test/support/oidc locks it. Where it cannot be
# had, ctest lists the tests named OidcProvider as skipped.
install_oidc_provider() {
  local from
  from=$(dirname "${BASH_SOURCE[0]}")/support/oidc
  [ -d "$1/node_modules/oidc-provider" ] && cmp -s "$from/package-lock.json" "$1/package-lock.json" && return 0
  command -v npm >/dev/null || install_packages npm
  mkdir -p "$1"
  cp "$from/package.json" "$from/package-lock.json" "$1"
  npm ci --prefix "$1" --no-audit --no-fund --loglevel=error ||
    echo "warning: npm cannot install oidc-provider: its tests are skipped" >&2
}
