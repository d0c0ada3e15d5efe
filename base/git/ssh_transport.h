#pragma once

#include <git2.h>

// Private to this folder.
namespace base::git {

// A git_transport_cb: ssh through our own session instead of libgit2's, which cannot be bounded in
// time, looks into the wrong known_hosts file and asks for a kind of host key that it may lack.
int make_ssh_transport(git_transport** out, git_remote* owner, void* payload);

}  // namespace base::git
