#include <algorithm>

#include "base/core/text.h"
#include "crds/claims.h"
#include "crds/decode.h"
#include "crds/graph.h"
#include "crds/suggest.h"

namespace crds {
namespace {

class TreeCheck {
 public:
  TreeCheck(const std::map<std::string, DecodedFile>& files,
            const std::map<ServiceName, Service>& last_good)
      : files_(files), last_good_(last_good) {}

  Tree check() {
    gather();
    check_names();
    index();
    for (const Located<Service>* service : sound_) {
      check_dependencies(*service);
      check_nodes(*service);
      check_images(*service);
    }
    check_cycles();
    check_claims();
    for (const auto& [name, problems] : tree_.broken) tree_.services.erase(name);
    std::stable_sort(tree_.problems.begin(), tree_.problems.end(),
                     [](const Diagnostic& a, const Diagnostic& b) { return a.at < b.at; });
    return std::move(tree_);
  }

 private:
  void gather() {
    for (const auto& [path, file] : files_) {
      tree_.problems.insert(tree_.problems.end(), file.problems.begin(), file.problems.end());
      for (const auto& service : file.services) services_[service.value.name].push_back(&service);
      for (const ServiceName& name : file.broken_services) {
        auto& problems = tree_.broken[name];
        problems.insert(problems.end(), file.problems.begin(), file.problems.end());
      }
      for (const auto& node : file.nodes) nodes_[node.value.name].push_back(&node);
      if (file.fleet) fleets_.push_back(&*file.fleet);
      if (file.problems.empty()) continue;
      if (path.starts_with("nodes/"))
        tree_.nodes_broken = true;
      else if (!path.starts_with("services/"))
        tree_.fleet_broken = true;
    }
  }

  template <class Kind>
  Diagnostic twice(const Located<Kind>& here, const Located<Kind>& other, const std::string& what) {
    const std::string file = other.name_at.file;
    return {here.name_at, name_field(here.name_at.file),
            what + " is used twice, here and in " + file + ":" + std::to_string(other.name_at.line),
            "rename one of them, or remove it"};
  }

  void check_names() {
    for (const auto& [name, places] : services_) {
      if (places.size() > 1)
        for (size_t i = 0; i < places.size(); ++i)
          fail(name,
               twice(*places[i], *places[i == 0 ? 1 : 0], "the service name '" + name.str() + "'"));
      tree_.services.emplace(name, *places.front());
    }
    for (const auto& [name, places] : nodes_) {
      tree_.nodes.emplace(name, *places.front());
      for (size_t i = 0; places.size() > 1 && i < places.size(); ++i) {
        tree_.nodes_broken = true;
        tree_.problems.push_back(
            twice(*places[i], *places[i == 0 ? 1 : 0], "the node name '" + name.str() + "'"));
      }
    }
    if (fleets_.size() == 1) tree_.fleet = fleets_.front()->value;
    for (size_t i = 0; fleets_.size() > 1 && i < fleets_.size(); ++i) {
      tree_.fleet_broken = true;
      const Position at{fleets_[i]->name_at.file, 0, 0};
      tree_.problems.push_back(
          {at, "",
           "the fleet is defined twice, here and in " + fleets_[i == 0 ? 1 : 0]->name_at.file,
           "keep one of them"});
    }
  }

  // Sound services in the order of their files, and every name that anybody may depend on.
  void index() {
    for (const auto& [path, file] : files_)
      for (const auto& service : file.services)
        if (!tree_.broken.contains(service.value.name)) sound_.push_back(&service);
    for (const auto& [name, service] : tree_.services) service_names_.push_back(name.str());
    for (const auto& [name, problems] : tree_.broken)
      if (!tree_.services.contains(name)) service_names_.push_back(name.str());
    for (const auto& [name, node] : tree_.nodes) node_names_.push_back(name.str());
  }

  bool is_known(const ServiceName& name) const {
    return tree_.services.contains(name) || tree_.broken.contains(name);
  }

  void check_dependencies(const Located<Service>& service) {
    const auto& needed = service.value.depends_on;
    for (size_t i = 0; i < needed.size(); ++i) {
      if (is_known(needed[i])) continue;
      // Many may need one that was renamed, and every search reads all names.
      const auto [suggestion, is_new] = suggestions_.try_emplace(needed[i]);
      if (is_new) suggestion->second = suggest(needed[i].str(), service_names_, "services");
      fail(service, "depends_on[" + std::to_string(i) + "]",
           "no service is named '" + needed[i].str() + "'", suggestion->second);
    }
  }

  void check_nodes(const Located<Service>& service) {
    if (tree_.nodes.empty() || tree_.nodes_broken) return;
    const auto check = [&](const std::string& name, const std::string& field) {
      if (name.empty() || tree_.nodes.contains(NodeName(name))) return;
      fail(service, field, "no node is named '" + name + "'", suggest(name, node_names_, "nodes"));
    };
    check(service.value.node.str(), "node");
    const auto& components = service.value.components;
    for (size_t i = 0; i < components.size(); ++i)
      for (size_t k = 0; k < components[i].routes.size(); ++k)
        check(components[i].routes[k].edge,
              "components[" + std::to_string(i) + "].routes[" + std::to_string(k) + "]");
  }

