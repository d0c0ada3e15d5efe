#include "base/http/router.h"

#include "base/core/text.h"

namespace base {
namespace {

bool is_capture(const std::string& segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool takes_rest(const std::string& segment) {
  return is_capture(segment) && segment.ends_with("...}");
}

std::string capture_name(const std::string& segment) {
  const size_t tail = takes_rest(segment) ? 4 : 1;
  return segment.substr(1, segment.size() - 1 - tail);
}

// Segments are decoded one by one, so that an encoded '/' stays inside its segment.
bool match(const std::vector<std::string>& pattern, const std::vector<std::string>& path,
           std::map<std::string, std::string>& captures) {
  captures.clear();
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (takes_rest(pattern[i])) {
      std::string rest;
      for (size_t j = i; j < path.size(); ++j) rest += (j > i ? "/" : "") + url_decode(path[j]);
      captures[capture_name(pattern[i])] = rest;
      return !rest.empty();
    }
    if (i >= path.size()) return false;
    if (is_capture(pattern[i])) {
      if (path[i].empty()) return false;
      captures[capture_name(pattern[i])] = url_decode(path[i]);
    } else if (pattern[i] != path[i]) {
      return false;
    }
  }
  return pattern.size() == path.size();
}

}  // namespace

void HttpRouter::add(const std::string& method, const std::string& pattern, Handler handler) {
  routes_.push_back({method, pattern, split(pattern, '/'), std::move(handler)});
}

const HttpRouter::Handler* HttpRouter::find(HttpRequest& request, std::string* allowed) const {
  const std::vector<std::string> path = split(request.path, '/');
  const std::string& method = request.method == "HEAD" ? "GET" : request.method;
  for (const Route& route : routes_) {
    if (!match(route.segments, path, request.captures)) continue;
    if (route.method == method) {
      request.route = route.pattern;
      return &route.handler;
    }
    *allowed += (allowed->empty() ? "" : ", ") + route.method;
  }
  return nullptr;
}

}  // namespace base
