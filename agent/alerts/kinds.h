#pragma once

#include <span>
#include <string_view>

#include "agent/view/alerts.h"

// What can be an alert. Names are stable: routes of an Alertmanager match on them. docs/alerts.md
// has a section for each (a test compares).
namespace agent {

struct AlertKind {
  std::string_view name;
  Severity severity;     // at least; a cause can be worse
  base::Millis pending;  // how long it must hold before somebody is told
  base::Millis keep;     // how long it must have ended before that is told
  // About a service; it waits while another alert of that service fires: the cause is that one.
  bool yields = false;
};

namespace alert {
inline constexpr char kSourceUnreachable[] = "SourceUnreachable";
inline constexpr char kCommitNotVerified[] = "CommitNotVerified";
inline constexpr char kRevisionInvalid[] = "RevisionInvalid";
inline constexpr char kRemovalsHeld[] = "RemovalsHeld";
inline constexpr char kServiceStalled[] = "ServiceStalled";
inline constexpr char kRolloutFailed[] = "RolloutFailed";
inline constexpr char kFlapping[] = "Flapping";
inline constexpr char kNotReady[] = "NotReady";
inline constexpr char kDriftNotHealed[] = "DriftNotHealed";
inline constexpr char kCertificateExpiring[] = "CertificateExpiring";
inline constexpr char kDiskNearlyFull[] = "DiskNearlyFull";
inline constexpr char kImageRegistryDenied[] = "ImageRegistryDenied";
inline constexpr char kRuntimeUnreachable[] = "RuntimeUnreachable";
inline constexpr char kProxyUnreachable[] = "ProxyUnreachable";
inline constexpr char kStateNotWritable[] = "StateNotWritable";
inline constexpr char kReportFailing[] = "ReportFailing";
inline constexpr char kReceiverFailing[] = "ReceiverFailing";
inline constexpr char kAgentStuck[] = "AgentStuck";
inline constexpr char kTest[] = "AlertTest";
}  // namespace alert

std::span<const AlertKind> alert_kinds();
// Null: there is none of that name.
const AlertKind* find_kind(std::string_view name);

}  // namespace agent
