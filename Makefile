# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The CPU build; a plain `torch` would bring gigabytes of CUDA.
TORCH ?= torch==2.13.0

.PHONY: demo test lint bench bench-accuracy bench-overhead bench-proof docs clean

$(VENV)/.runtime: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet scikit-learn -e .
	touch $@

$(VENV)/.tests: $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet -e ".[test,dev]"
	touch $@

demo: $(VENV)/.runtime
	-$(BIN)/flatline run --json demo.verdict.json examples/zero_loss.py
	@echo "verdict: $(CURDIR)/demo.verdict.json"

test: $(VENV)/.tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: $(VENV)/.tests
	$(BIN)/ruff check src tests bench/*.py docs
	$(BIN)/ruff format --check src tests bench/*.py docs
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: bench-accuracy bench-overhead

bench-accuracy: $(VENV)/.tests
	$(BIN)/python bench/accuracy.py --write docs/accuracy.md

bench-overhead: $(VENV)/.tests
	$(BIN)/python bench/overhead.py --write docs/overhead.md

bench-proof: $(VENV)/.tests
	$(BIN)/python bench/proof.py --write docs/proof.md

docs: $(VENV)/.runtime
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) .flatline demo.verdict.json
