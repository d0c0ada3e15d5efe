# cmake --install BUILD [--prefix /usr]: programs, units, completions and documentation, where Debian
# and systemd look for them.
include(GNUInstallDirs)
set(doc ${CMAKE_INSTALL_DOCDIR})

install(TARGETS mcp mcp-agent mc-proxy mcproxyctl RUNTIME)

# The units name their programs in full, and the prefix can be chosen as late as now.
install(CODE "set(source \"${CMAKE_SOURCE_DIR}/deploy/systemd\")
set(build \"${CMAKE_BINARY_DIR}/systemd\")
set(bin \"${CMAKE_INSTALL_BINDIR}\")
set(doc \"${doc}\")")
install(CODE [[
get_filename_component(MCP_BINDIR "${bin}" ABSOLUTE BASE_DIR "${CMAKE_INSTALL_PREFIX}")
get_filename_component(MCP_DOCDIR "${doc}" ABSOLUTE BASE_DIR "${CMAKE_INSTALL_PREFIX}")
foreach(unit system/mcp-agent.service system/mc-proxy.service user/mcp-agent.service)
  configure_file("${source}/${unit}.in" "${build}/${unit}" @ONLY)
  get_filename_component(scope ${unit} DIRECTORY)
  file(INSTALL "${build}/${unit}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/${scope}")
endforeach()]])
install(FILES deploy/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME mcp.conf)
install(FILES deploy/systemd/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME mc-proxy.conf)

# What `mcp completion SHELL` prints, in the folders that the shells load from when they need it.
foreach(completion bash:bash-completion/completions/mcp zsh:zsh/vendor-completions/_mcp
                   fish:fish/vendor_completions.d/mcp.fish)
  string(REPLACE ":" ";" completion ${completion})
  list(POP_FRONT completion shell path)
  set(file ${CMAKE_BINARY_DIR}/completions/${shell})
  add_custom_command(OUTPUT ${file} DEPENDS mcp
                     COMMAND mcp completion ${shell} > ${file} VERBATIM)
  list(APPEND completions ${file})
  get_filename_component(folder ${path} DIRECTORY)
  get_filename_component(name ${path} NAME)
  install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder} RENAME ${name})
endforeach()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/completions)
add_custom_target(completions ALL DEPENDS ${completions})

install(FILES README.md CHANGELOG.md DESTINATION ${doc})
install(FILES LICENSE DESTINATION ${doc} RENAME copyright)
install(FILES deploy/mcp-agent.toml deploy/git-hooks/pre-receive DESTINATION ${doc}/examples)
install(DIRECTORY deploy/ci deploy/grafana deploy/prometheus DESTINATION ${doc}/examples)
install(DIRECTORY docs specs-example DESTINATION ${doc})
