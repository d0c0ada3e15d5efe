#include "controller/cli/session.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "base/core/text.h"
#include "base/process/process.h"
#include "controller/cli/file.h"
#include "controller/cli/token.h"
#include "controller/fleet/address.h"
#include "crds/decode.h"

namespace controller {
namespace fs = std::filesystem;
namespace {

constexpr base::Millis kAgentDeadline{10'000};

void add_node(std::vector<KnownNode>& known, const std::string& name, const std::string& address) {
  const bool there = std::any_of(known.begin(), known.end(),
                                 [&](const KnownNode& node) { return node.name == name; });
  if (!there && !address.empty())
    known.push_back({.name = name, .address = address, .from_git = true});
}

// The node files of a working tree, read without git: this runs before every command.
void add_nodes_of_folder(std::vector<KnownNode>& known, const fs::path& root) {
  std::error_code error;
  std::set<std::string> paths;  // a folder lists its files in an order of its own
  for (fs::directory_iterator it(root / "nodes", error), end; !error && it != end;
       it.increment(error))
    paths.insert("nodes/" + it->path().filename().string());
  for (const std::string& path : paths) {
    if (!crds::is_definition_path(path)) continue;
    const auto text = read_file(root / path);
    if (!text) continue;
    for (const auto& node : crds::decode_file(path, *text).nodes)
      add_node(known, node.value.name.str(), node.value.agent);
  }
}

// Whether the repository has held definitions: after the last one was removed, it is what it was.
bool had_definitions(const fs::path& root) {
  const auto log = base::run_command({{"git", "-C", root.string(), "log", "-1", "--format=%H", "--",
                                       "fleet.toml", "fleet.yaml", "services", "nodes"}},
                                     "", std::chrono::seconds(10));
  return log && log->ok() && !log->out.empty();
}

}  // namespace

Session::Session(Terminal terminal, Environment environment, Globals globals, Config config,
                 std::span<const Command> commands, std::string version)
    : terminal_(terminal),
      environment_(std::move(environment)),
      globals_(std::move(globals)),
      config_(std::move(config)),
      commands_(commands),
      version_(std::move(version)) {}

void Session::emit(const Json& document, const std::vector<std::string>& names,
                   const std::function<std::string()>& text) const {
  if (globals_.output == "json")
    terminal_.out << to_json(document);
  else if (globals_.output == "yaml")
    terminal_.out << to_yaml(document);
  else if (globals_.output == "name")
    for (const std::string& name : names) terminal_.out << name << "\n";
  else
    terminal_.out << text();
  terminal_.out.flush();
}

void Session::emit_one(const Json& document, const std::string& name,
                       const std::function<std::string()>& text) const {
  if (globals_.output == "json")
    terminal_.out << to_json_line(document);
  else if (globals_.output == "yaml")
    terminal_.out << "---\n" << to_yaml(document);
  else if (globals_.output == "name")
    terminal_.out << name << "\n";
  else
    terminal_.out << text();
  terminal_.out.flush();
}

void Session::note(const std::string& text) const {
  if (!globals_.quiet) terminal_.err << text << "\n";
}

void Session::warn(const std::string& text) const {
  terminal_.err << "warning: " << text << "\n";
}

void Session::detail(const std::string& text) const {
  if (globals_.verbose) terminal_.err << text << "\n";
}

std::unique_ptr<Progress> Session::progress() const {
  const bool live = text_output() ? terminal_.live : terminal_.err_live;
  const auto mode = globals_.quiet ? Progress::Mode::kQuiet
                    : live         ? Progress::Mode::kLive
                                   : Progress::Mode::kPlain;
  return std::make_unique<Progress>(text_output() ? terminal_.out : terminal_.err, terminal_, mode);
}

base::Result<RepositoryOptions> Session::repository_options() const {
  RepositoryOptions options;
  options.branch = config_.repo.branch;
  const fs::path here = find_repository(environment_.directory);
  const fs::path services =
      config_.services.dir.empty() ? fs::path() : find_repository(config_.services.dir);
  for (const std::string& spec : {globals_.repo, environment_.repo, config_.repo.path,
                                  config_.repo.url, services.string(), here.string()}) {
    if (spec.empty()) continue;
    options.spec = spec;
    // The branch of the configuration belongs to the repository of the configuration.
    if (spec != config_.repo.path && spec != config_.repo.url) options.branch.clear();
    return options;
  }
  return base::not_found(
      "no desired-state repository is known",
      "use --repo PATH or MCP_REPO, set [repo] in " + environment_.config_home +
          "/mcp/mcp.toml, run mcp inside its working tree, or make one with mcp init DIR");
}

base::Result<Repository*> Session::repository() {
  if (!repository_) {
    MCP_TRY(const RepositoryOptions options, repository_options());
    detail("repository: " + options.spec);
    MCP_TRY(Repository opened, from_git(Repository::open(options)));
    repository_.emplace(std::move(opened));
  }
  return &*repository_;
}

std::vector<KnownNode> Session::known_nodes() {
  std::vector<KnownNode> known = config_.nodes;
  const auto options = repository_options();
  if (!options) return known;
  if (const fs::path root = find_repository(options->spec); !root.empty()) {
    add_nodes_of_folder(known, root);
    return known;
  }
  auto repository = this->repository();
  if (!repository) {
    detail("no node files: " + repository.error().text());
    return known;
  }
  if (const auto definitions = (*repository)->read())
    for (const auto& [name, node] : definitions->tree.nodes)
      add_node(known, name.str(), node.value.agent);
  return known;
}

base::Result<const std::vector<Agent>*> Session::agents() {
  if (agents_) return &*agents_;
  base::Millis deadline = kAgentDeadline;
  if (globals_.timeout && globals_.timeout->count() > 0)
    deadline = std::min(deadline, *globals_.timeout);
  const AgentAccess access{current_token(environment_, config_), config_.auth.ca_file, version_};
  const std::string& address = globals_.agent.empty() ? environment_.agent : globals_.agent;
  if (!address.empty()) {
    if (const auto parsed = parse_address(address); !parsed) return parsed.error();
    agents_.emplace();
    agents_->emplace_back("", address, deadline, access);
  } else {
    const std::vector<KnownNode> known = known_nodes();
    for (const KnownNode& node : known)
      if (const auto parsed = parse_address(node.address);
          parsed && parsed->kind == AgentAddress::Kind::kHttps && !access.token.empty() &&
          !node.may_see_token(access.ca_file))
        warn("no token is shown to " + node.name + " at " + node.address +
             ", which the repository alone names (name it in [[nodes]] of mcp.toml, or set ca_file "
             "in [auth])");
    MCP_TRY(agents_,
            choose_agents(known, globals_.nodes,
                          default_sockets(environment_.runtime_dir, environment_.state_home),
                          deadline, access));
  }
  for (Agent& agent : *agents_)
    if (auto known = identify(agent, globals_.nodes); !known) {
      agents_.reset();
      return known.error();
    }
  for (const Agent& agent : *agents_) detail("agent: " + agent.name() + " " + agent.address());
  return &*agents_;
}

void Session::compare_versions() const {
  // "v0.2.0-14-g1a2b3c4": what follows the tag is between two releases.
  const auto release = [](const std::string& version) {
    return version.substr(0, version.find('-'));
  };
  if (!agents_) return;
  for (const Agent& agent : *agents_)
    if (const std::string seen = agent.seen_version();
        !seen.empty() && release(seen) != release(version_))
      note("note: this is mcp " + version_ + ", and the agent of " + agent.label() + " is " + seen +
           ": fields and calls of the newer one may be missing");
}

base::Error git_error(base::Error error) {
  if (error.code == base::Code::kUnavailable || error.code == base::Code::kTimeout)
    error.code = base::Code::kInternal;
  return error;
}

fs::path find_repository(const fs::path& directory) {
  std::error_code error;
  fs::path at = fs::absolute(directory, error).lexically_normal();
  for (;; at = at.parent_path()) {
    if (fs::exists(at / ".git", error)) {
      for (const char* sign : {"fleet.toml", "fleet.yaml", "services", "nodes"})
        if (fs::exists(at / sign, error)) return at;
      return had_definitions(at) ? at : fs::path();
    }
    if (at == at.parent_path()) return {};
  }
}

std::string short_revision(std::string_view revision) {
  return std::string(revision.substr(0, 7));
}

tl::expected<Target, Failure> parse_target(const std::string& text) {
  const std::vector<std::string> parts = base::split(text, '/');
  const bool sound = parts.size() <= 2 && std::all_of(parts.begin(), parts.end(), [](auto& part) {
                       return base::is_dns_label(part);
                     });
  if (!sound)
    return tl::unexpected(
        usage("'" + text + "' is not SERVICE or SERVICE/COMPONENT", "names have a-z, 0-9 and '-'"));
  return Target{parts[0], parts.size() == 2 ? parts[1] : ""};
}

}  // namespace controller
