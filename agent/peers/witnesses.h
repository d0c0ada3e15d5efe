#pragma once

#include <vector>

#include "reconciler/ports.h"

namespace agent {

// Asks one after the other, until one knows.
class Witnesses : public reconciler::Peers {
 public:
  // They outlive this.
  explicit Witnesses(std::vector<reconciler::Peers*> all) : all_(std::move(all)) {}

  reconciler::PeerAnswer ask(const reconciler::PeerQuestion& question) override {
    reconciler::PeerAnswer answer;
    for (reconciler::Peers* one : all_) {
      answer = one->ask(question);
      if (answer.state != reconciler::PeerAnswer::State::kUnknown) break;
    }
    return answer;
  }

 private:
  const std::vector<reconciler::Peers*> all_;
};

}  // namespace agent
