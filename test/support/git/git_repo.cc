#include "test/support/git/git_repo.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace test {
namespace fs = std::filesystem;

std::string run(const std::vector<std::string>& argv, int* status) {
  int output[2];
  if (pipe(output) != 0) throw std::runtime_error("cannot make a pipe");
  const pid_t child = fork();
  if (child == 0) {
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    dup2(output[1], STDOUT_FILENO);
    dup2(output[1], STDERR_FILENO);
    close(output[0]);
    close(output[1]);
    execvp(words[0], words.data());
    _exit(127);
  }
  close(output[1]);
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t got; (got = read(output[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<size_t>(got));
  close(output[0]);
  int code = 0;
  waitpid(child, &code, 0);
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (status != nullptr) {
    *status = WIFEXITED(code) ? WEXITSTATUS(code) : -1;
  } else if (code != 0) {
    std::string command;
    for (const std::string& word : argv) command += word + " ";
    throw std::runtime_error(command + "failed: " + text);
  }
  return text;
}

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void isolate_git(const fs::path& home) {
  fs::create_directories(home);
  write_file(home / ".gitconfig",
             "[user]\nname = Test Author\nemail = author@example.net\n"
             "[init]\ndefaultBranch = main\n[advice]\ndetachedHead = false\n"
             "[gc]\nauto = 0\n[protocol \"file\"]\nallow = always\n");
  setenv("HOME", home.c_str(), 1);
  setenv("XDG_CONFIG_HOME", (home / ".config").c_str(), 1);
  setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
  setenv("GIT_TERMINAL_PROMPT", "0", 1);
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_AUTHOR_NAME",
                           "GIT_AUTHOR_EMAIL", "GIT_SSH_COMMAND", "SSH_AUTH_SOCK", "GIT_SSL_CAINFO",
                           "GIT_SSL_NO_VERIFY", "http_proxy", "https_proxy", "all_proxy"})
    unsetenv(name);
}

GitRepo GitRepo::init(const fs::path& path) {
  run({"git", "init", "-q", path.string()});
  return GitRepo(path);
}

GitRepo GitRepo::init_bare(const fs::path& path) {
  run({"git", "init", "-q", "--bare", path.string()});
  return GitRepo(path);
}

GitRepo GitRepo::clone(const std::string& url, const fs::path& path) {
  run({"git", "clone", "-q", url, path.string()});
  return GitRepo(path);
}

std::string GitRepo::git(std::vector<std::string> arguments, int* status) const {
  arguments.insert(arguments.begin(), {"git", "-C", path_.string()});
  return run(arguments, status);
}

void GitRepo::write(const std::string& name, const std::string& text) const {
  write_file(path_ / name, text);
}

std::string GitRepo::commit(const std::string& message) const {
  git({"add", "-A"});
  git({"commit", "-q", "--allow-empty", "-m", message});
  return head();
}

std::string GitRepo::change(const std::string& name, const std::string& text,
                            const std::string& message) const {
  write(name, text);
  const std::string revision = commit(message);
  if (!git({"remote"}).empty()) git({"push", "-q", "origin", "HEAD"});
  return revision;
}

}  // namespace test
