# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The CPU build; a plain `torch` would bring gigabytes of CUDA.
TORCH ?= torch==2.13.0

.PHONY: demo test lint bench bench-accuracy bench-preflight bench-overhead bench-report bench-live bench-proof bench-fix transcript screenshots chromium docs book bench-trust clean

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
	-$(BIN)/flatline run --json demo.verdict.json --html demo.report.html examples/zero_loss.py
	@echo "verdict: $(CURDIR)/demo.verdict.json"
	@echo "report:  $(CURDIR)/demo.report.html"

# The pages are tested in Debian's Chromium.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	|| { as=$$([ "$$(id -u)" = 0 ] || echo sudo); $$as apt-get update -qq && $$as apt-get install -y -qq chromium >/dev/null; } \
	|| { echo "The tests of pages need Chromium, which could not be installed: install it, then make test again." >&2; exit 1; }

test: $(VENV)/.tests chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: $(VENV)/.tests
	$(BIN)/ruff check src tests bench/*.py docs
	$(BIN)/ruff format --check src tests bench/*.py docs
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: bench-accuracy bench-overhead

bench-accuracy: $(VENV)/.tests
	$(BIN)/python bench/accuracy.py --write docs/accuracy.md

bench-preflight: $(VENV)/.tests
	$(BIN)/python bench/preflight.py --write docs/preflight.md

bench-overhead: $(VENV)/.tests
	$(BIN)/python bench/overhead.py --write docs/overhead.md

bench-report: $(VENV)/.tests chromium
	OMP_NUM_THREADS=1 $(BIN)/python bench/report.py --write docs/report-figures.md

bench-live: $(VENV)/.tests
	$(BIN)/python bench/live_load.py

screenshots: $(VENV)/.tests chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/test_page_run.py tests/test_live_page.py --screenshots

bench-trust: $(VENV)/.tests
	OMP_NUM_THREADS=1 $(BIN)/python bench/trust.py --write docs/trust.md

bench-proof: $(VENV)/.tests
	$(BIN)/python bench/proof.py --write docs/proof.md

bench-fix: $(VENV)/.tests
	$(BIN)/python bench/fix.py --write docs/fix-figures.md

transcript: $(VENV)/.runtime
	$(BIN)/python docs/transcript.py

# What the pages hold of the code and of real runs; then the book from the pages.
docs: $(VENV)/.tests
	$(BIN)/python docs/generate.py

book: $(VENV)/.tests
	$(BIN)/python -m sphinx -W --keep-going -q docs build/book
	@echo "book: $(CURDIR)/build/book/index.html"

clean:
	rm -rf $(VENV) .flatline demo.verdict.json demo.report.html
