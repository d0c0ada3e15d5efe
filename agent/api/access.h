#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "agent/auth/auth.h"
#include "base/core/time.h"
#include "base/http/server.h"
#include "reconciler/ports.h"

namespace agent {

// Decides who may call what, and writes down who changed something and who was turned away. Any
// thread.
class Access {
 public:
  using Record = std::function<void(reconciler::Event)>;

  // `validator` knows the callers by their tokens; null: whoever reaches the socket may do
  // everything, and is called by the name of their user id (the file's permission is the right).
  Access(TokenValidator* validator, Record record)
      : validator_(validator), record_(std::move(record)) {}

  // HttpServerOptions::admit. kUnauthenticated without a token, or with one that is not good;
  // kDenied when the role does not reach.
  base::Result<> admit(base::HttpRequest& request);

 private:
  base::Result<Caller> who(const base::HttpRequest& request) const;
  void write_down(const base::HttpRequest& request, const std::string& user, bool denied,
                  const std::string& why);

  TokenValidator* const validator_;
  const Record record_;
  std::mutex mutex_;
  base::TimePoint minute_{};  // when the count began
  int denials_ = 0;
  int unsaid_ = 0;
};

// What a call of the API needs: the one table is in api.cc. kNone: no token at all. What is not in
// it is for operators.
Role needed_role(const std::string& method, const std::string& route);
// "GET /v1/status" for each call of the table.
std::vector<std::string> api_calls();

}  // namespace agent
