#pragma once

#include <gmock/gmock.h>

#include "controller/intent/repository.h"
#include "crds/edit.h"
#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

namespace controller {

inline std::string service(const std::string& name, const std::string& version = "v1") {
  return "# about " + name + "\nname = \"" + name + "\"\nactive = true\nversion = \"" + version +
         "\"\n\n[[components]]\nname = \"app\"\nimage = \"localhost/" + name + "\"\n# the end\n";
}

inline Edit version_edit(const std::string& name, const std::string& version) {
  return [=](std::string_view path, std::string_view text) {
    return crds::set_version(path, text, ServiceName(name), version);
  };
}

// A remote with two services, and a clone of it by somebody else.
class IntentTest : public testing::Test {
 protected:
  test::TempDir dir;
  const test::GitRepo remote = [this] {
    test::isolate_git(dir / "home");
    return test::GitRepo::init_bare(dir / "remote.git");
  }();
  const test::GitRepo other = [this] {
    test::GitRepo clone = test::GitRepo::clone(remote.path(), dir / "other");
    clone.write("services/web.toml", service("web"));
    clone.change("services/db.toml", service("db"), "first");
    return clone;
  }();

  RepositoryOptions options(const std::string& spec) {
    RepositoryOptions options;
    options.spec = spec;
    options.cache_dir = dir / "cache";
    return options;
  }
  Repository open(const std::string& spec) {
    auto opened = Repository::open(options(spec));
    if (!opened) throw std::runtime_error(opened.error().text());
    return std::move(*opened);
  }
  // The operator's own clone, and it opened.
  test::GitRepo clone() { return test::GitRepo::clone(remote.path(), dir / "mine"); }

  static ChangeRequest set_version(const std::string& name, const std::string& version) {
    ChangeRequest request;
    request.service = ServiceName(name);
    request.message = "Deploy " + name + " " + version;
    request.edit = version_edit(name, version);
    return request;
  }

  std::string remote_text(const std::string& path) {
    return remote.git({"cat-file", "-p", "main:" + path}) + "\n";
  }
  std::string remote_head() { return remote.git({"rev-parse", "main"}); }
};

}  // namespace controller
