#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/core/result.h"
#include "base/core/time.h"
#include "base/process/process.h"

// Private to this folder.
namespace controller {

// The system's git in one folder, with the operator's configuration, ssh and credential helpers.
// It never asks on the terminal: it runs beside it, and a question there would hang. Helpers with a
// window of their own may ask.
class GitCommand {
 public:
  GitCommand(std::filesystem::path folder, base::Millis timeout)
      : folder_(std::move(folder)), timeout_(timeout) {}

  // Whatever it says. kNotFound: git is not installed. kTimeout.
  base::Result<base::Finished> run(std::vector<std::string> arguments,
                                   const std::string& input = {},
                                   std::map<std::string, std::string> environment = {}) const;

  // What it writes, without the last line's end. An exit code that is not 0 is an error with git's
  // own words: kUnauthenticated, kDenied (host key, certificate), kNotFound, kUnavailable, or
  // kInternal. `doing` is for the message: "fetch from URL".
  base::Result<std::string> output(const std::string& doing, std::vector<std::string> arguments,
                                   const std::string& input = {},
                                   std::map<std::string, std::string> environment = {}) const;

  // One value of the configuration; empty: not set.
  std::string config(const std::string& key) const;

 private:
  std::filesystem::path folder_;
  base::Millis timeout_;
};

// "cannot <doing>: <what git wrote>", with the code that its words stand for.
base::Error git_error(const std::string& doing, const base::Finished& finished);

}  // namespace controller
