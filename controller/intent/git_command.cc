#include "controller/intent/git_command.h"

#include <cstdlib>
#include <utility>

#include "base/core/text.h"

namespace controller {
namespace {

using base::Code;

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

void trim_end(std::string& text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
}

// git says much; what matters are its errors and what the remote says.
std::string essence(const std::string& said) {
  std::string out;
  for (std::string line : base::split(said, '\n')) {
    trim_end(line);
    const bool chatter = line.empty() || line.starts_with("hint:") || line.starts_with("To ") ||
                         line.starts_with("From ");
    if (!chatter) out += (out.empty() ? "" : "; ") + line;
  }
  return out.empty() ? "git did not say why" : out;
}

struct Meaning {
  std::string_view words;  // from git's, ssh's and curl's messages in the C locale
  Code code;
  std::string_view hint;
};
constexpr Meaning kMeanings[] = {
    {"Host key verification failed", Code::kDenied,
     "connect once with ssh and compare the fingerprint, or mend ~/.ssh/known_hosts"},
    {"Permission denied (", Code::kUnauthenticated,
     "load your key into the ssh agent (ssh-add), and have its public half known to the server"},
    {"Authentication failed", Code::kUnauthenticated, "check what your credential helper has"},
    {"could not read Username", Code::kUnauthenticated,
     "set up a git credential helper, or use ssh"},
    {"could not read Password", Code::kUnauthenticated,
     "set up a git credential helper, or use ssh"},
    {"returned error: 401", Code::kUnauthenticated, "check what your credential helper has"},
    {"returned error: 403", Code::kDenied, "ask for access to the repository"},
    {"dubious ownership", Code::kDenied, "git config --global --add safe.directory FOLDER"},
    {"certificate", Code::kDenied, "git config http.sslCAInfo FILE, with the CA that signed it"},
    {"Could not resolve host", Code::kUnavailable, "check the name and this machine's DNS"},
    {"Connection refused", Code::kUnavailable, "check that the git server runs"},
    {"Failed to connect", Code::kUnavailable, "check that the git server runs"},
    {"Connection timed out", Code::kTimeout, "check that the git server can be reached"},
    {"not found", Code::kNotFound, "check the url"},
    {"does not appear to be a git repository", Code::kNotFound, "check the url"},
    {"does not exist", Code::kNotFound, "check the url"},
    {"couldn't find remote ref", Code::kNotFound, "check the branch"},
    {"unable to access", Code::kUnavailable, ""},
    {"Could not read from remote repository", Code::kUnavailable, ""},
    {"No space left", Code::kExhausted, "make room"},
};

}  // namespace

base::Error git_error(const std::string& doing, const base::Finished& finished) {
  const std::string message = "cannot " + doing + ": " + essence(finished.err);
  for (const Meaning& meaning : kMeanings)
    if (has(finished.err, meaning.words))
      return base::make_error(meaning.code, message, std::string(meaning.hint));
  return base::make_error(Code::kInternal, message);
}

base::Result<base::Finished> GitCommand::run(std::vector<std::string> arguments,
                                             const std::string& input,
                                             std::map<std::string, std::string> environment) const {
  base::Command command;
  command.argv = {"git", "-C", folder_.string()};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  environment.insert({{"LC_ALL", "C"}, {"GIT_TERMINAL_PROMPT", "0"}});
  const char* display = std::getenv("DISPLAY");
  const char* wayland = std::getenv("WAYLAND_DISPLAY");
  environment["SSH_ASKPASS_REQUIRE"] = "force";
  if (display == nullptr && wayland == nullptr) environment["SSH_ASKPASS"] = "/bin/false";
  command.env = std::move(environment);
  return base::run_command(command, input, timeout_);
}

base::Result<std::string> GitCommand::output(const std::string& doing,
                                             std::vector<std::string> arguments,
                                             const std::string& input,
                                             std::map<std::string, std::string> environment) const {
  auto finished = run(std::move(arguments), input, std::move(environment));
  if (!finished) return finished.error().within("cannot " + doing);
  if (!finished->ok()) return git_error(doing, *finished);
  trim_end(finished->out);
  return std::move(finished->out);
}

std::string GitCommand::config(const std::string& key) const {
  const auto value = output("read git's configuration", {"config", "--get", key});
  return value ? *value : std::string();
}

}  // namespace controller
