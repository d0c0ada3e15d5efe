#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/core/text.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/gather.h"
#include "controller/cli/interrupt.h"

namespace controller {
namespace fs = std::filesystem;
namespace {

struct Options {
  std::string service;
  std::string path;
  std::string file;
};

// Takes the file into `out`; what came is what was sent. `interrupted`: by Ctrl-C.
base::Result<Agent::File> receive(const Session& session, const Agent& agent,
                                  const Options& options, std::ostream& out, bool& interrupted) {
  const std::string name = options.service + "/" + options.path;
  const auto progress = session.progress();
  base::Sha256 sum;
  uint64_t size = 0;
  base::Result<Agent::File> received;
  interrupted = interruptible([&](const std::stop_token& stop) {
    received = agent.get_file(
        options.service, options.path,
        [&](std::string_view bytes) {
          out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
          sum.update(bytes);
          size += bytes.size();
          if (progress->mode() == Progress::Mode::kLive && !bytes.empty() && options.file != "-")
            progress->show({{name, amount(size)}});
          return !out.fail();
        },
        stop);
  });
  if (interrupted && (!received || size != received->size))
    return base::make_error(base::Code::kInternal,
                            "the pull of " + name + " was broken off at " + amount(size));
  MCP_TRY(const Agent::File file, received);
  out.flush();
  if (!out) return base::make_error(base::Code::kExhausted, "cannot write what came of " + name);
  if (size != file.size || sum.hex() != file.sha256)
    return base::invalid(name + " did not arrive as it was: " + std::to_string(size) + " of " +
                             std::to_string(file.size) + " bytes",
                         "somebody may be writing to it; try again");
  return file;
}

Outcome pull(Session& session, const Options& options) {
  MCP_TRY(const Holder holder, find_holder(session, options.service));
  const Agent* agent = holder.agent;
  bool interrupted = false;
  const auto failed = [&](base::Error error) {
    return Failure{interrupted ? Exit::kInterrupted : exit_of(error.code), std::move(error)};
  };
  if (options.file == "-") {
    const auto file = receive(session, *agent, options, session.terminal().out, interrupted);
    if (!file) return failed(file.error());
    return Exit::kDone;
  }
  std::error_code error;
  const fs::path name = fs::path(options.path).filename();
  fs::path to =
      session.environment().directory / (options.file.empty() ? name : fs::path(options.file));
  if (fs::is_directory(to, error)) to /= name;
  // Nobody else may read it before it has its own permissions.
  std::string draft = to.string() + ".XXXXXX";
  const int fd = ::mkostemp(draft.data(), O_CLOEXEC);
  if (fd < 0)
    return base::make_error(base::Code::kDenied,
                            "cannot write " + to.string() + ": " + std::strerror(errno),
                            "name a folder that this user may write to");
  ::close(fd);
  std::ofstream out(draft, std::ios::binary | std::ios::trunc);
  const auto file = receive(session, *agent, options, out, interrupted);
  out.close();
  if (!file) {
    fs::remove(draft, error);
    return failed(file.error());
  }
  fs::permissions(
      draft, static_cast<fs::perms>(std::strtoul(file->mode.c_str(), nullptr, 8) & 0777), error);
  if (!error) fs::rename(draft, to, error);
  if (error)
    return base::make_error(base::Code::kDenied,
                            "cannot write " + to.string() + ": " + error.message());
  session.emit({{"service", options.service},
                {"path", options.path},
                {"node", agent->label()},
                {"file", to.string()},
                {"size", file->size},
                {"mode", file->mode},
                {"sha256", file->sha256}},
               {to.string()}, [&] {
                 return "pulled " + options.service + "/" + options.path + " from " +
                        agent->label() + " to " + to.string() + ": " + amount(file->size) +
                        ", sha-256 " + file->sha256.substr(0, 12) + "\n";
               });
  return Exit::kDone;
}

}  // namespace

Command pull_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "pull",
      .summary = "Copy a file from a service's data directory on its node",
      .details =
          "It arrives whole or not at all; a FILE that is there is replaced then. - is the output.",
      .example = "mcp pull db backups/today.sql\nmcp pull web app.toml - | less",
      .arguments = {{"SERVICE", &options->service, "the service", Complete::kService},
                    {"PATH", &options->path, "inside of its folder", Complete::kNothing},
                    {"FILE", &options->file, "default: the name in PATH", Complete::kFile, false}},
      .run = [options](Session& session) { return pull(session, *options); },
  };
}

}  // namespace controller
