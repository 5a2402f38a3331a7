"""One table through Sling's binary, with its own defaults."""

import json
import os
import subprocess
import sys
import time

from sling_linux_amd64 import SLING_BIN

job = json.loads(sys.argv[1])
source = job["source"].replace("postgresql://", "postgres://")
if job["dialect"] == "postgres":
    source += "?sslmode=disable"
target = f"http://default@{job['http_host']}:{job['http_port']}/{job['database']}"
os.environ |= {
    "BENCH_SOURCE": source,
    "BENCH_TARGET": json.dumps({"type": "clickhouse", "http_url": target, "database": job["database"]}),
    "SLING_HOME_DIR": job["home"],
}
stream = f"public.{job['table']}" if job["dialect"] == "postgres" else f"bench.{job['table']}"
loaded = f"{job['database']}.{job['table']}"
mode = ["--mode", "incremental", "--primary-key", "id", "--update-key", "updated_at"]
if not job["incremental"]:
    mode = ["--mode", "full-refresh", "--primary-key", "id"]
command = [SLING_BIN, "run", "--src-conn", "BENCH_SOURCE", "--src-stream", stream]
began = time.monotonic()
done = subprocess.run([*command, "--tgt-conn", "BENCH_TARGET", "--tgt-object", loaded, *mode], check=False)
print(json.dumps({"seconds": time.monotonic() - began, "loaded": loaded}))
sys.exit(done.returncode)
