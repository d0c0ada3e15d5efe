#pragma once

#include <filesystem>
#include <string>

#include "base/git/repository.h"

// Whether a commit is signed by somebody who may. The work is done by ssh-keygen(1) and gpgv(1).
namespace agent {

struct VerifyConfig {
  enum class Mode { kOff, kSsh, kGpg };
  Mode mode = Mode::kOff;
  std::filesystem::path allowed_signers;  // kSsh: ssh-keygen(1), ALLOWED SIGNERS
  std::filesystem::path keyring;          // kGpg: public keys as `gpg --export` writes them
};

// Who signed the commit. Every error means that nothing says that it is good; the message has the
// commit, and whose signature it has or lacks. A key counts while it is valid now, whatever time
// the commit claims. The signature covers the tree and, through the parents, the history: one at
// the head vouches for all below it. Ends within a minute.
base::Result<std::string> verify_commit(const base::git::Repository& repository,
                                        const base::git::Oid& commit, const VerifyConfig& config);

// Another text when the file of signers has changed. Reads no contents.
std::string signers_version(const VerifyConfig& config);

}  // namespace agent
