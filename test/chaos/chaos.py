"""Does one thing after the other to a fleet under load, and says what was lost; see run.sh."""

import argparse
import os
import re
import signal
import sys
import time

from faults import all_faults
from fleet import Fleet, Limits, TooLong
from load import Load

ROUTED = ("s1", "s2", "s3", "steady")
PLAIN = ("job",)
SETTLE = 0.5  # seconds of load after convergence: what comes late is seen too


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--patience", type=float, default=1)
    return parser.parse_args()


def try_fault(fault, fleet, load):
    """A row of the table, and whether it is as expected."""
    fleet.wait_converged(60)
    before = fleet.picture()
    load.forget()
    fleet.fault_over = 0.0
    wrong = []
    converged = None
    try:
        fault.run(fleet)
        fleet.fault_over = fleet.fault_over or time.monotonic()
        converged = fleet.wait_converged(fault.converge)
    except TooLong as late:
        wrong.append(str(late))
        print(fleet.told(before["events"]), file=sys.stderr)
    time.sleep(SETTLE)
    asked, losses = load.outcome()
    touched = set(fleet.generation) if "*" in fault.touched else set(fault.touched)
    if converged is None:
        fleet.restore()
    try:
        state = fleet.losses(before, touched, fault.registry_lost, fault.removes)
    except (OSError, KeyError, RuntimeError) as error:
        state = [f"cannot be said: {error!r}"]
    for host, (count, down, why) in losses.items():
        mine = fault.shared or host.split(".")[0] in touched
        allowed = fault.outage * Limits.patience if mine else 0
        if allowed == 0 or down > allowed:
            wrong.append(f"{host} lost {count} in {down:.2f} s: {why}")
    wrong += state
    count = sum(loss[0] for loss in losses.values())
    down = max((loss[1] for loss in losses.values()), default=0.0)
    row = (fault.name, f"{asked}", f"{count} in {down:.1f} s" if count else "0", fault.expected,
           "-" if converged is None else f"{converged:.1f}",
           "; ".join(state) or "none", "FAILED" if wrong else "ok")
    return row, wrong


def print_row(row, widths=(44, 8, 14, 52, 8, 12, 6)):
    print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |",
          flush=True)


def main():
    options = arguments()
    Limits.patience = options.patience
    # An interrupted run cleans up as any other.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    end = time.monotonic() + options.minutes * 60
    faults = [fault for fault in all_faults(options.seed, options.quick)
              if re.search(options.only, fault.name) and (fault.quick or not options.quick)]
    print(f"seed {options.seed}: {len(faults)} faults, {options.minutes:g} minutes at most")
    fleet = load = None
    failures = []
    begun = time.monotonic()
    try:
        fleet = Fleet(options.work, options.binaries, ROUTED, PLAIN)
        fleet.wait_converged(120)
        load = Load(fleet.port, fleet.ca, [fleet.host(name) for name in ROUTED])
        print(f"ready after {time.monotonic() - begun:.0f} s; load: {2 * len(ROUTED)} clients\n")
        print_row(("fault", "requests", "lost", "lost by nature", "converge", "state lost",
                   "verdict"))
        print_row(("---",) * 7)
        for number, fault in enumerate(faults):
            if time.monotonic() > end:
                print(f"\n{len(faults) - number} faults were not tried: the time is over")
                break
            row, wrong = try_fault(fault, fleet, load)
            print_row(row)
            failures += [f"{fault.name}: {what}" for what in wrong]
    except TooLong as late:
        failures.append(str(late))
    finally:
        if load:
            load.stop()
        if fleet:
            if failures:
                print(fleet.last_words(), file=sys.stderr)
            fleet.end()
    print(f"\n{time.monotonic() - begun:.0f} s, seed {options.seed}: "
          f"{len(failures)} violations" + "".join(f"\n  {what}" for what in failures))
    return 1 if failures else 0


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
