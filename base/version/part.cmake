# A library of its own: it changes with every commit, and only the programs are linked anew.
set(version_cc ${CMAKE_BINARY_DIR}/generated/version.cc)
add_custom_target(
  describe_version
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUTPUT=${version_cc}
          -DTEMPLATE=${CMAKE_SOURCE_DIR}/base/version/version.cc.in
          -P ${CMAKE_SOURCE_DIR}/base/version/describe.cmake
  BYPRODUCTS ${version_cc}
  COMMENT "")
mcp_library(base_version DIR base/version SOURCES ${version_cc})
add_dependencies(base_version describe_version)
