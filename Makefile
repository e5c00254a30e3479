# Everything happens in .venv, from pinned dependencies. PYTHON=python3.12 chooses another interpreter.
PYTHON ?= python3
BIN := .venv/bin
LIGHT := .venv-light/bin
PLUGINS := $(sort $(dir $(wildcard plugins/*/pyproject.toml)))
EDITABLE := $(foreach plugin,$(PLUGINS),-e $(plugin))
PINNED := $(CURDIR)/constraints.txt

export PIP_CONSTRAINT := $(PINNED)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help:
	@echo "make refresh     refresh the example registry's model from the newer table, in build/example"
	@echo "make test        the whole test suite"
	@echo "make coverage    the same with COVERAGE=1: measured, and failed below the bound in pyproject.toml"
	@echo "make test-light  the tests of the light commands, in an environment without torch and its like"
	@echo "make stress      many writers of one registry at once, ten times over"
	@echo "make fuzz        tens of thousands of spoilt registries, sidecars and graphs"
	@echo "make mutants     edits of what decides, and which of them no test notices; long"
	@echo "make check       lint, formatting, types, import rules"
	@echo "make docs        the docs site, in build/docs, its links checked; docs/checks.md and docs/sidecar.md are made anew"
	@echo "make constraints constraints.txt anew, from pyproject.toml"
	@echo "make bench       refresh and training against plain PyTorch loops, tinyai validate against check-jsonschema"
	@echo "make clean       remove everything that make has made"

.venv/.installed: constraints.txt pyproject.toml $(addsuffix pyproject.toml,$(PLUGINS))
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -e ".[lab,tables,dask,sign,site,dev]" $(EDITABLE)
	@touch $@

# What a maintainer runs now and then, on top of that.
.venv/.maintained: .venv/.installed
	$(BIN)/python -m pip install --quiet -e ".[maintain]"
	@touch $@

# What builds the docs site.
.venv/.documented: .venv/.installed
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	@touch $@

.venv-light/.installed: constraints.txt pyproject.toml $(addsuffix pyproject.toml,$(PLUGINS))
	$(PYTHON) -m venv .venv-light
	$(LIGHT)/python -m pip install --quiet -e . $(EDITABLE) pytest hypothesis
	@touch $@

.PHONY: refresh
refresh: .venv/.installed
	rm -rf build/example
	mkdir -p build
	cp -R examples build/example
	cd build/example && ../../$(BIN)/tinyai refresh fr_regressor_v1 \
	    --reason "The encodes were made anew; the shipped checkpoint was trained on the older table."
	cd build/example && ../../$(BIN)/tinyai validate

.PHONY: test
test: .venv/.installed
	$(if $(COVERAGE),$(BIN)/python -m coverage erase)
	$(BIN)/python $(if $(COVERAGE),-m coverage run) -m pytest -n auto
	$(if $(COVERAGE),$(BIN)/python -m coverage combine --quiet)
	$(if $(COVERAGE),$(BIN)/python -m coverage report)

.PHONY: coverage
coverage:
	$(MAKE) test COVERAGE=1

.PHONY: test-light
test-light: .venv-light/.installed
	$(LIGHT)/python -m pytest tests/test_light.py tests/documents tests/attacks

.PHONY: check
check: .venv/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Pins that still fit stay as they are; `make constraints UPGRADE="--upgrade-package numpy"` moves one.
# torch loses its local version (+cpu), so that any build of the release will do; an extra that names another of ours is
# no pin of ourselves.
.PHONY: constraints
constraints: .venv/.maintained
	CUSTOM_COMPILE_COMMAND="make constraints" $(BIN)/python -m piptools compile --quiet --all-extras --strip-extras \
	    --no-allow-unsafe --no-build-isolation --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    $(UPGRADE) --output-file constraints.txt pyproject.toml
	sed -i.unstripped -e 's/^\(torch==[0-9.]*\)+.*/\1/' -e '/^tinyai-registry @/d' constraints.txt && rm constraints.txt.unstripped

.PHONY: docs
docs: .venv/.documented
	$(BIN)/python -m tinyai_registry.checks.page > docs/checks.md
	$(BIN)/python -m tinyai_registry.documents.sidecar_page > docs/sidecar.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict # not --quiet, which hides warnings from --strict

.PHONY: stress
stress: .venv/.installed
	for round in 1 2 3 4 5 6 7 8 9 10; do $(BIN)/python -m pytest tests/store/test_concurrency.py || exit 1; done

# ONLY="tinyai_registry.lab.metrics*" tries those alone; `.venv/bin/mutmut show NAME` prints the edit that survived.
.PHONY: mutants
mutants: .venv/.maintained
	$(BIN)/mutmut run $(ONLY)
	$(BIN)/mutmut results

.PHONY: fuzz
fuzz: .venv/.installed
	$(BIN)/python -m pytest tests/fuzz --hypothesis-profile=nightly

.PHONY: bench
bench: .venv/.installed
	$(BIN)/python bench/refresh.py
	$(BIN)/python bench/training.py
	$(BIN)/python bench/publish.py
	$(BIN)/python bench/validate.py
	$(if $(wildcard ../shared/data),$(BIN)/python bench/refresh_all.py && $(BIN)/python bench/tables.py)
	$(BIN)/python bench/see.py
	$(BIN)/python bench/size.py

.PHONY: clean
clean:
	rm -rf .venv .venv-light build dist mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f .coverage .coverage.*
