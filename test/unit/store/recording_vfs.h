#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace test {

// What a program does to the files of a database, as the disk sees it, and what a disk may hold
// when that ends in the middle.
struct DiskOp {
  enum class Kind { kWrite, kTruncate, kSync, kDelete, kMark };
  Kind kind;
  std::string file = {};  // without its folder
  int64_t offset = 0;     // kWrite; kTruncate: the new size; kMark: its number
  std::string bytes = {};
};

// While it lives, SQLite's default file system (https://www.sqlite.org/vfs.html), which does as
// before and writes down every change of a file. One at a time.
class RecordingVfs {
 public:
  RecordingVfs();
  ~RecordingVfs();
  RecordingVfs(const RecordingVfs&) = delete;
  RecordingVfs& operator=(const RecordingVfs&) = delete;
  void mark(int64_t number);
  const std::vector<DiskOp>& ops() const;
};

// How a program ends: a killed one has written what it has written. After a power cut, what was not
// synced is lost, or comes in any order, also in pieces (of 512 bytes).
enum class End { kKilled, kPowerCutLosesAll, kPowerCutLosesSome };

// The files after the first `count` operations, by name.
std::map<std::string, std::string> files_after(const std::vector<DiskOp>& ops, size_t count,
                                               End end, std::mt19937& random);

}  // namespace test
