#!/bin/bash
# coverage.sh [SEEDS [FROM]]: which branches of the core (reconciler/) lives of the simulator take.
# Builds in build/coverage. Branches that only an exception takes are not counted.
set -euo pipefail
cd "$(dirname "$0")/../.."
seeds=${1:-500}
from=${2:-5000001}
build=$PWD/build/coverage
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1 --coverage -fno-inline" --log-level=WARNING > /dev/null
cmake --build "$build" --target mcp-sim > /dev/null
find "$build" -name '*.gcda' -delete
"$build/test/sim/mcp-sim" --seeds "$seeds" --from "$from" | grep ' steps, '
"$build/test/sim/mcp-sim" --fleets "$((seeds / 2))" --from "$from" | grep ' steps, '
cd "$build"
find reconciler -name '*.gcda' -exec gcov --json-format --stdout --branch-probabilities {} + 2> /dev/null |
  python3 -c '
import collections, json, sys
taken, lines = collections.defaultdict(int), collections.defaultdict(int)
for text in sys.stdin:
    for file in json.loads(text)["files"]:
        name = file["file"]
        if "/reconciler/" not in name or not name.endswith(".cc"):
            continue
        name = name[name.rindex("/reconciler/") + 1:]
        for line in file["lines"]:
            lines[name, line["line_number"]] += line["count"]
            for number, branch in enumerate(line["branches"]):
                if not branch["throw"]:
                    taken[name, line["line_number"], number] += branch["count"]
print("| file | branches | taken | lines | run |\n|---|---|---|---|---|")
total = collections.Counter()
for name in sorted({key[0] for key in lines}):
    ours = [count for key, count in taken.items() if key[0] == name]
    rows = [count for key, count in lines.items() if key[0] == name]
    row = len(ours), sum(map(bool, ours)), len(rows), sum(map(bool, rows))
    total.update(dict(enumerate(row)))
    print("| {} | {} | {} | {} | {} |".format(name, *row))
print("| all | {} | {} ({:.0f} %) | {} | {} ({:.0f} %) |".format(
    total[0], total[1], 100 * total[1] / total[0], total[2], total[3], 100 * total[3] / total[2]))
'
