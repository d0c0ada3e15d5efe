#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "story.h"

// Every story beside this file, told again. MCP_UPDATE_GOLDEN=1 rewrites them.
namespace {

const std::filesystem::path kFolder = MCP_SOURCE_DIR "/test/golden/plan/stories";

class Stories : public testing::TestWithParam<std::string> {};

TEST_P(Stories, AreToldTheSame) {
  const std::filesystem::path path = kFolder / (GetParam() + ".txt");
  std::ostringstream written;
  written << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string told = test::Story().tell(written.str());
  if (std::getenv("MCP_UPDATE_GOLDEN") != nullptr)
    std::ofstream(path, std::ios::binary) << told;
  else
    EXPECT_EQ(written.str(), told);
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder))
    if (entry.path().extension() == ".txt") out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, Stories, testing::ValuesIn(names()),
                         [](const auto& info) { return info.param; });

}  // namespace
