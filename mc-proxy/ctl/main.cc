#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/http/client.h"
#include "base/http/server.h"
#include "base/version/version.h"

// mcproxyctl: the admin API for a person at the node.
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string socket = "/srv/mc-proxy/mc-proxy.sock";
  bool json = false;
  std::string listener;
  std::string hostname;
  std::string backend;
  std::string mode;
  std::string owner = "operator";
  std::string tls_cert;
  std::string tls_key;
  std::string protocol;
  bool backend_tls = false;
  bool send_proxy_protocol = false;
  int64_t hold = 0;
};

base::Result<std::string> call(const Options& options, const std::string& method,
                               const std::string& target, const std::string& body = {}) {
  base::HttpClient client(base::HttpAddress::unix_socket(options.socket));
  MCP_TRY(const auto answer, client.request({.method = method,
                                             .target = target,
                                             .body = body,
                                             .content_type = body.empty() ? "" : "application/json",
                                             .deadline = std::chrono::seconds(60)}));
  if (!answer.ok()) return base::error_of(answer);
  return answer.body;
}

std::string target_of(const Options& options) {
  return "/v1/routes/" + base::url_encode(options.listener) + "/" +
         base::url_encode(options.hostname);
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(i + 1 < row.size() ? widths[i] - row[i].size() + 2 : 0, ' ');
    std::cout << line << "\n";
  }
}

void print_routes(const Json& routes) {
  std::vector<std::vector<std::string>> rows{{"LISTENER", "HOST", "MODE", "BACKEND", "HEALTH",
                                              "OPEN", "REQUESTS", "5XX", "HELD", "OWNER"}};
  for (const Json& route : routes) {
    const auto text = [&](const char* field) { return route.value(field, std::string()); };
    const auto number = [&](const char* field) {
      return std::to_string(route.value(field, int64_t{0}));
    };
    // Those that wait now, of all that had to.
    const std::string held = number("held") == "0" ? "-" : number("waiting") + "/" + number("held");
    const std::string health = text("health") + (number("hold") == "0" ? "" : " (held)");
    const std::string protocol = text("mode") == "l7" ? " " + text("backendProtocol") : "";
    rows.push_back(
        {text("listener"), text("hostname"), text("mode"),
         text("backend") + protocol + (route.value("sendProxyProtocol", false) ? " +proxy" : ""),
         route.value("served", false) ? health : "not served", number("openConnections"),
         number("requests"), number("responses5xx"), held, text("owner")});
  }
  print_table(rows);
  for (const Json& route : routes)
    if (const std::string problem = route.value("problem", ""); !problem.empty())
      std::cout << route.value("hostname", "") << ": " << problem << "\n";
}

int failed(const base::Error& error) {
  std::cerr << "error: " << error.text() << "\n";
  return 1;
}

int list(const Options& options) {
  const auto answer = call(options, "GET", "/v1/routes");
  if (!answer) return failed(answer.error());
  if (options.json)
    std::cout << *answer;
  else
    print_routes(Json::parse(*answer)["routes"]);
  return 0;
}

// 1 when something is wrong, so that a script can ask.
int status(const Options& options) {
  const auto answer = call(options, "GET", "/v1/status");
  if (!answer) return failed(answer.error());
  const Json document = Json::parse(*answer);
  bool fine = document["haproxy"].value("running", false);
  for (const Json& listener : document["listeners"]) fine = fine && listener.value("open", false);
  if (options.json) {
    std::cout << *answer;
    return fine ? 0 : 1;
  }
  std::cout << "mc-proxy " << document.value("version", "") << ", up "
            << document.value("uptimeSeconds", int64_t{0}) << "s, HAProxy "
            << (document["haproxy"].value("running", false) ? "runs" : "does not run") << "\n";
  if (const std::string why = document["haproxy"].value("problem", ""); !why.empty())
    std::cout << "HAProxy: " << why << "\n";
  Json routes = Json::array();
  for (const Json& listener : document["listeners"]) {
    std::cout << "listener " << listener.value("address", "") << ": "
              << (listener.value("open", false) ? "open" : "not open") << ", "
              << listener["routes"].size() << " routes, "
              << listener.value("openConnections", int64_t{0}) << " open\n";
    if (const std::string why = listener.value("problem", ""); !why.empty())
      std::cout << "  " << why << "\n";
    for (const Json& route : listener["routes"]) routes.push_back(route);
  }
  if (!routes.empty()) print_routes(routes);
  return fine ? 0 : 1;
}

