#!/bin/bash
# version_test.sh BUILD: every program tells which commit it was built from.
set -euo pipefail
build=$1
cd "$(dirname "$0")/../../.."
failed() { echo "FAILED: $1"; exit 1; }

for program in mcp mcp-agent mc-proxy mcproxyctl; do
  said=$("$build/bin/$program" --version) || failed "$program --version"
  version=${said#"$program "}
  [ "$version" != unknown ] && [ "$version" != "$said" ] || failed "$program: $said"
  [ -e .git ] || continue
  # A description is a name of its commit. A newer commit may have come since the build.
  git -c safe.directory='*' merge-base --is-ancestor "${version%-dirty}" HEAD ||
    failed "$program: no commit of this tree is $version"
done
