#!/bin/bash
# reproducible.sh MCP_SIM: a seed is the same life every time, and another one than the next seed's.
set -euo pipefail
sim=$1
failed() { echo "FAILED: $1"; exit 1; }
for kind in --seed --fleet; do
  before=
  for seed in 1 4; do
    first=$("$sim" "$kind" "$seed") || failed "$kind $seed breaks a rule"
    second=$("$sim" "$kind" "$seed") || failed "$kind $seed breaks a rule the second time"
    [ "$first" = "$second" ] ||
      failed "$kind $seed: $(diff <(echo "$first") <(echo "$second") | head -20)"
    [ "$first" != "$before" ] || failed "$kind $seed is the life of another seed"
    before=$first
  done
done