int add(const Options& options, bool backend_tls_given) {
  Json body = {{"owner", options.owner},    {"backend", options.backend},
               {"mode", options.mode},      {"tlsCert", options.tls_cert},
               {"tlsKey", options.tls_key}, {"sendProxyProtocol", options.send_proxy_protocol}};
  if (options.hold != 0) body["hold"] = options.hold;
  if (backend_tls_given) body["backendTls"] = options.backend_tls;
  if (!options.protocol.empty()) body["backendProtocol"] = options.protocol;
  const auto answer = call(options, "PUT", target_of(options), body.dump());
  return answer ? 0 : failed(answer.error());
}

int remove(const Options& options) {
  const auto answer =
      call(options, "DELETE", target_of(options) + base::url_query({{"owner", options.owner}}));
  return answer ? 0 : failed(answer.error());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{
      "Looks at mc-proxy's routes and changes them.\n\n"
      "Example: mcproxyctl add :443 web.example.net 127.0.0.1:8080 --mode l7 "
      "--tls-cert web.pem",
      "mcproxyctl"};
  app.set_version_flag("--version", "mcproxyctl " + std::string(base::version()));
  app.add_option("--socket", options.socket,
                 "of mc-proxy's admin API (/srv/mc-proxy/mc-proxy.sock)")
      ->type_name("FILE");
  app.add_flag("--json", options.json, "the API's own answer (status, list)");
  app.require_subcommand(1);
  app.fallthrough();
  CLI::App* status_command = app.add_subcommand("status", "listeners, routes and what is wrong");
  CLI::App* list_command = app.add_subcommand("list", "routes");
  CLI::App* add_command = app.add_subcommand("add", "set a route, new or not");
  CLI::App* remove_command = app.add_subcommand("remove", "remove a route");
  for (CLI::App* command : {add_command, remove_command}) {
    command->add_option("LISTENER", options.listener, "\":443\", or its port")->required();
    command->add_option("HOST", options.hostname, "exact host name")->required();
    command->add_option("--owner", options.owner, "who keeps the route (operator)");
  }
  add_command->add_option("BACKEND", options.backend, "host:port")->required();
  add_command->add_option("--mode", options.mode, "l4: TLS passes through; l7: it ends here")
      ->required();
  add_command->add_option("--tls-cert", options.tls_cert, "l7: certificate with its chain")
      ->type_name("FILE");
  add_command->add_option("--tls-key", options.tls_key, "l7: key, when it stands elsewhere")
      ->type_name("FILE");
  CLI::Option* backend_tls = add_command->add_flag(
      "--backend-tls,!--no-backend-tls", options.backend_tls, "l7: speak TLS to the backend");
  add_command->add_option("--backend-protocol", options.protocol, "l7: h1, h2c or tls");
  add_command->add_flag("--send-proxy-protocol", options.send_proxy_protocol,
                        "start backend connections with a PROXY header, v2");
  add_command
      ->add_option("--hold", options.hold,
                   "let requests wait, so long at most, until the route is set without it")
      ->type_name("SECONDS");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (status_command->parsed()) return status(options);
  if (list_command->parsed()) return list(options);
  if (add_command->parsed()) return add(options, backend_tls->count() > 0);
  return remove_command->parsed() ? remove(options) : 2;
}
