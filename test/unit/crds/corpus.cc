#include "corpus.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "crds/decode.h"

namespace crds::test {

std::string read_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << file;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string corpus(const std::string& folder) {
  return std::string(MCP_SOURCE_DIR) + "/test/golden/crds/" + folder;
}

std::map<std::string, std::string> definitions(const std::string& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string path = std::filesystem::relative(entry.path(), folder).string();
    if (entry.is_regular_file() && is_definition_path(path))
      out[path] = read_text(entry.path().string());
  }
  EXPECT_FALSE(out.empty()) << folder;
  return out;
}

void expect_golden(const std::string& file, const std::string& actual) {
  const char* update = std::getenv("MCP_UPDATE_GOLDEN");
  if (update != nullptr && std::string(update) == "1") {
    std::ofstream(file, std::ios::binary) << actual;
    return;
  }
  EXPECT_EQ(read_text(file), actual) << file << ": run the test with MCP_UPDATE_GOLDEN=1 to accept";
}

}  // namespace crds::test
