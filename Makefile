# make demo: from nothing to a trained, measured SpeechLM.  make test: the quick suite.  make check: lint and types too.
# make test-slow: every LLM's family, and what is killed, divided or spread over processes, Ray's too.
PYTHON ?= python3
export OMP_WAIT_POLICY = PASSIVE

.PHONY: setup demo test test-slow check clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt setup.py $(wildcard src/ssr_connector/kernels/native/*)
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[align,tiny,dev]'
	touch $@

demo: setup
	.venv/bin/ssr demo

test: setup
	OMP_NUM_THREADS=1 .venv/bin/pytest -n 2 -m 'not slow and not gpu'

.venv/with-ray: .venv/installed
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	touch $@

# One Ray at a time: beside another one that starts or stops, its driver has been seen to abort.
test-slow: .venv/with-ray
	OMP_NUM_THREADS=1 .venv/bin/pytest -m slow tests/engine
	OMP_NUM_THREADS=1 .venv/bin/pytest -n 2 -m slow tests/tiny/test_stage.py $(patsubst %,tests/training/test_%.py,distributed llms sharding)

check: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy --strict

clean:
	rm -rf .venv
