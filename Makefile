# make demo: from nothing to a trained, measured SpeechLM.  make test: the quick suite.  make check: lint and types too.
PYTHON ?= python3
export OMP_WAIT_POLICY = PASSIVE

.PHONY: setup demo test check clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[align,tiny,dev]'
	touch $@

demo: setup
	.venv/bin/ssr demo

test: setup
	OMP_NUM_THREADS=1 .venv/bin/pytest -n 2 -m 'not slow and not gpu'

check: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy --strict

clean:
	rm -rf .venv runs
