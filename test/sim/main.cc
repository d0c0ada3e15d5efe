// mcp-sim: lives of a node under faults, one for each seed.
//   mcp-sim --seeds 2000 [--from N]     many lives; the first that breaks a rule is told
//   mcp-sim --seed N                    one life, with everything that happens in it
//   mcp-sim --seeds-from FILE           the seeds that once broke a rule
//   mcp-sim --fleets 300 [--from N], --fleet N, --fleets-from FILE: the same, of several nodes
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "test/sim/fleet.h"
#include "test/sim/simulation.h"

namespace {

struct Arguments {
  std::vector<uint64_t> seeds;
  bool fleets = false;
  bool trace = false;
};

bool parse(int argc, char** argv, Arguments& out) {
  uint64_t count = 0, from = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    out.fleets |= flag.starts_with("--fleet");
    if (flag == "--seeds-from" || flag == "--fleets-from") {
      std::ifstream file(argv[i + 1]);
      if (!file) return false;
      for (std::string line; std::getline(file, line);)
        if (!line.empty() && line[0] != '#')
          out.seeds.push_back(std::strtoull(line.c_str(), nullptr, 10));
      continue;
    }
    const uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seeds" || flag == "--fleets") {
      count = value;
    } else if (flag == "--from") {
      from = value;
    } else if (flag == "--seed" || flag == "--fleet") {
      out.seeds.push_back(value);
      out.trace = true;
    } else {
      return false;
    }
  }
  for (uint64_t i = 0; i < count; ++i) out.seeds.push_back(from + i);
  return argc % 2 == 1 && argc > 1;
}

sim::Report live(const Arguments& arguments, uint64_t seed) {
  std::ostream* trace = arguments.trace ? &std::cout : nullptr;
  return arguments.fleets ? sim::Fleet(seed, trace).run() : sim::Simulation(seed, trace).run();
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::cerr << "usage: mcp-sim --seeds COUNT [--from N] | --seed N | --seeds-from FILE\n"
                 "       mcp-sim --fleets COUNT [--from N] | --fleet N | --fleets-from FILE\n";
    return 2;
  }
  int64_t steps = 0;
  int failed = 0;
  std::map<std::string, int> faults;
  for (const uint64_t seed : arguments.seeds) {
    const sim::Report report = live(arguments, seed);
    steps += report.steps;
    for (const auto& [kind, count] : report.faults) faults[kind] += count;
    if (report.violation.empty()) continue;
    ++failed;
    std::cout << "seed " << seed << ": " << report.violation << "\n  again: mcp-sim "
              << (arguments.fleets ? "--fleet " : "--seed ") << seed << std::endl;
    if (failed == 10) break;
  }
  std::cout << arguments.seeds.size() << " seeds, " << steps << " steps, " << failed << " failed\n";
  for (const auto& [kind, count] : faults) std::cout << "  " << count << " " << kind << "\n";
  return failed == 0 ? 0 : 1;
}
