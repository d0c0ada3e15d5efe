#include "controller/cli/commands/commands.h"

namespace controller {

std::vector<Command> all_commands() {
  std::vector<Command> commands;
  for (const auto make :
       {login_command,         logout_command,       init_command,         validate_command,
        diff_command,          deploy_command,       undeploy_command,     stop_command,
        start_command,         restart_command,      suspend_command,      resume_command,
        rollback_command,      adopt_command,        status_command,       why_command,
        list_command,          ps_command,           route_list_command,   push_command,
        pull_command,          logs_command,         events_command,       history_command,
        sync_command,          service_show_command, service_edit_command, service_export_command,
        node_list_command,     node_add_command,     node_remove_command,  node_drain_command,
        node_uncordon_command, explain_command,      completion_command,   complete_command,
        doctor_command,        version_command})
    commands.push_back(make());
  return commands;
}

}  // namespace controller
