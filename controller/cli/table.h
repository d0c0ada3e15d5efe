#pragma once

#include <string>
#include <vector>

namespace controller {

// Columns two spaces apart, as wide as their widest cell; the last is not padded. Cells may hold
// colour sequences.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace controller
