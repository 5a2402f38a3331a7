# `make help` lists what there is. Everything runs from .venv, which the first target that needs it creates.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON := .venv/bin/python
INSTALLED := .venv/.installed
DECODERS := $(wildcard dagster_pipeline/connectors/sources/decoding/*.pyx dagster_pipeline/connectors/sources/decoding/*.pxd)
KILLS := $(addprefix tests/,contract/deliveries/test_a_kill_loses_and_doubles_nothing.py integration/snapshots/test_killed_snapshots.py \
	integration/reverse_etl/test_killed_runs_converge.py integration/sync/test_killed_loads_keep_quarantine.py)

.PHONY: help setup demo dev stop test torture e2e stack-load migrations kill-deliveries export-kills check lint types validate plan graph reference type-lab bench alert-test doctor metrics workflows audit constraints clean

help: ## Show this list
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-15s %s\n' "$$name" "$$text"; done

setup: $(INSTALLED) ## Create .venv and install the project with the versions of constraints.txt

# Runs only when what is to be installed changed.
$(INSTALLED): pyproject.toml setup.py constraints.txt scripts/create_venv.sh $(DECODERS)
	@scripts/create_venv.sh
	@touch $@

demo: $(INSTALLED) ## Copy sample data from real PostgreSQL and MariaDB servers into the embedded warehouse, twice, and compare
	@$(PYTHON) -m scripts.demo.run

dev: $(INSTALLED) ## Open Dagster on http://127.0.0.1:3004, over the demo's databases or those that the environment names
	@$(PYTHON) -m scripts.demo.dev

stop: $(INSTALLED) ## End the demo's database servers; their data stays
	@$(PYTHON) -m scripts.servers stop

test: $(INSTALLED) ## Run all tests, servers included; some of them: make test ARGS="tests/unit -k window"
	@$(PYTHON) -m scripts.servers install
	@.venv/bin/pytest -n logical --maxprocesses=4 --dist loadfile --no-loadscope-reorder $(ARGS)

torture: $(INSTALLED) ## Break everything by plan, 200 faults or more, and compare with the sources: make torture SEEDS=34 FIRST=0
	@$(PYTHON) -m scripts.servers install
	@$(PYTHON) -m tests.faults.torture --seeds $(or $(SEEDS),34) --first $(or $(FIRST),0)

e2e: $(INSTALLED) ## Run Dagster as real processes and watch alerts go out, the tests that take minutes too
	@$(PYTHON) -m scripts.servers install
	@.venv/bin/pytest tests/e2e -m "long or not long" $(ARGS)

stack-load: $(INSTALLED) ## Drain 200 queued runs with 50 pages open, over the production instance: make stack-load RUNS=200 PAGES=50
	@$(PYTHON) -m scripts.servers install
	@$(PYTHON) -m tests.e2e.load --runs $(or $(RUNS),200) --pages $(or $(PAGES),50)

migrations: $(INSTALLED) ## Kill the migration of a table at every step, over HTTP and with the embedded engine in it
	@.venv/bin/pytest tests/integration/maintenance/test_migration.py -k killed -m "long or not long" $(ARGS)

kill-deliveries: $(INSTALLED) ## Kill deliveries, snapshots, reverse ETL and loads with a quarantine at every step
	@$(PYTHON) -m scripts.servers install
	@.venv/bin/pytest -m "long or not long" $(KILLS) $(ARGS)

export-kills: $(INSTALLED) ## Kill exports at every moment, into every kind of sink
	@.venv/bin/pytest tests/contract/exports tests/integration/exports -k killed -m "long or not long" $(ARGS)

check: lint types test ## What CI runs: lint, import contracts, types, tests

lint: $(INSTALLED) ## Check style, format and import contracts
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports

workflows: $(INSTALLED) ## Check .github/workflows and the shell scripts: actionlint, zizmor, shellcheck
	@scripts/check_workflows.sh

audit: ## Ask whether a package of constraints.txt has a known vulnerability (pip-audit, in an environment of its own)
	@python3 -m venv .local/audit
	@.local/audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@.local/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off

types: $(INSTALLED) ## Check types
	@.venv/bin/mypy

validate: $(INSTALLED) ## Check every table file below schemas/, and alerts.yml
	@$(PYTHON) scripts/validate_schemas.py

plan: $(INSTALLED) ## Say what the table files would change in the warehouse: make plan ARGS="amtdb/accounts --markdown"
	@$(PYTHON) -m dagster_pipeline plan $(ARGS)

type-lab: $(INSTALLED) ## Run every value of every type through the pipeline and write docs/type-lab.md
	@$(PYTHON) -m scripts.servers install
	@$(PYTHON) -m scripts.type_lab

reference: $(INSTALLED) ## Write the file format anew from the models: schemas/*.schema.json and docs/file-format.md
	@$(PYTHON) -m dagster_pipeline.schema.json_schema
	@$(PYTHON) -m dagster_pipeline.schema.reference

graph: $(INSTALLED) ## Write docs/asset-graph.txt anew: what schemas/ means to Dagster, for a review to see
	@$(PYTHON) -W ignore -m scripts.asset_graph > docs/asset-graph.new && mv docs/asset-graph.new docs/asset-graph.txt

alert-test: $(INSTALLED) ## Send one alert of each kind to the channels that the environment names
	@$(PYTHON) -m dagster_pipeline alert-test

doctor: $(INSTALLED) ## Examine servers, rights, clocks, disks, versions and late tables: make doctor ARGS=--json
	@$(PYTHON) scripts/doctor.py $(ARGS)

metrics: $(INSTALLED) ## Print the metrics of all tables as Prometheus reads them
	@$(PYTHON) -m dagster_pipeline metrics

bench: $(INSTALLED) ## Measure loads against what this machine can do, into docs/benchmarks.md; PEERS=1: the peers too
	@$(PYTHON) -m scripts.bench $(if $(PEERS),--peers) $(ARGS)

constraints: $(INSTALLED) ## Write constraints.txt anew from what .venv holds
	@$(PYTHON) -m pip freeze --exclude-editable --disable-pip-version-check | grep -v ' @ ' > constraints.new
	@mv constraints.new constraints.txt

clean: ## Delete the demo's servers, warehouse, state and run history, and all caches; .venv stays
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m scripts.servers remove; fi
	@rm -rf .local build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find dagster_home -mindepth 1 ! -name 'dagster*.yaml' ! -name workspace.yaml -delete
	@find dagster_pipeline scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +
