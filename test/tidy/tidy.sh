#!/bin/bash
# tidy.sh [ROOT]: reads every tracked text file of the tree and fails on what the project does not
# allow, one line a finding. The rules for includes are in layers.txt beside this script.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "${1:-$here/../..}" && pwd)
cd "$root"

files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git grep --untracked -lE ''  # what is there and not ignored
  else
    find . -type f ! -path './build*' ! -path './.quickstart/*' -printf '%P\n'
  fi | sort
}

sources() { files | grep -E '\.(cc|h)$'; }

includes() {
  # shellcheck disable=SC2046
  awk -v rules="$here/layers.txt" '
    # The longest of the folders that the path lies in, or "".
    function home_of(path, folders,    i, n, best, list) {
      n = split(folders, list, " ")
      for (i = 1; i <= n; i++)
        if ((path == list[i] || index(path, list[i] "/") == 1) && length(list[i]) > length(best))
          best = list[i]
      return best
    }
    function complain(text) { print FILENAME ":" FNR ": " text }
    BEGIN {
      while ((getline line < rules) > 0) {
        if (line !~ /^(layer|home) /) continue
        split(line, part, ": "); split(part[1], word, " ")
        if (word[1] == "layer") { layer[word[2]] = part[2]; layers = layers " " word[2] }
        else home[word[2]] = part[2]
      }
    }
    /^#include "/ {
      split($0, quoted, "\"")
      from = home_of(FILENAME, layers)
      if (from == "") complain("its folder is in no line of layers.txt")
      else if (quoted[2] !~ /\//) {
        # A test may name a file of its own folder alone.
        if (from != "test") complain("\"" quoted[2] "\": write the path from the root")
      }
      else if (home_of(quoted[2], layer[from]) == "")
        complain(from "/ must not include \"" quoted[2] "\" (allowed: " layer[from] ")")
      else { used[++uses] = quoted[2]; by[uses] = FILENAME; line_of[uses] = FNR }
    }
    /^#include </ {
      match($0, /<[^>]*>/); name = substr($0, RSTART + 1, RLENGTH - 2)
      for (prefix in home)
        if (name == prefix || index(name, prefix "/") == 1 || index(name, prefix ".h") == 1) {
          if (home_of(FILENAME, home[prefix]) == "")
            complain("<" name "> belongs to " home[prefix])
          else if (FILENAME ~ /\.h$/ && prefix ~ /^(git2|libssh2|sqlite3|httplib|spdlog|openssl|yaml-cpp|toml\+\+|boost|CLI)$/)
            private[FILENAME] = name
        }
    }
    END {
      for (i = 1; i <= uses; i++)
        if (used[i] in private) {
          folder = used[i]; sub(/\/[^\/]*$/, "", folder)
          if (index(by[i], folder "/") != 1)
            print by[i] ":" line_of[i] ": \"" used[i] "\" is private to " folder "/: it includes <" private[used[i]] ">"
        }
    }' $(sources)
}

# pattern MESSAGE REGEX FILE...
pattern() {
  local message=$1 regex=$2
  shift 2
  [ $# -gt 0 ] || return 0
  grep -nHE "$regex" "$@" | sed "s/\$/    <- $message/" || :
}

words() {
  local text tests all
  mapfile -t text < <(files | grep -vE '^test/(tidy|golden)/')
  mapfile -t tests < <(files | grep -E '^test/.*\.(cc|h)$')
  mapfile -t all < <(sources)
  pattern "unfinished: do it, or write an issue" '\b(TODO|FIXME|HACK)\b' "${text[@]}"
  pattern "a test that nobody runs" '\bTEST(_[FP])?\([^)]*\bDISABLED_' "${tests[@]}"
  pattern "say why it is skipped: GTEST_SKIP() << ..." 'GTEST_SKIP\(\)[[:space:]]*(;|$)' "${tests[@]}"
  pattern "wait for the thing itself" '\b(sleep_for|sleep_until|usleep|nanosleep)\b|[^_[:alnum:]]sleep\(' \
    "${tests[@]}"
  printf '%s\n' "${all[@]}" | { grep '\.h$' || :; } | xargs -r grep -L '^#pragma once$' |
    sed 's/$/:1: no #pragma once/'
}

# Long files are told, and no error: does each hold one thing?
long_ones() {
  sources | xargs -r wc -l | awk '$2 != "total" && $1 > 300 && $2 !~ /^test\//' | sort -rn |
    sed 's/^ */  /'
}

found=$(includes; words)
if [ -n "$found" ]; then
  echo "$found"
  exit 1
fi
long=$(long_ones)
[ -z "$long" ] || printf 'over 300 lines:\n%s\n' "$long"
echo "$(sources | wc -l) sources are tidy"
