#pragma once

#include <string>

#include "mc-proxy/engine/state.h"

// The files of HAProxy (https://docs.haproxy.org/2.6/configuration.html).
namespace mc_proxy {

struct EngineFiles {
  std::string folder;
  std::string config() const { return folder + "/haproxy.cfg"; }
  std::string log() const { return folder + "/haproxy.log"; }
  std::string master_socket() const { return folder + "/master.sock"; }
  std::string worker_socket() const { return folder + "/worker.sock"; }
  std::string map(const std::string& listener) const { return folder + "/" + listener + ".map"; }
  std::string list(const std::string& listener) const { return folder + "/" + listener + ".crt"; }
  std::string certificates() const { return folder + "/certs"; }
  std::string script() const { return folder + "/hold.lua"; }
};

// The whole configuration; it holds the structure and no route. `description` comes back in
// "show info" and says which configuration a worker has. Without `lua` a held route refuses at
// once.
std::string haproxy_config(const EngineFiles& files, const std::vector<EngineListener>& listeners,
                           int max_connections, bool lua, const std::string& description);

// The stick table that counts a listener's routes.
std::string table_name(const std::string& listener);

}  // namespace mc_proxy
