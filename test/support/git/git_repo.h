#pragma once

#include <filesystem>
#include <string>
#include <vector>

// Repositories for tests, made with the system's git.
namespace test {

// Runs a program without a shell; its standard output, without the last line's end. A failure
// aborts the test with what it wrote, unless `status` takes it.
std::string run(const std::vector<std::string>& argv, int* status = nullptr);

void write_file(const std::filesystem::path& path, const std::string& text);
std::string read_file(const std::filesystem::path& path);

// A git configuration that belongs to the tests alone: author, default branch, no system files.
// Call it before anything that runs git; `home` becomes HOME.
void isolate_git(const std::filesystem::path& home);

// A repository with a working tree.
class GitRepo {
 public:
  static GitRepo init(const std::filesystem::path& path);
  static GitRepo init_bare(const std::filesystem::path& path);
  static GitRepo clone(const std::string& url, const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::string git(std::vector<std::string> arguments, int* status = nullptr) const;
  void write(const std::string& name, const std::string& text) const;
  std::string read(const std::string& name) const { return read_file(path_ / name); }
  // Commits everything in the working tree; the new revision.
  std::string commit(const std::string& message) const;
  // write(), commit() and, when there is a remote, push.
  std::string change(const std::string& name, const std::string& text,
                     const std::string& message = "change") const;
  std::string head() const { return git({"rev-parse", "HEAD"}); }

 private:
  explicit GitRepo(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace test
