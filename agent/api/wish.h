#pragma once

#include <map>
#include <string>

#include "agent/api/documents.h"
#include "crds/decode.h"
#include "reconciler/ports.h"

// A tree of definitions in a request's body, as it would be if it were fetched.
namespace agent {

// {"files": {path: text}}; paths that are no definitions are passed over. kInvalid: it is not that.
base::Result<std::map<std::string, crds::DecodedFile>> decode_files(const Json& body);

// Of the revision that `now` is of.
reconciler::Snapshot snapshot_of(const std::map<std::string, crds::DecodedFile>& files,
                                 const reconciler::Desired& now);

}  // namespace agent
