#include "controller/intent/definitions.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

#include "base/core/text.h"

namespace controller {
namespace {

namespace fs = std::filesystem;

// Where a problem stands may move with the lines above it; what it is does not.
using Problem = std::tuple<std::string, std::string, std::string>;
Problem identity(const crds::Diagnostic& problem) {
  return {problem.at.file, problem.field, problem.message};
}

base::Result<std::string> read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return base::not_found("cannot read " + path.string());
  return text.str();
}

crds::DecodedFile problem_at(const std::string& folder, const std::string& path,
                             std::string message, std::string hint) {
  crds::DecodedFile file;
  file.problems.push_back({{in_repository(folder, path)}, "", std::move(message), std::move(hint)});
  return file;
}

base::Result<> read_one(const fs::directory_entry& entry, const fs::path& root,
                        const std::string& folder, DiskDefinitions& out) {
  const std::string path = entry.path().lexically_relative(root).generic_string();
  std::error_code failed;
  if (!crds::is_definition_path(path) || entry.is_directory(failed)) return {};
  if (entry.is_symlink(failed)) {
    out.files[path] = problem_at(folder, path, "is a symlink; symlinks are not followed",
                                 "put the file itself there");
    return {};
  }
  if (const auto size = entry.file_size(failed); !failed && size > crds::kMaxDefinitionBytes) {
    out.files[path] =
        problem_at(folder, path,
                   "the file has " + std::to_string(size) + " bytes, expected at most " +
                       std::to_string(crds::kMaxDefinitionBytes),
                   "split it");
    return {};
  }
  MCP_TRY(std::string text, read_text(entry.path()));
  out.files[path] = crds::decode_in_folder(folder, path, text);
  out.texts[path] = std::move(text);
  return {};
}

}  // namespace

std::string in_repository(const std::string& folder, const std::string& path) {
  return folder.empty() ? path : folder + "/" + path;
}

std::optional<std::string> below_folder(const std::string& folder, const std::string& path) {
  if (folder.empty()) return path;
  if (!path.starts_with(folder + "/")) return std::nullopt;
  return path.substr(folder.size() + 1);
}

std::optional<std::string> file_of(const crds::DecodedFiles& files, const ServiceName& service) {
  for (const auto& [path, file] : files) {
    for (const auto& located : file.services)
      if (located.value.name == service) return path;
    if (std::ranges::find(file.broken_services, service) != file.broken_services.end()) return path;
  }
  return std::nullopt;
}

base::Error no_such_service(const crds::DecodedFiles& files, const ServiceName& service,
                            const std::string& where) {
  std::vector<std::string> names;
  for (const auto& [path, file] : files)
    for (const auto& located : file.services) names.push_back(located.value.name.str());
  const auto near = base::nearest(service.str(), names);
  return base::not_found("no file defines service '" + service.str() + "' in " + where,
                         near ? "did you mean '" + *near + "'?" : "");
}

base::Result<DiskDefinitions> read_disk(const fs::path& root, const std::string& folder) {
  const fs::path base = folder.empty() ? root : root / folder;
  std::error_code failed;
  if (!fs::is_directory(base, failed))
    return base::not_found("there is no folder " + base.string());
  DiskDefinitions out;
  for (const auto& entry : fs::directory_iterator(base, failed))
    if (!entry.is_directory(failed)) MCP_CHECK(read_one(entry, base, folder, out));
  for (const char* kind : {"nodes", "services"})
    for (const auto& entry : fs::recursive_directory_iterator(
             base / kind, fs::directory_options::skip_permission_denied, failed))
      MCP_CHECK(read_one(entry, base, folder, out));
  return out;
}

base::Result<> check_change(const crds::DecodedFiles& files, const std::string& folder,
                            const std::string& path, const std::string& text) {
  if (!crds::is_definition_path(path)) return {};
  const crds::Tree before = crds::check_tree(files);
  std::set<Problem> known;
  for (const auto& problem : before.problems) known.insert(identity(problem));
  // Who has a port or a name keeps it, as in the agent: the change is to blame.
  std::map<crds::ServiceName, crds::Service> last_good;
  for (const auto& [name, service] : before.services) last_good.emplace(name, service.value);
  crds::DecodedFiles changed = files;
  if (text.empty())
    changed.erase(path);
  else
    changed[path] = crds::decode_in_folder(folder, path, text);
  std::string lines;
  for (const auto& problem : crds::check_tree(changed, last_good).problems)
    if (!known.contains(identity(problem))) lines += "\n" + problem.text();
  if (lines.empty()) return {};
  return base::invalid("the change would make the definitions invalid; nothing was committed:" +
                       lines);
}

}  // namespace controller
