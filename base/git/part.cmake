# git over files, http(s) and ssh: libgit2, with our own sockets and ssh session below it, because
# libgit2 1.5 cannot bound either in time.
pkg_check_modules(libssh2 REQUIRED IMPORTED_TARGET libssh2)
mcp_library(base_git DIR base/git DEPS base_core
            PRIVATE PkgConfig::libgit2 PkgConfig::libssh2 OpenSSL::Crypto)
