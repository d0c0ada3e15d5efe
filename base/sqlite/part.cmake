mcp_library(base_sqlite DIR base/sqlite DEPS base_core PRIVATE PkgConfig::sqlite3)
