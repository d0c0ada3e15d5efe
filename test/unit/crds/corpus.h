#pragma once

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

// The definitions in test/golden/crds, and golden texts beside them.
namespace crds::test {

std::string read_text(const std::string& file);
std::string corpus(const std::string& folder);  // the folder's path

// Every definition below a folder, by its path inside of it.
std::map<std::string, std::string> definitions(const std::string& folder);

// Compares with the file; writes it instead when MCP_UPDATE_GOLDEN=1.
void expect_golden(const std::string& file, const std::string& actual);

}  // namespace crds::test
