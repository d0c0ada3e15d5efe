#pragma once

#include <vector>

#include "controller/cli/command.h"

// One file a command; main.cc puts them in the order in which --help lists them.
namespace controller {

Command login_command();
Command logout_command();
Command init_command();
Command validate_command();
Command diff_command();
Command deploy_command();
Command undeploy_command();
Command stop_command();
Command start_command();
Command restart_command();
Command suspend_command();
Command resume_command();
Command rollback_command();
Command adopt_command();
Command list_command();
Command ps_command();
Command status_command();
Command why_command();
Command route_list_command();
Command push_command();
Command pull_command();
Command sync_command();
Command logs_command();
Command events_command();
Command history_command();
Command service_show_command();
Command service_edit_command();
Command service_export_command();
Command node_list_command();
Command node_add_command();
Command node_remove_command();
Command node_drain_command();
Command node_uncordon_command();
Command explain_command();
Command completion_command();
Command complete_command();
Command doctor_command();
Command version_command();

std::vector<Command> all_commands();

}  // namespace controller
