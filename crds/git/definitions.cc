#include "crds/git/definitions.h"

#include <utility>

namespace crds {
namespace {

using base::git::Entry;

void move_to(std::string_view folder, std::string& file) {
  if (!folder.empty()) file.insert(0, std::string(folder) + "/");
}

bool is_link(const Entry& entry) {
  return entry.kind == Entry::Kind::kSymlink || entry.kind == Entry::Kind::kSubmodule;
}

// Whether definitions may hide behind it: a link in a definition's place, or in a folder's.
bool hides_definitions(const Entry& entry, std::string_view path) {
  if (!is_link(entry)) return false;
  if (path == "services" || path == "nodes" || is_definition_path(path)) return true;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return path.starts_with("services/") && name.find('.') == std::string_view::npos;
}

std::string stem(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return std::string(name.substr(0, name.rfind('.')));
}

}  // namespace

DecodedFile decode_in_folder(std::string_view folder, std::string_view path,
                             std::string_view bytes) {
  DecodedFile file = decode_file(path, bytes);
  for (auto& service : file.services) move_to(folder, service.name_at.file);
  for (auto& node : file.nodes) move_to(folder, node.name_at.file);
  if (file.fleet) move_to(folder, file.fleet->name_at.file);
  for (Diagnostic& problem : file.problems) move_to(folder, problem.at.file);
  return file;
}

DefinitionReader::DefinitionReader(std::string folder) : folder_(std::move(folder)) {}

DecodedFile DefinitionReader::refuse(const Entry& entry, const std::string& path,
                                     std::string message, std::string hint) const {
  DecodedFile file;
  file.problems.push_back({{entry.path}, "", std::move(message), std::move(hint)});
  if (!path.starts_with("services/")) return file;
  // What was defined here stays in force, under the names that it had.
  if (const auto before = files_.find(path); before != files_.end()) {
    for (const auto& service : before->second.services)
      file.broken_services.push_back(service.value.name);
    for (const ServiceName& name : before->second.broken_services)
      file.broken_services.push_back(name);
  }
  if (file.broken_services.empty()) file.broken_services.emplace_back(stem(path));
  return file;
}

base::Result<DecodedFile> DefinitionReader::decode(const base::git::Repository& repository,
                                                   const Entry& entry,
                                                   const std::string& path) const {
  if (entry.kind == Entry::Kind::kSymlink)
    return refuse(entry, path, "is a symlink; symlinks are not followed", "commit the file itself");
  if (entry.kind == Entry::Kind::kSubmodule)
    return refuse(entry, path, "is a submodule; submodules are not followed",
                  "commit the definitions themselves");
  MCP_TRY(const uint64_t size, repository.size(entry.oid));
  if (size > kMaxDefinitionBytes)
    return refuse(entry, path,
                  "the file has " + std::to_string(size) + " bytes, expected at most " +
                      std::to_string(kMaxDefinitionBytes),
                  "split it");
  MCP_TRY(const std::string bytes, repository.read(entry.oid, kMaxDefinitionBytes));
  return decode_in_folder(folder_, path, bytes);
}

base::Result<> DefinitionReader::read(const base::git::Repository& repository,
                                      const base::git::Oid& commit) {
  decoded_ = 0;
  MCP_TRY(const std::vector<Entry> entries, repository.list(commit, folder_));
  const size_t prefix = folder_.empty() ? 0 : folder_.size() + 1;
  std::map<std::string, Blob> blobs;
  DecodedFiles fresh;
  for (const Entry& entry : entries) {
    std::string path = entry.path.substr(prefix);
    if (!is_definition_path(path) && !hides_definitions(entry, path)) continue;
    const auto known = blobs_.find(path);
    if (known == blobs_.end() || known->second != Blob(entry.oid, entry.kind)) {
      ++decoded_;
      MCP_TRY(DecodedFile decoded, decode(repository, entry, path));
      fresh.emplace(path, std::move(decoded));
    }
    blobs.emplace(std::move(path), Blob(entry.oid, entry.kind));
  }
  std::erase_if(files_, [&](const auto& file) { return !blobs.contains(file.first); });
  for (auto& [path, file] : fresh) files_.insert_or_assign(path, std::move(file));
  blobs_ = std::move(blobs);
  return {};
}

}  // namespace crds
