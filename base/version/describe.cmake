# Writes OUTPUT from TEMPLATE with what git says about SOURCE now; touches it only when that changed.
# A tarball made by `git archive` has the description in VERSION (.gitattributes: export-subst).
execute_process(
  COMMAND git -c safe.directory=* describe --always --dirty --tags
  WORKING_DIRECTORY ${SOURCE}
  OUTPUT_VARIABLE MCP_VERSION
  OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET
  RESULT_VARIABLE failed)
if(failed OR NOT MCP_VERSION)
  set(MCP_VERSION "")
  if(EXISTS ${SOURCE}/VERSION)
    file(STRINGS ${SOURCE}/VERSION lines)
    foreach(line IN LISTS lines)
      if(NOT MCP_VERSION AND line MATCHES "^[0-9A-Za-z._-]+$")
        set(MCP_VERSION ${line})
      endif()
    endforeach()
  endif()
  if(NOT MCP_VERSION)
    set(MCP_VERSION "unknown")
  endif()
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
