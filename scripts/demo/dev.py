"""`make dev`: Dagster's UI on port 3004, over the demo's databases, or over those that the environment names."""

from __future__ import annotations

import os
import sys

from dagster_pipeline.errors import PipelineError
from scripts.demo.environment import OURS, Places, choose_servers, variables

PORT = "3004"


def main() -> None:
    """Become `dagster dev`."""
    named = sorted(name for name in os.environ if name.startswith(OURS) and name.endswith("_URL"))
    if named:
        print(f"Over what the environment names: {', '.join(named)}.")
        environment = {"DAGSTER_HOME": str(Places().dagster_home), **os.environ}
    else:
        print("Over the demo's databases; `make demo` fills them.")
        environment = _demo_variables()
    command = [sys.executable, "-m", "dagster", "dev", "-m", "dagster_pipeline.definitions"]
    os.execve(sys.executable, [*command, "-h", "127.0.0.1", "-p", PORT], environment)  # noqa: S606 - no shell wanted


def _demo_variables() -> dict[str, str]:
    try:
        places = Places()
        servers = choose_servers(places)
        servers.start()
        return variables(servers, places)
    except PipelineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
