#pragma once

// Private to this folder.
namespace base::git {

// Makes libgit2's http and https use base::git::Socket, with the deadline of the thread's current
// Operation: libgit2 before 1.7 has no timeout at all, and later ones bound each read on its own.
// (Its ssh transport would look inside the stream for a descriptor; ours replaces that one.)
void register_stream();

}  // namespace base::git
