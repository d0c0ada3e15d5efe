#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/alerts/causes.h"
#include "base/core/time.h"

// [alerts] of the agent's configuration.
namespace agent {

struct ReceiverOptions {
  enum class Type { kWebhook, kAlertmanager, kNtfy, kEmail };
  Type type = Type::kWebhook;
  std::string name;             // default: its type
  std::string url;              // all but email
  std::string url_file;         // its first line is the URL: where that is a secret itself
  std::string secret_file;      // webhook: key of the signature; else a token, or user:password
  std::string ca_file;          // PEM of whom to trust; empty: the system's
  std::vector<std::string> to;  // email
  std::string from;             // email; empty: as sendmail has it
  std::string sendmail = "/usr/sbin/sendmail";
  Severity min_severity = Severity::kInfo;
  base::Millis repeat{-1};  // below zero: as all
};
std::string_view name(ReceiverOptions::Type type);

struct AlertsOptions {
  std::vector<ReceiverOptions> receivers;
  base::Millis group{10'000};
  base::Millis pause{60'000};
  base::Millis repeat = std::chrono::hours(4);
  std::map<std::string, base::Millis, std::less<>> pending;  // by kind
  std::set<std::string, std::less<>> disabled;               // kinds
  std::optional<base::Millis> keep;                          // none: each kind's own
  CauseOptions causes;
  std::string manual = "docs/alerts.md";
  base::Millis stuck_after = std::chrono::minutes(3);
  struct Heartbeat {
    std::string url;  // empty, with url_file: there is none
    std::string url_file;
    std::string ca_file;
    base::Millis interval{60'000};
    bool wanted() const { return !url.empty() || !url_file.empty(); }
  } heartbeat;
};

}  // namespace agent
