#pragma once

// The reasons that conditions carry. They are stable: alerts and CI match on them.
namespace reconciler::reason {

// Ready=True
inline constexpr char kSucceeded[] = "ReconciliationSucceeded";
inline constexpr char kStopped[] = "Stopped";      // active = false, and nothing runs
inline constexpr char kCompleted[] = "Completed";  // ended as its restart policy allows

// Reconciling=True
inline constexpr char kProgressing[] = "Progressing";
inline constexpr char kProbing[] = "Probing";  // runs, and has not answered yet
inline constexpr char kDependencyNotReady[] = "DependencyNotReady";
inline constexpr char kWaitingForPort[] = "WaitingForPort";  // another of ours is leaving it
inline constexpr char kWatching[] = "Watching";              // has the traffic; not yet trusted
inline constexpr char kDraining[] = "Draining";      // connections of the old container are to end
inline constexpr char kBackingOff[] = "BackingOff";  // between two restarts
inline constexpr char kHandingOver[] =
    "HandingOver";  // another node's; served here until it is there

// Ready=False; retried with back-off
inline constexpr char kImagePullFailed[] = "ImagePullFailed";
inline constexpr char kCreateFailed[] = "CreateFailed";
inline constexpr char kStartFailed[] = "StartFailed";
inline constexpr char kStopFailed[] = "StopFailed";
inline constexpr char kRemoveFailed[] = "RemoveFailed";
inline constexpr char kNameConflict[] = "NameConflict";    // a foreign container has the name
inline constexpr char kHostPortTaken[] = "HostPortTaken";  // a foreign process has the port
inline constexpr char kUnhealthy[] = "Unhealthy";
inline constexpr char kExited[] = "Exited";  // ended, and its restart policy leaves it so
inline constexpr char kFlapping[] = "Flapping";
inline constexpr char kRolloutFailed[] = "RolloutFailed";  // the old container serves on
inline constexpr char kRouteFailed[] = "RouteFailed";      // mc-proxy refuses it
inline constexpr char kProxyUnavailable[] = "ProxyUnavailable";
inline constexpr char kRuntimeUnavailable[] = "RuntimeUnavailable";
inline constexpr char kRegistryUnavailable[] = "RegistryUnavailable";  // the agent's own database
inline constexpr char kSourceUnavailable[] = "SourceUnavailable";

// Stalled=True; waits for another definition
inline constexpr char kDrifted[] = "Drifted";  // changed by others, and drift.heal is false
inline constexpr char kInvalidDefinition[] = "InvalidDefinition";
// It asks for what [policy] of the node's agent forbids; the last good one stays in force.
inline constexpr char kPolicyViolation[] = "PolicyViolation";
inline constexpr char kCommitNotVerified[] = "CommitNotVerified";  // the node; see Source::held
inline constexpr char kHostPortConflict[] = "HostPortConflict";    // two of ours want one port
inline constexpr char kRouteConflict[] = "RouteConflict";          // another has the name
inline constexpr char kPruneHeld[] = "PruneHeld";
inline constexpr char kNoMatchingNode[] = "NoMatchingNode";  // it runs on where it ran
inline constexpr char kSuspended[] = "Suspended";  // it differs, and nothing is done about it
inline constexpr char kWaitingForData[] = "WaitingForData";  // which is on another node

}  // namespace reconciler::reason
