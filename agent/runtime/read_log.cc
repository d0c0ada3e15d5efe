#include "agent/runtime/read_log.h"

#include "agent/runtime/log_demux.h"

namespace agent {

base::Result<> read_log(PodmanApi& api, const reconciler::ContainerId& id, Parameters parameters,
                        base::Millis deadline, const std::function<bool(std::string_view)>& sink) {
  parameters.insert({{"stdout", "true"}, {"stderr", "true"}});
  bool wanted = true;
  LogDemux demux([&](std::string_view line) { return wanted = sink(line); });
  MCP_TRY(const auto answer, api.stream({.path = container_path(id, "/logs"),
                                         .parameters = std::move(parameters),
                                         .deadline = deadline},
                                        [&](std::string_view piece) {
                                          if (!piece.empty()) return demux.feed(piece);
                                          return wanted = sink({});
                                        }));
  if (!answer.ok() && answer.status != 0)
    return error_of(answer, "cannot read the log of container " + id.str().substr(0, 12));
  if (wanted) demux.finish();
  return {};
}

}  // namespace agent
