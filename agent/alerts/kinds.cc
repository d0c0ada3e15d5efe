#include "agent/alerts/kinds.h"

namespace agent {
namespace {

using base::Millis;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kInfo = Severity::kInfo;
constexpr auto kWarning = Severity::kWarning;
constexpr auto kCritical = Severity::kCritical;

// What a person must decide is told soon; what heals by itself most of the time gets that time.
constexpr AlertKind kKinds[] = {
    {alert::kSourceUnreachable, kWarning, minutes(5), minutes(1)},
    {alert::kCommitNotVerified, kWarning, seconds(10), seconds(10)},
    {alert::kRevisionInvalid, kWarning, seconds(10), seconds(10)},
    {alert::kRemovalsHeld, kWarning, seconds(10), seconds(10)},
    {alert::kServiceStalled, kWarning, seconds(30), seconds(30)},
    {alert::kRolloutFailed, kWarning, seconds(0), minutes(1)},
    {alert::kFlapping, kCritical, seconds(0), minutes(10)},
    {alert::kNotReady, kWarning, minutes(5), minutes(1), true},
    {alert::kDriftNotHealed, kWarning, minutes(10), minutes(1), true},
    {alert::kCertificateExpiring, kWarning, minutes(1), minutes(1)},
    {alert::kDiskNearlyFull, kWarning, minutes(5), minutes(5)},
    {alert::kImageRegistryDenied, kWarning, seconds(30), minutes(1)},
    {alert::kRuntimeUnreachable, kCritical, minutes(1), seconds(30)},
    {alert::kProxyUnreachable, kCritical, minutes(1), seconds(30)},
    {alert::kStateNotWritable, kCritical, minutes(1), seconds(30)},
    {alert::kReportFailing, kInfo, minutes(15), minutes(1)},
    {alert::kReceiverFailing, kWarning, minutes(15), minutes(1)},
    {alert::kAgentStuck, kCritical, seconds(0), seconds(0)},
    {alert::kTest, kInfo, seconds(0), seconds(0)},
};

}  // namespace

std::span<const AlertKind> alert_kinds() {
  return kKinds;
}

const AlertKind* find_kind(std::string_view name) {
  for (const AlertKind& kind : kKinds)
    if (kind.name == name) return &kind;
  return nullptr;
}

}  // namespace agent
