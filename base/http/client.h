#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/core/result.h"
#include "base/core/time.h"
#include "base/http/message.h"

// HTTP/1.1 client over a Unix socket, TLS or plain TCP, thin over cpp-httplib.
namespace base {

struct HttpAddress {
  std::string socket;  // path of a Unix socket; when empty, host and port count
  std::string host;
  uint16_t port = 0;
  bool tls = false;          // the certificate has to be of `host`
  std::string ca_file = {};  // PEM of whom to trust; empty: the system's

  static HttpAddress unix_socket(std::string path) { return {.socket = std::move(path)}; }
  static HttpAddress tcp(std::string host, uint16_t port) {
    return {.host = std::move(host), .port = port};
  }
  static HttpAddress https(std::string host, uint16_t port, std::string ca_file = {}) {
    return {.host = std::move(host), .port = port, .tls = true, .ca_file = std::move(ca_file)};
  }
  std::string text() const;  // "/run/x.sock", "127.0.0.1:8080", "https://a.example:9444"
};

struct HttpCall {
  std::string method = "GET";
  std::string target = "/";    // path and query, already encoded
  bool secret_target = false;  // no message of an error has it
  std::string body = {};
  // Instead of a body: `upload_size` bytes, asked for piece by piece, from an offset, at most so
  // many; an error or nothing ends the call.
  std::function<Result<std::string>(size_t offset, size_t most)> upload = {};
  size_t upload_size = 0;
  std::string content_type = {};
  HttpHeaders headers = {};
  size_t max_body =
      SIZE_MAX;  // request() reads no more of an answer's body, and is content with it
  // For the whole answer. Zero, for stream() only: no limit.
  Millis deadline{10000};
  // Ends a request() under way as if its deadline had come. stream() has its own.
  std::stop_token stop = {};
};

// Safe to use from many threads at once: every call under way has a connection of its own, and idle
// ones are kept open for the next call. Errors, whatever the status of an answer:
//   kUnavailable  nothing listens there, the connection broke, or its certificate is not trusted
//   kInvalid      the file of whom to trust cannot be used
//   kTimeout      no complete answer within the deadline
//   kInternal     the answer is not HTTP
// An answer with any status is success: look at HttpResponse::status.
class HttpClient {
 public:
  explicit HttpClient(HttpAddress address);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  const HttpAddress& address() const;

  // One call. An idle connection that the server has closed meanwhile is replaced by a new one;
  // a call that may have reached the server is never sent twice.
  Result<HttpResponse> request(const HttpCall& call);

  // Hands each piece of the answer's body to `sink` as it comes, never two at once, and returns
  // when the body ends, `sink` says false or `stop` is requested: all three are success, and the
  // status is 0 when no answer had come by then. `sink` gets an empty piece about once a second
  // while nothing comes, so that it can say false then too; that may be on another thread than the
  // caller's. With a status other than 2xx the body is in the response, not in pieces.
  using Sink = std::function<bool(std::string_view)>;
  Result<HttpResponse> stream(const HttpCall& call, const Sink& sink, std::stop_token stop = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace base
