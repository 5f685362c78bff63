# The workbook's verbs. `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# uv itself is pinned in the lock too, so there is one place to change it
UV_PIN := uv==$(shell sed -n "s/^uv==\([0-9.]*\).*/\1/p" requirements.lock)
# what stands in .venv: the packages of the core, or those of every group
CORE  := $(VENV)/.core
WHOLE := $(VENV)/.complete
# one test process more than cores: many tests wait for servers and kernels
WORKERS := $(shell $(PYTHON) -c 'import os; print(os.cpu_count() + 1)')

TESTS   := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --durations 10 --durations-min 1 --ignore tests/stack

# some machines set it; every Python process would then compile thousands of files anew, which takes seconds
run lab check quick test coverage stack drift lessons screenshots exercises site: export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help setup run lab check quick test coverage stack drift bench lessons screenshots site badges dist exercises lock clean env up down logs users backup restore upgrade

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: $(WHOLE)  ## build .venv from requirements.lock (nothing to do the second time)

$(CORE): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit("Found Python %d.%d. Expected 3.11 to 3.13. Name one: make PYTHON=python3.11 setup" % v)'
	@echo "The packages of the core are installed once, 1.2 GB. That takes a minute, or some where the network is slow."
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV_PIN)
	$(BIN)/uv pip install --quiet --constraint requirements.lock --requirement pyproject.toml
	$(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

$(WHOLE): $(CORE)
	@echo "The packages of all groups are installed once, 3.7 GB with those of the core."
	$(BIN)/uv pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	@touch $@

lock:  ## resolve pyproject.toml into requirements.lock for every platform
	$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  --no-emit-package nvidia-nccl-cu12 --no-emit-package nvidia-nccl-cu13 --no-emit-package rfc3987-syntax --no-emit-package lark \
	  --upgrade --output-file requirements.lock

run: setup  ## execute every lesson and log its runs to the workbook's own store
	$(BIN)/mlworkbench run $(ARGS)

lab: $(CORE)  ## open JupyterLab on lesson 0, with the packages of the core alone
	$(BIN)/mlworkbench lab $(ARGS)

check: setup  ## lint, check types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

quick: check  ## that, and every test that starts no kernel, server or database
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --ignore tests/stack -m "not processes and not slow" $(ARGS)

test: check  ## lint, type check and test everything (ARGS="-k promote" for a part)
	$(TESTS) $(ARGS)

# tracing takes two fifths more of the processor, so it is a verb of its own
coverage: setup  ## test everything and measure how much of the packages that covers: at least 90 %
	$(TESTS) --cov --cov-fail-under 90

stack: setup  ## test the containers (REQUIRE_ENGINE=1: start an engine where none runs; skip nothing)
	$(BIN)/python -m pytest tests/stack --numprocesses 2 --durations=0 --durations-min=2 $(ARGS)

drift: setup  ## lessons and tests of the core on the newest and the oldest releases allowed (ARGS=oldest for one end)
	$(BIN)/python -m tests.drift $(ARGS)

bench: setup  ## measure every speed claim against the plain way, and write docs/performance.md (ARGS=bench_sweep for one)
	$(BIN)/python -m benchmarks $(ARGS)

lessons: setup  ## execute lessons and store their outputs in them (ARGS="1.2" for one)
	$(BIN)/python -m tests.lessons.store_outputs $(ARGS)

screenshots: setup  ## make the pictures of lessons anew that are out of date (ARGS="1.2" for one; needs Chromium)
	$(BIN)/python docs/screenshots.py $(ARGS)

site: setup  ## build the site from the stored outputs, into build/site; its first page is build/site/index.html
	@$(BIN)/python -m sphinx -q -W --keep-going -c docs/site . build/site || { echo "Found: what the lines above name. \
	Expected: no warning, such as of a link that leads nowhere. Do this: mend each at its file and line." >&2; exit 1; }

badges:  ## write the badges of the README for the repository that this clone comes from
	$(PYTHON) docs/badges.py

dist: setup  ## build what a release publishes, into dist: the wheel and the lock
	$(BIN)/uv build --quiet --wheel --out-dir dist
	cp requirements.lock dist

exercises: setup  ## release the exercises from their solutions
	$(BIN)/python -c "from pathlib import Path; from mlcourse.exercises import release; release(Path('notebooks/exercises'))"

env:  ## write .env with random secrets; PROFILES="classroom s3 ray" chooses what is in the stack
	@$(if $(filter-out undefined,$(origin PROFILES)),PROFILES="$(PROFILES)") docker/make-env

up: env  ## build and start JupyterLab, MLflow and PostgreSQL in containers
	docker compose up --detach --build --wait
	@. ./.env && echo "JupyterLab  http://localhost:$$JUPYTER_PORT/lab?token=$$JUPYTER_TOKEN" && echo "MLflow      http://localhost:$$MLFLOW_PORT"

down:  ## stop the containers; runs, artifacts and notebooks stay
	docker compose down

logs:  ## follow what the containers say
	docker compose logs --follow --tail 100

users:  ## in the profile classroom: NAMES="ada bob" get a user and a workspace each
	docker compose exec -T mlflow python /opt/users.py $(NAMES)

backup:  ## save database and artifacts to backups/
	docker/backup

restore:  ## put BACKUP=backups/... into an empty stack
	docker/restore "$(BACKUP)"

upgrade: backup  ## rebuild the images, and bring the database to the schema of their MLflow
	docker compose build
	docker/upgrade

clean:  ## remove the environment, the store and everything else that was made
	rm -rf .venv .mlworkbench build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage
