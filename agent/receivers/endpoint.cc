#include "agent/receivers/endpoint.h"

#include <fstream>

#include "base/core/hmac.h"
#include "base/core/text.h"

namespace agent {
namespace {

constexpr base::Millis kDeadline = std::chrono::seconds(10);
constexpr size_t kShownOfAnswer = 200;

bool is_this_host(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// What it says of itself, on one line.
std::string excerpt(const std::string& body) {
  std::string out;
  for (const char c : body.substr(0, kShownOfAnswer))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  while (!out.empty() && !base::is_utf8(out)) out.pop_back();
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace

base::Result<std::string> read_secret(const std::string& file, const std::string& what) {
  std::ifstream in(file);
  std::string line;
  if (!in || !std::getline(in, line))
    return base::invalid("cannot read " + what + " from " + file,
                         "its first line is used; the agent's user must be able to read it");
  while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
  if (line.empty()) return base::invalid(file + " has no " + what, "write it on the first line");
  return line;
}

base::Result<base::HttpUrl> Endpoint::url() const {
  if (url_file_.empty()) return base::parse_http_url(url_);
  MCP_TRY(const std::string text, read_secret(url_file_, "the URL"));
  auto url = base::parse_http_url(text);
  if (!url) return base::invalid(url_file_ + " holds no usable URL", url.error().hint);
  return url;
}

base::Result<base::HttpResponse> Endpoint::send(const base::HttpUrl& url,
                                                base::HttpCall call) const {
  base::HttpAddress address = base::HttpAddress::tcp(url.host, url.port);
  if (url.tls) address = base::HttpAddress::https(url.host, url.port, ca_file_);
  if (call.target == "/") call.target = url.target;
  call.secret_target = true;
  call.deadline = kDeadline;
  base::HttpClient client(std::move(address));
  auto answer = client.request(call);
  if (!answer || answer->ok()) return answer;
  std::string said = excerpt(answer->body);
  // Some servers say what they were asked for.
  const std::string path = call.target.substr(0, call.target.find('?'));
  if (path != "/" && said.find(path) != std::string::npos) said.clear();
  return base::unavailable(url.origin() + " answered " + std::to_string(answer->status) +
                           (said.empty() ? "" : ": " + said));
}

base::Result<std::string> authorization(const std::string& secret, const base::HttpUrl& url) {
  if (!url.tls && !is_this_host(url.host))
    return base::make_error(base::Code::kDenied,
                            "a secret would travel in the clear to " + url.origin(),
                            "use https://, or leave out secret_file");
  if (secret.find(':') != std::string::npos) return "Basic " + base::to_base64(secret);
  return "Bearer " + secret;
}

}  // namespace agent
