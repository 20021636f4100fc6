# Two commands do everything: `make run` shows the gate on the samples, `make test` runs
# all checks. Both set up .venv by themselves (docs/install.md).

PYTHON_IN_VENV := .venv/bin/python
PYTEST_JOBS ?= auto

.PHONY: run test environment tools samples bundle bench fuzz lock clean

run: samples
	@$(PYTHON_IN_VENV) -m samples.run

test: samples
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@$(PYTHON_IN_VENV) -m pytest -n $(PYTEST_JOBS) --dist loadfile $(PYTEST_FLAGS)

environment:
	@sh .ci/environment

tools:
	@sh .ci/tools

samples: environment tools
	@$(PYTHON_IN_VENV) -m samples.build

bundle: environment
	@$(PYTHON_IN_VENV) .ci/bundle.py

bench: samples
	@$(PYTHON_IN_VENV) -m bench.startup

# Mutants against every signature scheme; FUZZ_COUNT of each kind.
FUZZ_COUNT ?= 2000
fuzz: samples
	@$(PYTHON_IN_VENV) -m bench.fuzz --count $(FUZZ_COUNT)

# Resolves the dependencies anew; needs pip-tools on PATH. Review the difference.
lock:
	@sh .ci/lock

clean:
	rm -rf .venv .make build dist samples/out bench/out .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
