#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "agent/api/documents.h"
#include "agent/api/handlers.h"

namespace agent {

using base::HttpReply;
using base::HttpStream;

namespace {

constexpr size_t kPiece = 256 << 10;
constexpr char kSum[] = "mcp-file-sha256";
constexpr char kSize[] = "mcp-file-size";
constexpr char kMode[] = "mcp-file-mode";

template <class Number>
std::optional<Number> number(const std::string& text, int base) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string octal(unsigned mode) {
  char text[8];
  return {text, std::to_chars(text, text + sizeof(text), mode, 8).ptr};
}

std::string header(const base::HttpRequest& request, const char* name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

}  // namespace

// A file may come before its service runs, and stay after it: the node has to have heard of it.
base::Result<std::string> Handlers::data_of(const Request& request) {
  const std::string& name = request.captures.at("service");
  const View view = backend_.view();
  const auto known = service_names(view);
  if (std::find(known.begin(), known.end(), name) == known.end())
    return unknown("this node has no service", name, known);
  const std::string folder = data_policy_.volume_roots.front() + "/" + name;
  if (!reconciler::may_be_given(folder, data_policy_))
    return base::make_error(base::Code::kDenied, folder + " has the agent's own files in it",
                            "give the agent a [registry] path outside of [data] root");
  return name;
}

Handlers::Reply Handlers::put_file(const Request& request, const base::HttpBody& body) {
  MCP_TRY(const std::string service, data_of(request));
  DataFiles::Upload upload;
  const auto size = number<uint64_t>(header(request, "content-length"), 10);
  if (!size) return base::invalid("a file needs a Content-Length");
  upload.size = *size;
  upload.sha256 = header(request, kSum);
  if (const std::string mode = header(request, kMode); !mode.empty()) {
    upload.mode = number<unsigned>(mode, 8);
    if (!upload.mode || *upload.mode > 0777)
      return base::invalid(std::string(kMode) + ": '" + mode + "' is no mode",
                           "octal permission bits such as 0640");
  }
  const std::string& path = request.captures.at("path");
  MCP_TRY(const FileInfo info, files_.put(service, path, upload, body));
  return HttpReply::json(to_body({{"service", service},
                                  {"path", path},
                                  {"size", info.size},
                                  {"mode", octal(info.mode)},
                                  {"sha256", info.sha256}}));
}

Handlers::Reply Handlers::get_file(const Request& request) {
  MCP_TRY(const std::string service, data_of(request));
  MCP_TRY(auto opened, files_.get(service, request.captures.at("path")));
  const std::shared_ptr<DataFiles::Reader> file = std::move(opened);
  HttpReply reply;
  reply.headers = {{"content-type", "application/octet-stream"},
                   {kSize, std::to_string(file->info().size)},
                   {kMode, octal(file->info().mode)},
                   {kSum, file->info().sha256}};
  reply.stream = [file](HttpStream& out) {
    while (true) {
      const auto piece = file->read(kPiece);
      // Cut short, it does not have its sum.
      if (!piece || piece->empty() || !out.write(*piece)) return;
    }
  };
  return reply;
}

}  // namespace agent
