#pragma once

#include "reconciler/ports.h"

namespace agent {

// Learns from another node's mc-proxy whether a service is ready there: its agent registers a name
// when its container is ready, and mc-proxy refuses a name that nobody has registered. Asks for
// each name as a client would: a TLS handshake for what is passed through; for what ends at
// mc-proxy also `HEAD /`, because a name without a backend is answered with 502, 503 or 504.
//
// kUnknown: the service has no name that can be asked for, or the node no address. Certificates are
// not verified: the address is the repository's word, and nothing secret is sent. From any thread;
// an answer takes at most 5 seconds, and the time that the system's resolver takes for a host name.
class RouteWitness : public reconciler::Peers {
 public:
  reconciler::PeerAnswer ask(const reconciler::PeerQuestion& question) override;
};

}  // namespace agent
