#include <algorithm>
#include <set>

#include "agent/adopt/parts.h"
#include "base/core/text.h"

namespace agent {
namespace {

class Process {
 public:
  Process(const Inspected& in, Reproduction& out) : in_(in), out_(out) {}

  void read() {
    add_command();
    add_secrets();
    add_environment();
    add_user();
  }

 private:
  crds::Component& component() { return out_.component; }

  void add_command() {
    Words process = {field_of<std::string>(in_.container, "Path")};
    for (const std::string& word : field_of<Words>(in_.container, "Args")) process.push_back(word);
    // What --init puts before it.
    if (process.size() > 2 && process[0].ends_with("init") && process[1] == "--")
      process.erase(process.begin(), process.begin() + 2);
    const auto entrypoint = field_of<Words>(in_.image_config, "Entrypoint");
    const auto usual = field_of<Words>(in_.image_config, "Cmd");
    if (process.size() < entrypoint.size() ||
        !std::equal(entrypoint.begin(), entrypoint.end(), process.begin())) {
      out_.lose("entrypoint", base::join(process, " "),
                "the image's own entrypoint runs: " + base::join(entrypoint, " "));
      component().cmd = field_of<Words>(in_.config, "Cmd");
      return;
    }
    const Words rest(process.begin() + static_cast<long>(entrypoint.size()), process.end());
    if (rest == usual) return;
    component().cmd = rest;
    if (rest.empty())
      out_.lose("cmd", "(none)", "the image's own arguments are given: " + base::join(usual, " "));
  }

  // podman tells the value of a secret that is a variable, and not that it is one; its command line
  // does. Called before the environment is read, which must not have the value.
  void add_secrets() {
    const Words options = create_options(in_);
    std::set<std::string> known;
    for (size_t i = 0; i < options.size(); ++i) {
      if (options[i] == "--secret" && i + 1 < options.size())
        known.insert(add_secret(options[i + 1]));
      if (options[i].starts_with("--secret=")) known.insert(add_secret(options[i].substr(9)));
    }
    for (const PodmanJson& secret : field_of<std::vector<PodmanJson>>(in_.config, "Secrets")) {
      const auto name = field_of<std::string>(secret, "Name");
      if (field_of<int>(secret, "Mode") != 0400 && !is_root())
        out_.lose("secret", name, "its file can be read by root alone");
      if (known.contains(name)) continue;
      component().secrets.push_back({name, "/run/secrets/" + name});
      out_.lose("secret", name, "podman does not say where it is: check its target");
    }
  }

  bool is_root() const {
    const auto user = field_of<std::string>(in_.config, "User");
    return user.empty() || user == "root" || user == "0" || user.starts_with("0:");
  }

  // "name,type=env,target=VARIABLE"
  std::string add_secret(const std::string& option) {
    const Words parts = base::split(option, ',');
    std::string target;
    bool variable = false;
    for (const std::string& part : parts) {
      if (part == "type=env") variable = true;
      if (part.starts_with("target=")) target = part.substr(7);
    }
    if (target.empty()) target = parts[0];
    if (variable) secret_variables_.insert(target);
    const std::string file = target.starts_with('/') ? target : "/run/secrets/" + target;
    component().secrets.push_back({parts[0], variable ? "env:" + target : file});
    return parts[0];
  }

  void add_environment() {
    const auto of_image = field_of<Words>(in_.image_config, "Env");
    // podman's own doing.
    const std::set<std::string> added = {
        "TERM=xterm", "container=podman", "container=oci",
        "HOSTNAME=" + field_of<std::string>(in_.config, "Hostname")};
    const bool has_path = std::any_of(of_image.begin(), of_image.end(),
                                      [](const auto& entry) { return entry.starts_with("PATH="); });
    for (const std::string& entry : field_of<Words>(in_.config, "Env")) {
      const size_t equals = entry.find('=');
      const std::string name = entry.substr(0, equals);
      if (equals == std::string::npos || added.contains(entry) ||
          secret_variables_.contains(name) ||
          std::find(of_image.begin(), of_image.end(), entry) != of_image.end())
        continue;
      if (name == "HOME" && !given("HOME")) continue;
      if (name == "PATH" && !has_path && !given("PATH")) continue;
      component().env[name] = entry.substr(equals + 1);
      if (looks_secret(name))
        out_.lose(
            "env", name,
            "its value is in the definition for everybody to read: make a podman secret of it");
    }
  }

  // Whether the maker has set it, as far as that can be known.
  bool given(const std::string& variable) const {
    const Words options = create_options(in_);
    return std::any_of(options.begin(), options.end(), [&](const std::string& word) {
      return word.starts_with(variable + "=") || word.starts_with("--env=" + variable + "=");
    });
  }

  static bool looks_secret(const std::string& name) {
    const std::string lower = base::lower(name);
    for (const char* part : {"password", "passwd", "secret", "token", "apikey", "api_key",
                             "private_key", "credential"})
      if (lower.find(part) != std::string::npos && !lower.ends_with("_file")) return true;
    return false;
  }

  void add_user() {
    const auto user = field_of<std::string>(in_.config, "User");
    const auto usual = field_of<std::string>(in_.image_config, "User");
    if (user != usual) component().user = user.empty() ? "0:0" : user;
    // The fleet's default would be another.
    if (component().user.empty() && !in_.fleet.user.empty())
      component().user = user.empty() ? "0:0" : user;
  }

  const Inspected& in_;
  Reproduction& out_;
  std::set<std::string> secret_variables_;
};

}  // namespace

void add_process(const Inspected& in, Reproduction& out) {
  Process(in, out).read();
}

}  // namespace agent
