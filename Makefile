# The menu. `make` alone prints it.
#
# Everything happens in an environment of its own, .venv, made by the first target that needs it.

PYTHON ?= python3
BIN := .venv/bin

# Where MNIST is looked for first: what you set, or a folder "shared" beside this one.
ifndef PELLUCID_DATA
ifneq ($(wildcard ../shared/mnist),)
PELLUCID_DATA := $(abspath ../shared)
endif
endif
export PELLUCID_DATA

.DEFAULT_GOAL := help

.PHONY: help
help:  ## print this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: train
train: .venv/train.done  ## make the environment, install, train 784-128-64-10 on MNIST
	$(BIN)/pellucid train

.PHONY: test
test: .venv/test.done  ## make the environment, install, run the tests (EVERYTHING=1: the slow ones and PyTorch, too)
	$(BIN)/python -m pytest --numprocesses auto $(if $(EVERYTHING),--slow)

.PHONY: check
check: lint .venv/test.done  ## before each commit: format, lint, types, import contracts, fast tests
	$(BIN)/python -m pytest -q --numprocesses auto

.PHONY: lint
lint: .venv/lint.done .venv/node.done  ## format, lint, types (the page's, too), import contracts
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/node build/node/node_modules/typescript/bin/tsc --project tests/web/jsconfig.json

.PHONY: format
format: .venv/lint.done  ## format the code
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format

.PHONY: bench
bench: .venv/test.done  ## measure: the reference engine beside NumPy written by hand
	$(BIN)/python -m benchmarks.reference_epoch

.PHONY: peers
peers: .venv/bench.done  ## measure: our engines beside NumPy, PyTorch, JAX, scikit-learn and onnxruntime
	$(BIN)/python -m benchmarks.run --threads 2 --out build/peers

.PHONY: stub
stub: .venv/test.done  ## write anew what Python's type checker knows of the C++ module
	$(BIN)/python -m nanobind.stubgen --quiet --pattern-file cpp/stub.patterns \
		--module pellucid.engines._native --output-file src/pellucid/engines/_native.pyi

.PHONY: sanitize
sanitize: .venv/test.done  ## test the native engine under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer
	PATH="$(abspath $(BIN)):$$PATH" tests/native/sanitize $(BIN)/python

.PHONY: bundled
bundled: .venv/train.done  ## train the model that comes with the package anew: the same bytes, where native:avx2 runs
	rm -rf build/bundled
	$(BIN)/pellucid train --data mnist --recipe best --engine native:avx2 --out build/bundled
	cp build/bundled/model.safetensors src/pellucid/formats/bundled/mnist.safetensors

.PHONY: pictures
pictures: .venv/train.done  ## draw the pictures of the README anew, from a real run
	$(BIN)/python docs/pictures.py

.PHONY: clean
clean:  ## remove the environment and what tools left behind
	rm -rf .venv build .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# Installed once, and again when pyproject.toml or the C++ changes.
NATIVE := CMakeLists.txt $(wildcard cpp/*.h cpp/*.cpp cpp/*/*.h cpp/*/*.cpp)

.venv/pip.done:
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Pellucid needs Python 3.11 or newer; this is {v[0]}.{v[1]}. Try: make PYTHON=python3.12 train")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --group build
	touch $@

.venv/train.done: .venv/pip.done pyproject.toml $(NATIVE)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[plots]'
	touch $@

.venv/lint.done: .venv/test.done  # types are checked against what the tests import, too
	$(BIN)/python -m pip install --quiet --group lint
	touch $@

.venv/node.done: .venv/lint.done tests/web/package.json
	mkdir -p build/node && cp tests/web/package.json build/node/
	cd build/node && PATH="$(abspath $(BIN)):$$PATH" $(abspath $(BIN))/npm install --silent --no-package-lock --no-audit --no-fund
	touch $@

.venv/test.done: .venv/train.done $(if $(EVERYTHING),.venv/compare.done)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[all]' --group test
	touch $@

.venv/bench.done: .venv/test.done
	$(BIN)/python -m pip install --quiet --group bench
	touch $@

.venv/compare.done: .venv/train.done
	$(BIN)/python -m pip install --quiet --group compare
	touch $@
