PYTHON ?= .venv/bin/python

.PHONY: all lint types test bench label-formats reexport-page detector-costs statistics dictionary results

all: lint types test

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -c "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"

types:
	$(PYTHON) -m mypy

test:
	$(PYTHON) -m pytest

bench:
	$(PYTHON) -m pytest -m bench -s tests/benchmarks

label-formats:
	$(PYTHON) -m tests.benchmarks.label_formats results/label-formats.md

reexport-page:
	$(PYTHON) -m tests.benchmarks.reexport_matrix results/reexport-metadata.md

detector-costs:
	$(PYTHON) -m tests.benchmarks.detector_costs results/detector-costs.md

statistics:
	$(PYTHON) -m tests.benchmarks.statistics_page results/statistics.md

dictionary:
	$(PYTHON) -m bench.analysis.dictionary docs/data-dictionary.md

results:
	rm -rf results/mini-quick results/mini-labels results/mini-providers
	$(PYTHON) -m bench run quick --out results/mini-quick
	$(PYTHON) -m bench run labels --out results/mini-labels
	$(PYTHON) -m bench run providers --out results/mini-providers
