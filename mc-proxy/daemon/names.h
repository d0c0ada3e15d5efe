#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/core/result.h"

namespace mc_proxy {

// Asks the resolver on threads of its own: an answer can take minutes, and nobody is to wait for
// it. One thread at a time.
class Names {
 public:
  Names();

  // Begins to ask for these, each once. False: answers to the last questions are still awaited.
  bool ask(const std::set<std::string>& hosts);

  // What has been answered since the last call: host -> address, or why there is none.
  std::map<std::string, base::Result<std::string>> take();

 private:
  struct Round;
  std::shared_ptr<Round> round_;  // outlives this object: nobody can stop a resolver
};

}  // namespace mc_proxy
