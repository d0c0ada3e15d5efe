#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/core/result.h"
#include "base/core/time.h"
#include "base/http/message.h"

// HTTP/1.1 server on a Unix socket, on TLS 1.3 or in the clear, thin over cpp-httplib.
namespace base {

struct HttpRequest {
  std::string method;
  std::string path;                             // as sent, without the query
  std::map<std::string, std::string> captures;  // of the route's pattern, decoded
  std::map<std::string, std::string> query;     // decoded; the last of several counts
  HttpHeaders headers;
  std::string body;
  std::string route;  // the pattern that the path fits
  std::string peer;   // "192.0.2.7"; on a Unix socket "uid 1000" (SO_PEERCRED, unix(7))
  std::string user;   // who it is, as `admit` says; empty: nobody asked

  // A query parameter, or `otherwise` when it was not given.
  std::string query_or(const std::string& name, std::string otherwise = {}) const;
};

// The open end of a streamed answer. Used by the one thread that the stream function runs on.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // False: the peer has gone or the server stops; the stream function should return. A peer that
  // reads nothing for the write timeout counts as gone.
  virtual bool write(std::string_view chunk) = 0;
  // The same question without writing. Cheap: ask it about once a second while waiting.
  virtual bool open() = 0;
  // Requested when the server stops: wait with it (std::condition_variable_any).
  virtual std::stop_token stop_token() const = 0;
};

struct HttpReply : HttpResponse {
  // When set, it writes the body (chunked) and `body` is ignored; the answer ends when it returns.
  // It keeps what it captures alive until then. It is not called for HEAD.
  std::function<void(HttpStream&)> stream;

  static HttpReply json(std::string body, int status = 200);
  static HttpReply text(std::string body, int status = 200);
};

// RFC 9457 problem document: status by code, "title" the code's name, "detail" the message, "hint"
// as an extension when there is one.
HttpReply problem(const Error& error);
HttpReply problem(const Error& error, int status);  // another status than its code has
// 400 invalid, 401, 403, 404, 409 conflict, 503 unavailable, 504 timeout, 507 exhausted, else 500.
int http_status(Code code);
// The way back, for clients: the Error that a problem document or a bare status says.
Error error_of(const HttpResponse& response);

struct HttpServerOptions {
  std::string socket;  // path; at most 107 bytes (unix(7)); empty: `listen` counts
  int mode = 0660;     // of the socket file
  std::string group;   // owner group of the socket file; empty: as it is made
  // Bytes; more is answered with 413, and what makes more than four such in memory at once with
  // 503, unless it is small. Of a head 64 KiB are taken, of a line of it 8 KiB: more is 414 for its
  // first, else 431.
  size_t max_body = 1 << 20;
  Millis read_timeout{5000};   // for the next bytes of a request
  Millis write_timeout{5000};  // for a peer to take the next bytes
  Millis grace{10000};         // for a whole request; a second more for each 16 KiB of it
  int threads = 16;            // connections served at once; more wait
  int max_streams = 12;        // streams at once; more are answered with 503

  // TLS 1.3 on TCP: "192.0.2.1:9444", "[::]:9444", ":9444" (all addresses); port 0: any free one.
  // Connections beyond `threads` are closed at once. The files are read again when they change.
  std::string listen = {};
  std::string tls_cert = {};  // PEM: the chain, the server's own first
  std::string tls_key = {};
  bool plain = false;  // no TLS at `listen`: for what anybody may read who reaches the address

  HttpHeaders headers = {};  // of every answer

  // Asked about a request that has a route, before its body is read; an error is the answer. It may
  // set `user`. On the server's threads, many at once.
  std::function<Result<>(HttpRequest&)> admit = {};
};

// A body as it comes: hands each piece to the function until the end, or until that fails, which is
// the result then. kInvalid: the body was cut off. Once.
using HttpBody = std::function<Result<>(const std::function<Result<>(std::string_view)>&)>;

class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;

  explicit HttpServer(HttpServerOptions options);
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Before start(). `pattern`: "/v1/services/{name}/spec"; a capture is one segment, and a last
  // "{rest...}" takes all that is left. The first route that fits wins. GET serves HEAD too.
  // Handlers run on the server's threads, many at once; one that throws is answered with 500.
  // A path that no route has is 404, one that has other methods only is 405.
  void route(const std::string& method, const std::string& pattern, Handler handler);

  // The same for bodies of any size (PUT and POST): `body` of the request is empty. What the
  // handler does not want of it is read all the same: who sends it reads the answer after that.
  using UploadHandler = std::function<HttpReply(const HttpRequest&, const HttpBody&)>;
  void upload(const std::string& method, const std::string& pattern, UploadHandler handler);

  // Listens, and serves on threads of its own. A socket file that nobody answers on is replaced;
  // one that somebody answers on, or a file that is no socket, is kConflict. The folder must exist.
  // A socket file that is removed while it serves is made again within a second or two.
  Result<> start();

  // Where it listens on TCP; 0 before start() and on a Unix socket.
  int port() const;

  // Closes the socket and removes its file, ends streams (their stop_token, then write() false),
  // waits for handlers under way. A peer that has connected and not sent a whole request yet can
  // hold it up to read_timeout. Any thread but a handler's; again is fine.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace base
