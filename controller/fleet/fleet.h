#pragma once

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "controller/fleet/agent.h"

// Many agents at once.
namespace controller {

// Where a node's agent may be found: a config's [[nodes]] entry or a node file's `agent`.
struct KnownNode {
  std::string name;
  std::string address;
  std::string ca_file = {};  // for https; empty: the one of `access`
  bool from_git = false;     // the repository alone names it
  // Whoever may push could name an address of their own, with a certificate that every machine
  // trusts, and be shown the token of everybody who runs a command. A CA file of ours is in the
  // way.
  bool may_see_token(const std::string& common_ca_file) const {
    return !from_git || !ca_file.empty() || !common_ca_file.empty();
  }
};

template <class T>
struct Answer {
  const Agent* agent = nullptr;
  base::Result<T> result;
};

// Asks all agents at the same time; the answers stand in the order of the agents.
template <class Ask>
auto ask_all(const std::vector<Agent>& agents, Ask ask) {
  using Value = typename decltype(ask(agents.front()))::value_type;
  std::vector<std::future<base::Result<Value>>> pending;
  for (const Agent& agent : agents)
    pending.push_back(std::async(std::launch::async, [&ask, &agent] { return ask(agent); }));
  std::vector<Answer<Value>> answers;
  for (size_t i = 0; i < agents.size(); ++i) answers.push_back({&agents[i], pending[i].get()});
  return answers;
}

// The agents to ask. `wanted` selects nodes by name (all when empty); a name that is not known is
// kNotFound, with the nearest. With no known node the agent on this machine is meant: the first of
// `sockets` that exists, else the first; its name is left for identify().
base::Result<std::vector<Agent>> choose_agents(const std::vector<KnownNode>& known,
                                               const std::vector<std::string>& wanted,
                                               const std::vector<std::string>& sockets,
                                               base::Millis deadline, const AgentAccess& access);

// Asks an agent that was found by its address alone for its node's name. kNotFound when `wanted`
// (unless empty) does not have it. An agent that does not answer keeps its address as its name:
// whoever asks it next gets to hear why.
base::Result<> identify(Agent& agent, const std::vector<std::string>& wanted);

}  // namespace controller
