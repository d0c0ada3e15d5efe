#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reconciler/ports.h"

namespace test {

// A container engine in memory, for the simulator and the unit tests of the loop: deterministic,
// one thread, no clock of its own. It keeps the same contract as podman (test/contract/runtime
// runs against both), down to times that are whole seconds.
class FakeRuntime : public reconciler::Runtime, public reconciler::HostPorts {
 public:
  enum class Kind { kList, kInspect, kPull, kCreate, kStart, kStop, kRemove, kLogs };

  struct Call {
    Kind kind = Kind::kList;
    std::string subject;  // kPull: the image; kCreate: the name; else the container's id
    std::string name;     // of the container; empty for kList and kPull
  };

  // What goes wrong with a call: the error is returned, and with `after_effect` the call has done
  // its work nevertheless (a lost answer).
  struct Fault {
    base::Error error;
    bool after_effect = false;
  };

  using Clock = std::function<base::TimePoint()>;
  explicit FakeRuntime(Clock clock);

  base::Result<std::vector<reconciler::ObservedContainer>> list() override;
  base::Result<reconciler::ObservedContainer> inspect(const reconciler::ContainerId& id) override;
  base::Result<> pull(const std::string& image) override;
  base::Result<reconciler::ContainerId> create(const reconciler::ContainerSpec& spec) override;
  base::Result<reconciler::ObservedContainer> start(const reconciler::ContainerId& id) override;
  base::Result<> stop(const reconciler::ContainerId& id,
                      std::optional<base::Millis> timeout) override;
  base::Result<> remove(const reconciler::ContainerId& id) override;
  base::Result<std::vector<std::string>> last_lines(const reconciler::ContainerId& id,
                                                    int count) override;

  // TCP ports that the running containers and occupy_port() hold.
  std::set<uint16_t> listening() override;

  // ---- the world

  // Asked before every call, list() included; none: nothing goes wrong.
  std::function<std::optional<Fault>(const Call&)> faults;
  // Asked after every start; a value: the process ends at once with that exit code.
  std::function<std::optional<int>(const reconciler::ObservedContainer&)> exits_at_start;
  // Told of every call before it has an effect.
  std::function<void(const Call&)> on_call;
  // Told of every container that was made, changed or removed, as podman's events tell it.
  std::function<void(const reconciler::ContainerId&)> on_event = [](const auto&) {};

  void add_image(const std::string& image);                  // is in local storage
  void remove_image(const std::string& image);               // is not any more
  void publish(const std::string& image);                    // a registry has it
  void refuse(const std::string& image, base::Error error);  // pulling it fails so
  bool has_image(const std::string& image) const;

  void say(const reconciler::ContainerId& id, const std::string& line);  // its process, to its log

  // After the end of a process its ports stay bound for so long.
  base::Millis port_closes{0};
  void occupy_port(uint16_t port);  // somebody else's process listens on it
  void free_port(uint16_t port);

  // ---- what others do to containers; no call, no fault

  // A running container that is not ours.
  reconciler::ContainerId add_foreign(const std::string& name,
                                      std::vector<crds::PortMapping> ports = {});
  void end(const reconciler::ContainerId& id, int exit_code);  // its process ends by itself
  void kill(const reconciler::ContainerId& id) { end(id, 137); }
  void stop_by_hand(const reconciler::ContainerId& id) { end(id, 143); }
  void pause_by_hand(const reconciler::ContainerId& id);
  void start_by_hand(const reconciler::ContainerId& id);
  void remove_by_hand(const reconciler::ContainerId& id);
  void reboot();  // every process ends, the containers stay

  // ---- what it looks like, without a call

  const std::map<reconciler::ContainerId, reconciler::ObservedContainer>& containers() const;
  const reconciler::ObservedContainer* find(const std::string& name) const;  // null: none
  // What it was created from; none for foreign ones.
  const reconciler::ContainerSpec* spec(const reconciler::ContainerId& id) const;

  int calls(Kind kind) const;
  int writes() const;  // calls of every kind that changes something
  // Calls that changed something: what an idle, converged agent must not make.
  int effects() const;

 private:
  template <class T>
  base::Result<T> run(const Call& call, const std::function<base::Result<T>()>& effect);
  std::string name_of(const reconciler::ContainerId& id) const;
  bool has_ports(const reconciler::ObservedContainer& container) const;
  std::optional<uint16_t> taken_port(const reconciler::ObservedContainer& starting) const;
  reconciler::ContainerId next_id();
  base::Result<reconciler::ContainerId> make(const reconciler::ContainerSpec& spec);
  base::Result<reconciler::ObservedContainer> run_process(const reconciler::ContainerId& id);

  Clock clock_;
  std::map<reconciler::ContainerId, reconciler::ObservedContainer> containers_;
  std::map<reconciler::ContainerId, reconciler::ContainerSpec> specs_;
  std::map<reconciler::ContainerId, std::vector<std::string>> logs_;
  std::set<std::string> images_;
  std::map<std::string, base::Result<>> registry_;
  std::set<uint16_t> occupied_;
  std::map<Kind, int> calls_;
  int effects_ = 0;
  uint64_t made_ = 0;
  int next_pid_ = 1000;
  uint16_t next_port_ = 40000;
};

}  // namespace test
