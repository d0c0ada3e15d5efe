#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "controller/intent/repository.h"
#include "crds/git/definitions.h"

// Private to this folder.
namespace controller {

// Path inside the repository of a file below the definitions' folder, and back (none: it lies
// elsewhere).
std::string in_repository(const std::string& folder, const std::string& path);
std::optional<std::string> below_folder(const std::string& folder, const std::string& path);

// The file (below the folder) that defines the service, soundly or not.
std::optional<std::string> file_of(const crds::DecodedFiles& files, const ServiceName& service);

// kNotFound, with the nearest name that is there.
base::Error no_such_service(const crds::DecodedFiles& files, const ServiceName& service,
                            const std::string& where);

struct DiskDefinitions {
  crds::DecodedFiles files;
  std::map<std::string, std::string> texts;  // below the folder
};
// The definitions on disk below `root`/`folder`.
base::Result<DiskDefinitions> read_disk(const std::filesystem::path& root,
                                        const std::string& folder);

// kInvalid when the files with `path` (below the folder) holding `text` (empty: gone) have problems
// that they do not have now.
base::Result<> check_change(const crds::DecodedFiles& files, const std::string& folder,
                            const std::string& path, const std::string& text);

}  // namespace controller
