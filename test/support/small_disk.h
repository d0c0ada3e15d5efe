#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/process/process.h"

namespace test {

// A file system of so many MiB at a folder that it makes; takes root: mount(8).
class SmallDisk {
 public:
  explicit SmallDisk(std::string path, int size = 8) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    EXPECT_EQ(
        run({"mount", "-t", "tmpfs", "-o", "size=" + std::to_string(size) + "m", "tmpfs", path_}),
        "");
  }
  ~SmallDisk() { run({"umount", "--lazy", path_}); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  const std::string& path() const { return path_; }
  void take(int blocks) const {  // of 4 KiB
    run({"dd", "if=/dev/zero", "of=" + path_ + "/filler", "bs=4k",
         "count=" + std::to_string(blocks)});
  }
  // To the last byte.
  void fill() const {
    run({"dd", "if=/dev/zero", "of=" + path_ + "/filler", "bs=4k"});
    EXPECT_THAT(run({"dd", "if=/dev/zero", "of=" + path_ + "/more", "bs=1"}),
                testing::HasSubstr("No space left"));
  }
  void empty() const {
    for (const char* file : {"/filler", "/more"}) std::filesystem::remove(path_ + file);
  }

 private:
  // What it says of errors.
  static std::string run(const std::vector<std::string>& argv) {
    const auto done = base::run_command({argv}, "", std::chrono::seconds(30));
    return done ? done->err : done.error().text();
  }
  const std::string path_;
};

}  // namespace test
