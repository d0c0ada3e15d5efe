#pragma once

#include <string>
#include <vector>

#include "base/http/server.h"

// Which handler a request goes to. For this folder alone.
namespace base {

class HttpRouter {
 public:
  // Takes the request because it may fill in its body.
  using Handler = std::function<HttpReply(HttpRequest&, const HttpBody&)>;
  void add(const std::string& method, const std::string& pattern, Handler handler);

  // Fills request.captures and request.route from request.path. Null: `allowed` gets the methods
  // that this path has, empty when no route has it.
  const Handler* find(HttpRequest& request, std::string* allowed) const;

 private:
  struct Route {
    std::string method;
    std::string pattern;
    std::vector<std::string> segments;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace base
