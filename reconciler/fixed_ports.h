#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/model.h"

namespace reconciler {

// The containers of this node's components, of defined ones and of others.
using ByComponent = std::map<ComponentKey, std::vector<const ObservedContainer*>>;

// Two components of active services that want one fixed host port: the one that holds it, else the
// first by name, gets it.
class FixedPorts {
 public:
  // Both must outlive this.
  FixedPorts(const Desired& desired, const ByComponent& containers);

  // Why the component can never start as things stand, or nothing.
  std::string conflict(const ComponentKey& key, const crds::Component& component) const;

  // What a start has to wait for, or nothing.
  std::string gate(const ComponentKey& key, const crds::Component& component) const;

  // Whether the component runs on a port that now belongs to another: that one waits for it, so it
  // must not wait for that one.
  bool must_leave(const ComponentKey& key) const { return leaving_.contains(key); }

  // The TCP ports that definitions ask for by number.
  const std::set<uint16_t>& tcp() const { return tcp_; }

 private:
  using Place = std::pair<uint16_t, std::string_view>;  // number and protocol
  struct Claim {
    std::string_view ip;
    const ComponentKey* key;
  };
  using Claims = std::map<Place, std::vector<Claim>>;
  struct Wish {
    ComponentKey key;
    const crds::Component* spec;
  };

  static Place place(const crds::PortMapping& port) { return {port.host_port, port.protocol}; }
  // Somebody else who has the address, or null.
  static const ComponentKey* other_at(const Claims& claims, const Place& place, std::string_view ip,
                                      const ComponentKey& key);
  // The message about the first port of the component that somebody else has, or nothing.
  template <class Message>
  static std::string about(const ComponentKey& key, const crds::Component& component,
                           const Claims& claims, Message message);
  // Of the ports that somebody asks for: nobody wants to know of others.
  void find_holders(const ByComponent& containers);
  void claim(const Wish& wish, bool holders);

  std::vector<Wish> wishes_;
  Claims owners_;  // by wish
  Claims held_;    // by what runs
  std::set<ComponentKey> leaving_;
  std::set<uint16_t> tcp_;
};

}  // namespace reconciler
