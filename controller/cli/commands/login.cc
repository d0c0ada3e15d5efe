#include "controller/fleet/login.h"

#include <chrono>
#include <istream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/jwt/jwt.h"
#include "controller/cli/commands/commands.h"
#include "controller/cli/describe.h"
#include "controller/cli/interrupt.h"
#include "controller/cli/prompt.h"
#include "controller/cli/session.h"
#include "controller/cli/token.h"

namespace controller {
namespace {

using base::Code;
using base::make_error;

struct Options {
  std::string user;
  std::string code;
  bool password_stdin = false;
  bool status = false;
};

Failure interrupted() {
  return {Exit::kInterrupted, make_error(Code::kInternal, "the login was broken off")};
}

// A mistake in mcp.toml is none in the definitions.
Failure misconfigured(base::Error error) {
  const Exit exit = error.code == Code::kInvalid ? Exit::kFailed : exit_of(error.code);
  return {exit, std::move(error)};
}

tl::expected<std::string, Failure> ask(const std::string& question, Echo echo) {
  const auto answer = ask_person(question, echo);
  if (!answer)
    return tl::unexpected(
        usage(answer.error().message,
              "in a script: --user NAME --password-stdin, with --totp CODE where a "
              "code is asked for"));
  if (!*answer) return tl::unexpected(interrupted());
  return **answer;
}

Outcome keep(Session& session, const std::string& server, const std::string& token) {
  const auto path = token_path(session.environment(), session.config());
  MCP_CHECK(store_token(path, token));
  const auto hint = base::peek_jwt(token);
  const std::string until = hint && hint->expires ? base::to_rfc3339(*hint->expires) : "";
  Json document;
  document["server"] = server;
  document["tokenPath"] = path.string();
  document["expires"] = until.empty() ? Json() : Json(until);
  session.emit(document, {path.string()}, [&] {
    return "logged in at " + server + (until.empty() ? "" : " until " + until) +
           "; the token is in " + path.string() + "\n";
  });
  if (!session.environment().token.empty())
    session.warn("MCP_TOKEN is set, and counts more than that file");
  return Exit::kDone;
}

tl::expected<std::string, Failure> password_of(Session& session, const Options& options) {
  if (!options.password_stdin) return ask("Password", Echo::kHidden);
  std::string line;
  std::getline(session.terminal().in, line);
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty())
    return tl::unexpected(
        usage("there is no password on the standard input",
              "printf %s \"$PASSWORD\" | mcp login --user NAME --password-stdin"));
  return line;
}

Outcome login_with_password(Session& session, const Options& options) {
  const Config::Mcias& mcias = session.config().mcias;
  const MciasServer server{mcias.server_url, mcias.ca_cert, mcias.service_name, mcias.tags};
  MciasCredentials credentials{options.user, {}, options.code};
  if (credentials.user.empty()) {
    auto user = ask("User at " + server.url, Echo::kShown);
    if (!user) return user.error();
    credentials.user = *user;
  }
  auto password = password_of(session, options);
  if (!password) return password.error();
  credentials.password = *password;
  auto answer = login_at_mcias(server, credentials);
  if (answer && answer->wants_code) {
    auto code = ask("Code", Echo::kShown);
    if (!code) return code.error();
    credentials.code = *code;
    answer = login_at_mcias(server, credentials);
  }
  if (!answer) return misconfigured(answer.error());
  return keep(session, server.url, answer->token);
}

Outcome login_with_device(Session& session) {
  const Config::Oidc& oidc = session.config().oidc;
  const auto scopes =
      oidc.scopes.empty() ? std::vector<std::string>{"openid", "profile"} : oidc.scopes;
  auto login = DeviceLogin::start({oidc.issuer, oidc.client_id, oidc.ca_cert, scopes});
  if (!login) return misconfigured(login.error());
  session.terminal().err << "Open " << login->page() << " and enter the code " << login->user_code()
                         << "\n";
  if (!login->full_page().empty())
    session.terminal().err << "or open " << login->full_page() << "\n";
  session.terminal().err.flush();
  Interrupt interrupt;
  const auto end = std::chrono::steady_clock::now() + login->expires_in();
  while (std::chrono::steady_clock::now() < end) {
    if (interrupt.wait(login->interval())) return interrupted();
    const auto token = login->poll();
    if (token && *token) return keep(session, oidc.issuer, **token);
    // The network may come back (RFC 8628 section 3.5); an answer of the provider is final.
    if (!token && token.error().code != Code::kUnavailable && token.error().code != Code::kTimeout)
      return misconfigured(token.error());
  }
  return make_error(Code::kUnauthenticated, "nobody entered the code in time",
                    "start again: mcp login");
}

Outcome show_status(Session& session) {
  const std::string token = current_token(session.environment(), session.config());
  if (token.empty())
    return make_error(Code::kUnauthenticated, "not logged in", "log in: mcp login");
  const std::string from = session.environment().token.empty()
                               ? token_path(session.environment(), session.config()).string()
                               : "MCP_TOKEN";
  const auto hint = base::peek_jwt(token);
  if (!hint)
    return make_error(Code::kUnauthenticated, "what is in " + from + " is not a token",
                      "log in: mcp login");
  const std::string until = hint->expires ? base::to_rfc3339(*hint->expires) : "";
  if (hint->expires && *hint->expires <= now())
    return make_error(Code::kUnauthenticated, "the token in " + from + " expired at " + until,
                      "log in again: mcp login");
  Json document;
  document["from"] = from;
  document["subject"] = hint->subject;
  document["issuer"] = hint->issuer;
  document["expires"] = until.empty() ? Json() : Json(until);
  session.emit(document, {hint->subject}, [&] {
    return "logged in as " + hint->subject + " of " + hint->issuer +
           (until.empty() ? "" : " until " + until) + ", with the token in " + from + "\n";
  });
  return Exit::kDone;
}

Outcome login(Session& session, const Options& options) {
  if (options.status) return show_status(session);
  const bool password = options.password_stdin || !options.user.empty() || !options.code.empty();
  if (!session.config().oidc.issuer.empty() && !password) return login_with_device(session);
  if (!session.config().mcias.server_url.empty()) return login_with_password(session, options);
  const std::string file = session.config().file.empty()
                               ? session.environment().config_home + "/mcp/mcp.toml"
                               : session.config().file;
  return Failure{
      Exit::kFailed,
      base::invalid("nothing says where to log in",
                    "set server_url in [mcias], or issuer and client_id in [oidc], in " + file)};
}

Outcome logout(Session& session) {
  const auto path = token_path(session.environment(), session.config());
  Environment file_alone = session.environment();
  file_alone.token.clear();
  const std::string token = current_token(file_alone, session.config());
  std::error_code error;
  const bool removed = std::filesystem::remove(path, error);
  if (error)
    return make_error(Code::kInternal, "cannot remove " + path.string() + ": " + error.message());
  const Config::Mcias& mcias = session.config().mcias;
  const auto hint = base::peek_jwt(token);
  const bool of_mcias = hint && hint->issuer != session.config().oidc.issuer;
  if (of_mcias && !mcias.server_url.empty())
    if (const auto revoked = logout_at_mcias(
            {mcias.server_url, mcias.ca_cert, mcias.service_name, mcias.tags}, token);
        !revoked)
      return misconfigured(revoked.error().within("the token is removed here, but still good"));
  Json document;
  document["removed"] = removed;
  session.emit(document, {}, [&] {
    return removed ? "logged out; " + path.string() + " is gone\n" : "not logged in\n";
  });
  if (!session.environment().token.empty()) session.warn("MCP_TOKEN is still set");
  return Exit::kDone;
}

}  // namespace