  void check_images(const Located<Service>& service) {
    if (tree_.fleet_broken) return;
    const bool registry = tree_.fleet && !tree_.fleet->registry.empty();
    const auto& components = service.value.components;
    for (size_t i = 0; i < components.size(); ++i) {
      if (!components[i].image.empty() || (registry && !service.value.version.empty())) continue;
      fail(service, "components[" + std::to_string(i) + "]",
           std::string("no image: the component names none, and ") +
               (registry ? "the service has no version" : "the fleet has no registry"),
           registry ? "set image, or the service's version"
                    : "set image, or registry in fleet.toml");
    }
  }

  void check_cycles() {
    std::map<ServiceName, size_t> number;
    for (const Located<Service>* service : sound_)
      number.emplace(service->value.name, number.size());
    std::vector<const Located<Service>*> by_number(number.size());
    for (const Located<Service>* service : sound_) by_number[number[service->value.name]] = service;
    std::vector<std::vector<size_t>> needs(number.size());
    for (size_t i = 0; i < needs.size(); ++i)
      for (const ServiceName& name : by_number[i]->value.depends_on)
        if (const auto known = number.find(name); known != number.end())
          needs[i].push_back(known->second);
    for (const Tangle& tangle : find_tangles(needs)) {
      std::vector<std::string> round;
      for (size_t i : tangle.cycle) round.push_back(by_number[i]->value.name.str());
      round.push_back(round.front());
      for (size_t i : tangle.members)
        fail(*by_number[i], dependency_within(by_number[i]->value, tangle, number),
             "the services need each other: " + base::join(round, " -> "),
             "remove one of these dependencies");
    }
  }

  // The first dependency that leads round.
  static std::string dependency_within(const Service& service, const Tangle& tangle,
                                       const std::map<ServiceName, size_t>& number) {
    size_t at = 0;
    for (; at + 1 < service.depends_on.size(); ++at)
      if (const auto known = number.find(service.depends_on[at]);
          known != number.end() &&
          std::binary_search(tangle.members.begin(), tangle.members.end(), known->second))
        break;
    return "depends_on[" + std::to_string(at) + "]";
  }

  void check_claims() {
    std::vector<const Located<Service>*> sound;
    for (const Located<Service>* service : sound_)
      if (!tree_.broken.contains(service->value.name)) sound.push_back(service);
    std::vector<ServiceName> broken;
    for (const auto& [name, problems] : tree_.broken) broken.push_back(name);
    const std::string domain = tree_.fleet ? tree_.fleet->domain : "";
    for (const Clash& clash : find_clashes(sound, last_good_, broken, domain)) {
      const bool own = clash.holder == clash.loser->value.name;
      std::string by = own ? "wanted twice by this service"
                           : "taken by the service '" + clash.holder.str() + "'";
      if (clash.holder_at != nullptr && !own)
        by += " (" + clash.holder_at->name_at.file + ":" +
              std::to_string(place(*clash.holder_at, clash.holder_field).line) + ")";
      fail(*clash.loser, clash.claim.field, clash.claim.what + " is " + by, "choose another");
    }
  }

  static std::string name_field(const std::string& file) {
    return file.ends_with(".toml") ? "name" : "metadata.name";
  }

  static Position place(const Located<Service>& service, const std::string& field) {
    const auto found = std::lower_bound(
        service.fields.begin(), service.fields.end(), field,
        [](const FieldPlace& place, const std::string& name) { return place.field < name; });
    if (found == service.fields.end() || found->field != field) return service.name_at;
    return {service.name_at.file, found->line, found->column};
  }

  void fail(const Located<Service>& service, const std::string& field, std::string message,
            std::string hint) {
    const std::string prefix = service.name_at.file.ends_with(".toml") ? "" : "spec.";
    fail(service.value.name,
         {place(service, field), prefix + field, std::move(message), std::move(hint)});
  }
  void fail(const ServiceName& name, Diagnostic problem) {
    tree_.broken[name].push_back(problem);
    tree_.problems.push_back(std::move(problem));
  }

  const std::map<std::string, DecodedFile>& files_;
  const std::map<ServiceName, Service>& last_good_;
  Tree tree_;
  std::map<ServiceName, std::vector<const Located<Service>*>> services_;
  std::map<NodeName, std::vector<const Located<Node>*>> nodes_;
  std::vector<const Located<Fleet>*> fleets_;
  std::vector<const Located<Service>*> sound_;
  std::vector<std::string> service_names_;
  std::vector<std::string> node_names_;
  std::map<ServiceName, std::string> suggestions_;
};

}  // namespace

Tree check_tree(const std::map<std::string, DecodedFile>& files_by_path,
                const std::map<ServiceName, Service>& last_good) {
  return TreeCheck(files_by_path, last_good).check();
}

}  // namespace crds
