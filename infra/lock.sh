#!/usr/bin/env bash
# Resolves pyproject.toml into infra/requirements.lock: hashes, no addresses, no torch (its build is the user's choice).
# The pinned set is known to work together; `fresh` lets everything move within the bounds of pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${PIP_FIND_LINKS:-}" ] && export UV_FIND_LINKS="${UV_FIND_LINKS:-$PIP_FIND_LINKS}"
keep=$(mktemp)
trap 'rm -f "$keep"' EXIT
echo "torch==2.13.0" > "$keep"
[ "${1:-}" = fresh ] || grep -E '^[A-Za-z0-9._-]+(\[.*\])?==' infra/requirements.lock | sed 's/ \\$//' >> "$keep"
.venv/bin/uv pip compile --quiet --generate-hashes --no-emit-package torch --no-annotate --no-header \
  pyproject.toml --extra pipeline --extra smpl --extra scale --extra captioning --extra dev -c "$keep" -o infra/requirements.lock.new
mv infra/requirements.lock.new infra/requirements.lock