Command login_command() {
  auto options = std::make_shared<Options>();
  return {
      .name = "login",
      .summary = "Get a token for agents at https addresses, and keep it",
      .details =
          "At the OIDC provider of [oidc] in mcp.toml, by a code that is entered on a web page; "
          "else,\n"
          "or with --user, at the MCIAS of [mcias] with name, password and, where one is asked "
          "for, a\n"
          "TOTP code. The token is kept in ~/.config/mcp/token (mode 0600); MCP_TOKEN counts "
          "more.\n"
          "Agents at Unix sockets and ssh addresses need none.",
      .example =
          "mcp login\n"
          "mcp login --user alice --password-stdin < password\n"
          "mcp login --status",
      .flags = {{"--user", &options->user, "NAME", "the name at MCIAS"},
                {"--password-stdin", &options->password_stdin, "",
                 "read the password from the standard input, one line"},
                {"--totp", &options->code, "CODE", "the code, where one is asked for"},
                {"--status", &options->status, "", "only say who is logged in, and until when"}},
      .run = [options](Session& session) { return login(session, *options); },
  };
}

Command logout_command() {
  return {
      .name = "logout",
      .summary = "Remove the token, and have MCIAS revoke it",
      .details = "A token of an OIDC provider cannot be revoked; it ends by itself.",
      .example = "mcp logout",
      .run = logout,
  };
}

}  // namespace controller
