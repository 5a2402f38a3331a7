#!/usr/bin/env python
"""Ask the webserver whether every code location has loaded; standard library only, so that any Python can run it.

Exit codes: 0 all have; 1 one has not, or the webserver does not answer, named on standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request

URL = (
    os.environ.get("SMOKE_URL")
    or f"http://127.0.0.1:{os.environ.get('DAGSTER_WEBSERVER_PORT') or 3004}/graphql"
)
SECONDS = float(os.environ.get("SMOKE_SECONDS") or 120)
QUERY = """
{ workspaceOrError {
    __typename
    ... on PythonError { message }
    ... on Workspace { locationEntries {
        name loadStatus
        locationOrLoadError { __typename ... on PythonError { message } ... on RepositoryLocation { repositories { name } } }
    } }
} }
"""


def problem() -> str:
    """What is wrong right now; empty when nothing is."""
    request = urllib.request.Request(  # noqa: S310 -- an address of ours
        URL, data=json.dumps({"query": QUERY}).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 -- the same
            workspace = json.load(answer)["data"]["workspaceOrError"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{URL} does not answer: {error}"
    if workspace["__typename"] != "Workspace":
        return str(workspace.get("message") or workspace["__typename"])
    entries = workspace["locationEntries"]
    if not entries:
        return "no code location is known"
    for entry in entries:
        loaded = entry["locationOrLoadError"] or {"__typename": "nothing"}
        if entry["loadStatus"] != "LOADED" or loaded["__typename"] != "RepositoryLocation":
            said = str(loaded.get("message") or loaded["__typename"]).strip().splitlines()
            return f"the code location {entry['name']} is {entry['loadStatus']}: {said[-1] if said else ''}"
    return ""


def main() -> int:
    """Ask until it is well, or the time is up."""
    deadline = time.monotonic() + SECONDS
    while found := problem():
        if time.monotonic() > deadline:
            sys.stderr.write(f"error: smoke test: {found}\n")
            return 1
        time.sleep(2)
    sys.stdout.write("Every code location has loaded.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
