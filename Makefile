# The everyday commands. They need python3 (3.10 or newer), a C++20 compiler and make, and nothing
# activated: what else they use, an MPI included, comes as wheels into .venv.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The extras each command installs. torch is large, so it is not among them; its tests run where it
# is found: .venv/bin/pip install torch
EXTRAS_demo := mpi,demo
EXTRAS_test := mpi,test,demo
EXTRAS_lint := $(EXTRAS_test),dev

# Folders too: theirs is the time that changes when a file is deleted.
SOURCES := CMakeLists.txt pyproject.toml setup.py README.md \
           $(shell find src cuda bindings bench -name __pycache__ -prune -o -print)
CPP_FILES = $(shell find src cuda bindings bench tests examples -regex '.*\.\(h\|hpp\|c\|cc\|cpp\|cu\|cuh\)')

.PHONY: help demo test long gpu lint format clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    train and reduce real gradients with 4 MPI ranks, dense and compressed"
	@echo "make test    run the tests, those under mpirun too"
	@echo "make long    run the long tier of the tests"
	@echo "make gpu     build the CUDA library, measure and test it, on a machine with a GPU and torch"
	@echo "make lint    check format, style, types and spelling"
	@echo "make format  format the sources"
	@echo "make clean   remove everything built, .venv included"

demo: $(VENV)/installed-demo
	@echo "==> Demo: under 3 minutes"
	@$(BIN)/python -m skimp.bench.demo

test: $(VENV)/installed-test
	@echo "==> Tests: a few minutes"
	@$(BIN)/python -m pytest

long: $(VENV)/installed-test
	@$(BIN)/python -m pytest -m long

# Takes the machine as it is, without .venv: such machines have torch, nvcc and the build's tools, and
# often no package registry. PYTHON must be the one that has torch. What the kernels are made of is
# compiled for its GPU alone; test_nvcc and test_sanitized need none, and are for `make test`.
GPU := build/gpu
ON_GPU := PYTHONPATH=$(GPU) SKIMP_TEST_CUDA=1
SANITIZER := compute-sanitizer --error-exitcode 1 --target-processes all
GPU_TESTS := tests/cuda --ignore tests/cuda/test_nvcc.py --ignore tests/cuda/test_sanitized.py
# 2^28 and, for what sees matrices, 8192 x 8192 elements of float32.
GPU_BENCH := bench codec --device cuda -b 256M -e 1G -f 4 -n 5 -c sign -c "quantize(bits=8)" \
             -c "quantize(bits=4)" -c "topk(density=0.01)" -c "lowrank(rank=4)"
COMMIT = $(shell git describe --always --dirty 2>/dev/null || echo unknown)
IN_PARALLEL = $(shell $(PYTHON) -c "import xdist" 2>/dev/null && echo --numprocesses 8)

gpu:
	@echo "==> Building into $(GPU)"
	@CMAKE_ARGS="-DSKIMP_CUDA=ON -DSKIMP_CUDA_ARCHITECTURES=native" \
	  $(PYTHON) setup.py --quiet build --build-lib $(GPU)
	@PYTHONPATH=$(GPU) $(PYTHON) -m skimp info
	@echo "==> Codecs on the GPU, into bench/results"
	@mkdir -p bench/results
	PYTHONPATH=$(GPU) $(PYTHON) -m skimp $(GPU_BENCH) --commit $(COMMIT) --json bench/results
	@echo "==> Tests on the GPU, then some again under compute-sanitizer"
	$(ON_GPU) $(PYTHON) -m pytest $(GPU_TESTS) $(IN_PARALLEL)
	$(ON_GPU) $(SANITIZER) --tool memcheck $(PYTHON) -m pytest tests/cuda/test_bytes.py tests/cuda/test_lowrank.py
	$(ON_GPU) $(SANITIZER) --tool racecheck $(PYTHON) -m pytest tests/cuda/test_bytes.py -k "residual and 5003 and float32"

lint: $(VENV)/installed-lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	@$(BIN)/clang-format --dry-run -Werror $(CPP_FILES) && echo "clang-format: $(words $(CPP_FILES)) files"
	$(BIN)/codespell

format: $(VENV)/installed-lint
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix
	@$(BIN)/clang-format -i $(CPP_FILES)

clean:
	rm -rf $(VENV) build dist *.egg-info

# The environment and the tools of the build. An environment that is there already is used.
$(VENV)/ready: pyproject.toml tools/preflight.py tools/requirements.py
	@$(PYTHON) tools/preflight.py $(VENV)
	@echo "==> Creating $(VENV) with the build's tools (cmake, ninja, ...): about 20 s"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python tools/requirements.py | $(PIP) install --requirement /dev/stdin
	@touch $@

# Skimp and what one command needs beside it; again when a source has changed.
$(VENV)/installed-%: $(SOURCES) | $(VENV)/ready
	@echo "==> Installing skimp[$(EXTRAS_$*)] into $(VENV): about 1 min, a few seconds after an edit"
	@$(PIP) install --no-build-isolation ".[$(EXTRAS_$*)]"
	@touch $@
