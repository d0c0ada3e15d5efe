# Every third-party library, found in one place. All are Debian packages; test/packages.sh lists
# them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(tl-expected REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Boost 1.74 REQUIRED)
pkg_check_modules(libgit2 REQUIRED IMPORTED_TARGET libgit2>=1.5)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3>=3.40)
pkg_check_modules(yaml-cpp REQUIRED IMPORTED_TARGET yaml-cpp>=0.7)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus>=3.3)
# The distribution builds it as a shared library: its flags must be these, or the ABI differs.
pkg_check_modules(cpp-httplib REQUIRED IMPORTED_TARGET cpp-httplib>=0.11)
pkg_check_modules(cli11 REQUIRED IMPORTED_TARGET CLI11)
