"""One table through quickhouse, with its own defaults."""

import json
import sys
import time

import quickhouse

job = json.loads(sys.argv[1])
source = (
    quickhouse.Postgres(job["source"]) if job["dialect"] == "postgres" else quickhouse.MySQL(job["source"])
)
target = quickhouse.ClickHouse(f"http://{job['http_host']}:{job['http_port']}", database=job["database"])
began = time.monotonic()
more = {"mode": "incremental", "watermark": "updated_at"} if job["incremental"] else {"mode": "full"}
quickhouse.sync(source, target, dest_table=job["table"], source_table=job["table"], key=["id"], **more)
print(json.dumps({"seconds": time.monotonic() - began, "loaded": f"{job['database']}.{job['table']}"}))
