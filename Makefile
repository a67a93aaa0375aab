# Every target sets up what it needs. PORT, HOST and CORPUS can be set: `make chat PORT=8000`.
# DATA is the folder of the training data: `make train DATA=path/to/reader-train`.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin

ifdef CORPUS
export ASSISTANT_CORPUS := $(CORPUS)
endif
ifdef HOST
export ASSISTANT_HOST := $(HOST)
endif
ifdef PORT
export ASSISTANT_PORT := $(PORT)
endif
export GRADIO_ANALYTICS_ENABLED := False

# Tests of a module share a corpus or a server, so one process runs them.
PYTEST  = $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder
# Python compiles what it imports; most installed files never are.
PIP     = $(BIN)/pip install --quiet --no-compile --editable

.PHONY: chat test test-fast check eval train bench clean

chat: $(VENV)/.installed
	@$(BIN)/assistant chat

test: $(VENV)/.installed-dev
	@./tests/browser.sh
	$(PYTEST)

# What a developer runs between two edits: everything but what takes seconds.
test-fast: $(VENV)/.installed-dev
	$(PYTEST) -m "not slow"

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

eval: $(VENV)/.installed-eval
	$(BIN)/python -m eval

# glibc gives large blocks back after each step unless told not to: a quarter of the time on a CPU.
train: export MALLOC_MMAP_THRESHOLD_ := 20000000000
train: export MALLOC_TRIM_THRESHOLD_ := 20000000000
train: export MALLOC_TOP_PAD_ := 500000000
train: $(VENV)/.installed-train
	$(BIN)/python -m eval.training train $(DATA)
	$(BIN)/python -m eval.training export $(DATA)
	$(BIN)/python -m eval.training calibrate $(DATA)

bench: $(VENV)/.installed-bench
	$(BIN)/python -m eval.bench
	$(BIN)/python -m eval.scale 1000 10000 --growth 10000 --growth 100000

clean:
	rm -rf $(VENV) corpus/articles/.assistant build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV) || { echo 'Python lacks venv: on Debian, apt-get install python3-venv'; exit 1; }

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) .
	@touch $@

# Every extra includes that of the evaluation.
$(VENV)/.installed-%: pyproject.toml | $(VENV)/bin/python
	$(PIP) '.[$*]'
	@touch $@ $(VENV)/.installed $(VENV)/.installed-eval
