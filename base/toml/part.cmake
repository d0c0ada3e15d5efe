set(toml ${CMAKE_CURRENT_SOURCE_DIR}/toml)
mcp_library(base_position DIR base/toml SOURCES ${toml}/position.cc)
mcp_library(base_toml DIR base/toml SOURCES ${toml}/text_index.cc ${toml}/toml.cc ${toml}/value.cc
            DEPS base_core base_position PRIVATE PkgConfig::tomlplusplus)
