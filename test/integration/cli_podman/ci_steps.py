#!/usr/bin/env python3
"""ci_steps.py TEMPLATE JOB: the shell steps of one job of a template in deploy/ci, as one script.

What the service fills in (${{ ... }}) has to be in the environment already."""

import sys

import yaml

MARK = "${{"


def steps(job):
    """Each command with the variables that it gets."""
    if "script" in job:  # GitLab
        assert job["image"] == "$MCP_IMAGE" and job["rules"], job
        return [({}, command) for command in job["script"]]
    assert job["runs-on"] and job["container"] and job["if"], job
    return [(step.get("env", {}), step["run"]) for step in job["steps"] if "run" in step]


def main():
    template, name = sys.argv[1:]
    with open(template, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    job = document.get("jobs", document)[name]
    print("set -eu")
    for variables, command in steps(job):
        assert MARK not in command, f"text of others becomes a command: {command}"
        for variable in variables:
            print(f': "${{{variable}?}}"')
        print(command)


main()
