#pragma once

#include <string>
#include <vector>

#include "base/http/server.h"

// Which handler a request goes to. For this folder alone.
namespace base {

class HttpRouter {
 public:
  void add(const std::string& method, const std::string& pattern, HttpServer::Handler handler);

  // Fills request.captures from request.path. Null: `allowed` gets the methods that this path has,
  // empty when no route has it.
  const HttpServer::Handler* find(HttpRequest& request, std::string* allowed) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    HttpServer::Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace base
