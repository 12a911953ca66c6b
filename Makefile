# Everything that is done by hand more than once. `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
# Three workers, each with servers of its own; tests/conftest.py says who gets what. With two, a quarter of two cores stood idle. The
# cores are theirs and their servers': what a library splits between threads there goes mostly into threads that wait, busily.
UNSPLIT := OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=passive
PYTEST := $(UNSPLIT) $(BIN)/python -m perennial.local $(BIN)/pytest -q -n 3 --dist loadscope --no-loadscope-reorder

# The environment belongs to this folder and this lock; a change of either makes it anew.
STAMP = { printf '%s\n' "$(CURDIR)"; cat requirements.lock pyproject.toml; }

# Servers, tasks and commands start in half the time where Python may keep what it has compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test exits faults soak check docs reference screenshots bench mutants env clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

setup: ## Create .venv from requirements.lock (Python 3.11 to 3.14)
	@$(STAMP) | cmp -s - .venv/installed || $(MAKE) --no-print-directory .venv

.PHONY: .venv
.venv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { \
	  echo "Python 3.11 to 3.14 is needed; $(PYTHON) is `$(PYTHON) --version 2>&1`. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: install its venv module (on Debian: apt-get install python3-venv)."; exit 1; }
	@# Scripts in .venv know where they were made: a folder that moved needs new ones.
	@! test -e .venv/installed || test "`head -n 1 .venv/installed`" = "$(CURDIR)" || rm -rf .venv
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@# The lock pins uv with its hashes; uv then installs the rest, trusting the certificates of this system.
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	@$(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .venv/uv.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync -q --require-hashes --system-certs requirements.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install -q --system-certs --no-deps --no-build-isolation -e .
	@$(STAMP) > .venv/installed

demo: setup ## Live some simulated weeks through a real Airflow (DEMO_EXIT=1 stops everything at the end)
	@$(BIN)/perennial demo

check: setup ## Format, lint, types, layers and the fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases docs/tools
	$(BIN)/lint-imports
	$(PYTEST) tests/unit tests/docs

test: check ## Everything, with real PostgreSQL, MLflow and Airflow
	$(PYTEST) --ignore=tests/unit --ignore=tests/docs --ignore=tests/exits tests

exits: setup ## What `perennial export` writes for other systems, in these systems (makes .exits/ with Feast in it)
	@$(BIN)/python -m perennial.local $(BIN)/pytest -q tests/exits

faults: setup ## Kill every operation between any two of its calls, end its servers under it, and look at the whole after each
	@log=`mktemp`; FAULTS=all FAULTS_LOG=$$log \
	  $(PYTEST) tests/faults/test_crash_points.py tests/faults/test_dying_servers.py tests/faults/test_killed_scheduler.py; \
	  status=$$?; sort $$log; rm $$log; exit $$status

soak: setup ## Live two simulated years of two models with faults and bad data; SOAK_WEEKS and SOAK_SEED choose others
	@SOAK_WEEKS=$${SOAK_WEEKS:-104} $(BIN)/python -m perennial.local $(BIN)/pytest -q -s tests/faults/test_soak.py

docs: setup ## Build the documentation site into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Open site/index.html"

reference: setup ## Write the generated pages of docs/reference anew
	@$(BIN)/python -m docs.tools.reference

screenshots: setup ## Take the pictures of docs/pictures from a demo; needs Chromium (PERENNIAL_VAR names one that runs)
	@$(BIN)/python -m docs.tools.screenshots

bench: setup ## Run every benchmark; each measures ours and its peer in one run
	@for script in bench/*.py; do echo "$$script"; $(BIN)/python -m perennial.local $(BIN)/python "$$script" || exit 1; done

mutants: setup ## Make small mistakes in the code on purpose, and count those that the fast tests notice
	@nice -n 15 $(BIN)/python bench/mutants

env: ## Write .env for docker compose: .env.example with fresh secrets; never overwrites
	@$(PYTHON) -I ml/perennial/local/dotenv.py .env.example .env

clean: ## Stop the embedded stack, delete its state (var/) and every cache; .venv and .env stay
	@if [ -x $(BIN)/perennial ] && [ -e var ]; then $(BIN)/perennial down; fi
	rm -rf var site .exits .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
