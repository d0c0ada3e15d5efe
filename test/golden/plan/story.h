#pragma once

#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "reconciler/placement.h"
#include "reconciler/policy.h"
#include "reconciler/reconcile.h"
#include "test/support/fake_router.h"
#include "test/support/fake_runtime.h"

namespace test {

// A story is a text: lines that begin with '#' are for people, with '>' are commands, and what the
// core decides stands below each command, indented. tell() gives the story back with those lines
// written anew. Every step of the plan is applied to an engine in memory; time moves only to where
// the core asks to be woken.
//
//   > service NAME k=v            active= depends_on=a,b restarted_at=<seconds> node= placement=k:v
//                                 suspend=<time since the start>|open heal=true|false
//   > define NAME[/COMPONENT] k=v image= restart= ports=8080:80 routes=a,b strategy= depends_on=
//                                 health=http|tcp|cmd retries= start_period=15s env=K:V user=
//                                 volumes=/srv/web:/data stop_timeout=1m
//                                 A route NAME@HOST is L7 at port 8443; its name may be "-".
//                                 edge=NODE, of all its routes; volumes=/a:/b network= cap_add=A,B
//   > drop NAME[/COMPONENT]       out of the next commit
//   > break NAME                  its file is invalid in the next commits; mend NAME ends that
//   > fleet k=v                   network= prune_max= user=
//   > node NAME k=v | gone        labels=k:v schedulable= address=
//   > peer NODE SERVICE ready|not|unknown   as it seems from here
//   > policy k=v                  images=a,b volume_roots=a,b host_network=true capabilities=A,B
//                                 of the node from the next commit on
//   > commit [approve=N]          what is defined comes into force
//   > run DURATION                until nothing is left to do, at most so long
//   > publish | unpublish IMAGE   in the registry;  > lack IMAGE: not on the node (v1 to v3 are)
//   > mute | unmute IMAGE         runs, and does not answer
//   > crash IMAGE CODE [WORDS]    says that and ends as soon as it runs;  > heal IMAGE ends that
//   > end NAME CODE | pause NAME | remove NAME | start NAME | reboot     by others
//   > foreign NAME [PORT] | other-node NAME | occupy PORT | free PORT
//   > ports-close DURATION        so long after the end of a container its ports stay bound
//   > adopt NAME SERVICE[/COMPONENT]   an operator accepts that container, as what is defined
//   > drift NAME image|ports      podman shows the container with another one
//   > podman away | back
//   > proxy on | away | back | loses | foreign HOST | refuses CERTIFICATE | accepts CERTIFICATE
//           | stops-serving | serves
//   > requests HOST TOTAL FAILED  since the last time
//   > connections HOST COUNT      that are open now
//   > agent restarts | loses its registry
//   > clock -1h
class Story {
 public:
  Story();
  std::string tell(const std::string& text);

 private:
  using Words = std::vector<std::string>;
  void command(const Words& words);
  bool world_command(const Words& words);
  bool proxy_command(const Words& words);
  bool wish_command(const Words& words);
  void set_component(crds::Component& component, const std::string& key, const std::string& value);
  void commit(int approved);
  void adopt(const std::string& container, const std::string& component);
  void run(base::Millis horizon);
  reconciler::Observed observe();
  void apply(const reconciler::Step& step);
  bool probe(const std::vector<reconciler::Probe>& probes);
  void say_conditions();
  void say_containers();
  void say(const std::string& line);
  const reconciler::ObservedContainer& container(const std::string& name) const;

  base::TimePoint now_;
  base::TimePoint start_;
  FakeRuntime runtime_;
  FakeRouter router_;
  bool proxied_ = false;
  std::ostringstream out_;
  std::map<std::string, crds::Service> services_;
  std::set<std::string> broken_;
  crds::Fleet fleet_;
  reconciler::Policy policy_;
  std::map<crds::NodeName, crds::Node> nodes_;
  int commits_ = 0;
  bool away_ = false;
  std::set<std::string> mute_;
  std::map<std::string, int> crashing_;
  std::map<std::string, std::string> last_words_;  // by image
  std::map<std::string, std::string> drifts_;      // container name -> field
  std::optional<reconciler::Desired> desired_;
  reconciler::Memory memory_;
  std::map<reconciler::ContainerId, reconciler::Readiness> readiness_;
  std::set<uint16_t> busy_;
  reconciler::DataPlaces data_;
  std::map<crds::ServiceName, reconciler::PeerAnswer> peers_;
  std::map<std::string, std::string> said_;  // conditions
};

}  // namespace test
