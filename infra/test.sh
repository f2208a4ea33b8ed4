#!/usr/bin/env bash
# What reviewers' machines run, in this order. usage: test.sh fast|all
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 DO_NOT_TRACK=true DVC_NO_ANALYTICS=1
bin=.venv/bin
step() { printf '\n== %s\n' "$*"; }

step "ruff";         $bin/ruff format --check --quiet . ; $bin/ruff check --quiet .
step "mypy";         $bin/mypy
step "import-linter"; $bin/lint-imports
if [ "${1:-all}" = fast ]; then
  step "fast tests"; $bin/python -m pytest -n 2 -q -m "not slow and not gpu"
else
  step "all tests"
  rm -f .coverage .coverage.*
  $bin/python -m pytest -n 2 -q -m "not gpu and not alone" --cov --cov-report=
  $bin/python -m pytest -q -m "alone and not gpu" --cov --cov-append --cov-report=term:skip-covered --cov-fail-under=85
fi
