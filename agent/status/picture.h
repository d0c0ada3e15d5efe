#pragma once

#include <map>
#include <set>
#include <vector>

#include "agent/view/view.h"
#include "reconciler/component.h"

namespace agent {

// A View sorted by component, with what the core makes of each. Refers to the view.
struct Picture {
  explicit Picture(const View& view);

  // Of the component, on this node; those of its present definition first, running ones first.
  using Containers = std::vector<const reconciler::ObservedContainer*>;

  const View& view;
  std::map<reconciler::ComponentKey, Containers> containers;
  std::map<reconciler::ComponentKey, reconciler::Finding> decisions;
  std::map<reconciler::ComponentKey, const reconciler::Step*> running;
  // What is desired, held back or on its way out.
  std::set<reconciler::ServiceName> services;

  const reconciler::ServiceDesired* desired(const reconciler::ServiceName& service) const;
  const reconciler::ComponentDesired* desired(const reconciler::ComponentKey& key) const;
  const reconciler::Finding* decision(const reconciler::ComponentKey& key) const;
  // Desired ones, and those whose containers are still there.
  std::set<reconciler::ComponentName> components(const reconciler::ServiceName& service) const;

  // It serves, or has done what it was to do.
  bool ready(const reconciler::ObservedContainer& container) const;
  // The one that serves, else the one that is to; null: there is none.
  const reconciler::ObservedContainer* serving(const reconciler::ComponentKey& key) const;
};

}  // namespace agent
