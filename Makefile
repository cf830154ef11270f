# `make search` and `make test` do all the set-up on a fresh machine: Python 3.11 or newer and make.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: search test slow browser lint docs notebook dist benchmarks clean

search: .venv/installed ## search a policy on the shipped data; ARGS="--trials 60" for other settings
	$(BIN)/policysearch search $(ARGS)

test: .venv/installed-test ## the quick tests, some 6 minutes on 2 cores
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

slow: .venv/installed-test ## the tests marked slow (20 minutes): real kills, Ray nodes that come and go, the wheel
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow $(ARGS)

browser: .venv/installed-test ## the service's pages and reports in a real browser; apt-get install --no-install-recommends chromium
	$(BIN)/python -m pytest -m browser tests/service/browser tests/reports/browser $(ARGS)

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed-docs ## the guide, the API and the notebook as pages in build/site; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --config-file docs/mkdocs.yml

notebook: .venv/installed-docs ## runs the notebook anew, and keeps what it prints and draws
	$(BIN)/python docs/notebook.py

dist: .venv/installed-release ## wheel and source distribution in dist/, checked
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*

benchmarks: .venv/installed-benchmarks ## the measurements of results/benchmarks, then all of them against their targets
	-$(BIN)/python results/benchmarks/record.py
	-$(BIN)/python results/benchmarks/replay.py
	-$(BIN)/python results/benchmarks/scale.py
	-$(BIN)/python results/benchmarks/controller.py
	-$(BIN)/python results/benchmarks/search.py
	-$(BIN)/python results/benchmarks/startup.py
	-$(BIN)/python results/benchmarks/child.py
	-$(BIN)/python results/benchmarks/pools.py
	-$(BIN)/python results/benchmarks/checkpoints.py
	-$(BIN)/python results/benchmarks/memory.py
	-$(BIN)/python results/benchmarks/augmentation.py
	-$(BIN)/python results/benchmarks/exports.py
	-$(BIN)/python results/benchmarks/service.py
	$(BIN)/python results/benchmarks/targets.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "policysearch needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/installed-test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch .venv/installed $@

.venv/installed-docs: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch .venv/installed $@

.venv/installed-release: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[release]'
	@touch .venv/installed $@

.venv/installed-benchmarks: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,benchmarks]'
	@touch .venv/installed .venv/installed-test $@

clean:
	rm -rf .venv build dist *.egg-info
