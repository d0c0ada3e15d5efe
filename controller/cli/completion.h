#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "controller/cli/command.h"

namespace controller {

class Session;

struct Candidate {
  std::string text;
  std::string description;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

// Where the names of a kind come from; asked only when one is wanted.
using Names = std::function<std::vector<std::string>(Complete)>;

// What can stand in place of the last word. Files are left to the shell.
std::vector<Candidate> complete(std::span<const Command> commands,
                                const std::vector<std::string>& words, const Names& names);

// Names from the repository's working tree and from the agents; an error means no names.
Names names_of(Session& session);

}  // namespace controller
