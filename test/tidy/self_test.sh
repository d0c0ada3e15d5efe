#!/bin/bash
# Proves that tidy.sh sees what it has to: every bad file of this table is found, every good one is
# not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
status=0

# want good|bad PATH TEXT [FOUND]
want() {
  local verdict=$1 path=$2 text=$3 found=${4:-} out
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/$(dirname "$path")" "$tree/base/git"
  printf '#pragma once\n#include <git2.h>\n' > "$tree/base/git/raw.h"
  printf '%s\n' "$text" > "$tree/$path"
  if out=$("$here/tidy.sh" "$tree" 2>&1); then
    [ "$verdict" = good ] && return
    echo "NOT FOUND in $path: $text"
  else
    [ "$verdict" = bad ] && grep -qF "$found" <<< "$out" && grep -qF "$path:" <<< "$out" && return
    echo "WRONG about $path: $text"; echo "$out"
  fi
  status=1
}

want good base/a.cc '#include "base/core/result.h"'
want bad  base/a.cc '#include "crds/types/types.h"' 'base/ must not include'
want bad  base/core/a.cc '#include "base/git/types.h"' 'base/core/ must not include'
want bad  crds/a.cc '#include "reconciler/model.h"' 'crds/ must not include'
want bad  reconciler/a.cc '#include "base/log/log.h"' 'reconciler/ must not include'
want bad  reconciler/a.cc '#include "crds/decode.h"' 'reconciler/ must not include'
want good reconciler/a.cc '#include "crds/types/types.h"'
want bad  reconciler/a.cc '#include <thread>' '<thread> belongs to'
want bad  reconciler/a.cc '#include <sys/stat.h>' '<sys/stat.h> belongs to'
want bad  agent/a.cc '#include "controller/cli/run.h"' 'agent/ must not include'
want bad  controller/a.cc '#include "agent/loop/view.h"' 'controller/ must not include'
want bad  mc-proxy/a.cc '#include "reconciler/model.h"' 'mc-proxy/ must not include'
want bad  agent/a.cc '#include "test/support/fake_runtime.h"' 'agent/ must not include'
want good test/a.cc '#include "agent/loop/loop.h"'
want good test/a.cc '#include "corpus.h"'
want bad  agent/a.cc '#include "loop.h"' 'path from the root'
want bad  stray/a.cc '#include "base/core/result.h"' 'in no line'
want bad  agent/a.cc '#include <git2.h>' '<git2.h> belongs to'
want bad  agent/a.cc '#include <git2/sys/stream.h>' '<git2/sys/stream.h> belongs to'
want bad  crds/a.cc '#include <yaml-cpp/yaml.h>' 'belongs to crds/codec'
want good crds/codec/a.cc '#include <yaml-cpp/yaml.h>'
want bad  agent/loop/a.cc '#include <boost/asio/post.hpp>' 'belongs to agent/daemon'
want bad  agent/a.cc '#include <gtest/gtest.h>' 'belongs to test'
want bad  agent/a.cc '#include "base/git/raw.h"' 'is private to base/git/'
want good base/git/a.cc '#include "base/git/raw.h"'
want bad  agent/a.h 'int a;' 'no #pragma once'
want bad  docs/a.md 'TODO: write this' 'unfinished'
want bad  test/a.cc 'GTEST_SKIP();' 'say why'
want good test/a.cc 'GTEST_SKIP() << "no podman here";'
want bad  test/a.cc 'std::this_thread::sleep_for(1s);' 'wait for the thing itself'
want bad  test/a.cc 'TEST(Loop, DISABLED_Later) {' 'nobody runs'

[ $status = 0 ] && echo "tidy.sh sees what it has to"
exit $status
