#!/bin/bash
# What the documentation promises is there: every link to a file leads to one, the runbook knows every
# reason that a condition can carry, and alerts.md every alert.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0
for page in *.md docs/*.md docs/*/*.md specs-example/*.md; do
  while read -r link; do
    [ -e "$(dirname "$page")/${link%%#*}" ] || { echo "$page: leads nowhere: $link"; status=1; }
  done < <(grep -oE '\]\([^)#: ]+[^): ]*\)' "$page" | sed 's/^](//; s/)$//')
done
while read -r reason; do
  grep -q "^### $reason\$" docs/runbook.md || { echo "docs/runbook.md: no '### $reason'"; status=1; }
done < <(grep -oE '= "[A-Za-z]+"' reconciler/conditions.h | cut -d'"' -f2)
while read -r alert; do
  grep -q "^### $alert\$" docs/alerts.md || { echo "docs/alerts.md: no '### $alert'"; status=1; }
done < <(grep -oE '= "[A-Za-z]+"' agent/alerts/kinds.h | cut -d'"' -f2)
for tool in deploy/quickstart.sh test/run.sh; do
  grep -q "$tool" README.md || { echo "README.md: does not name $tool"; status=1; }
done
[ $status = 0 ] && echo "the documentation keeps its promises"
exit $status
