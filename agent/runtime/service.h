#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "base/core/result.h"
#include "base/core/time.h"

namespace agent {

// Whether something accepts connections on a Unix socket.
bool answers(const std::string& socket);

// `podman system service` as a child of ours: started again with back-off when it ends, ended with
// us, however we end. The containers do not depend on it.
class PodmanService {
 public:
  explicit PodmanService(std::string socket);
  ~PodmanService();

  // Done when it answers; the error says why it does not.
  base::Result<> wait_ready(base::Millis timeout);

 private:
  void run(const std::stop_token& stop);
  // One life of the service, until it ends or `stop` is requested.
  void live(const std::stop_token& stop);
  void note(std::string problem);

  const std::string socket_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool ready_ = false;
  std::string problem_;  // why the last life ended
  std::jthread thread_;  // the children die with it
};

}  // namespace agent
