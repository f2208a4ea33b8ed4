# The verbs of the project. Every one sets up .venv first where that is needed.
.DEFAULT_GOAL := help
READY := .venv/.ready
PY := .venv/bin/python
RAW ?=
RECIPE ?=
JOBS ?=

.PHONY: help setup run test test-gpu check bench fuzz leaderboard board lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): infra/setup.sh infra/requirements.lock infra/text-encoder.lock pyproject.toml
	@bash infra/setup.sh

setup: $(READY)  ## make .venv with the locked packages

run: $(READY)  ## mocap to champion; RAW=<folder or archive> for your own, RECIPE=<name> for recipes/<name>.yaml, JOBS=<n> stages at once
	@$(PY) -m flows.retrain $(if $(RAW),--raw "$(RAW)") $(if $(RECIPE),--recipe "$(RECIPE)") $(if $(JOBS),--jobs "$(JOBS)")

test: $(READY)  ## linters, types, contracts, then all tests but those that need a GPU
	@bash infra/test.sh all

test-gpu: $(READY)  ## tests that need an accelerator
	@$(PY) -m pytest -m gpu

check: $(READY)  ## linters, types, contracts, fast tests
	@bash infra/test.sh fast

bench: $(READY)  ## speed of our hot paths beside the simplest alternatives
	@for file in bench/bench_*.py; do echo "== $$file"; $(PY) $$file || exit 1; done

fuzz: $(READY)  ## break files until a reader does; READER=<suffix> for one, SECONDS=<n> for each (600)
	@bash infra/fuzz.sh "$(or $(READER),all)" "$(or $(SECONDS),600)"

leaderboard: $(READY)  ## every tokenizer and prior side by side, from MLflow; OUT=<folder> (default: leaderboard)
	@.venv/bin/motionlib leaderboard --out "$(or $(OUT),leaderboard)"

board: $(READY)  ## the board in a browser: champion, journal, runs, motions
	@.venv/bin/motionlib board

lock: $(READY)  ## resolve pyproject.toml anew into infra/requirements.lock
	@bash infra/lock.sh

clean:  ## remove .venv (data, models and history stay)
	rm -rf .venv
