PYTHON ?= .venv/bin/python

.PHONY: all lint types test bench benchmarks-page label-formats reexport-page detector-costs dictionary site statistics regeneration mini results leaderboard

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
	$(PYTHON) -m pytest -m bench -s tests/benchmarks --history results/benchmarks.jsonl

benchmarks-page:
	$(PYTHON) -m tests.benchmarks.benchmarks_page results/benchmarks.jsonl results/benchmarks.md

label-formats:
	$(PYTHON) -m tests.benchmarks.label_formats results/label-formats.md

reexport-page:
	$(PYTHON) -m tests.benchmarks.reexport_matrix results/reexport-metadata.md

detector-costs:
	$(PYTHON) -m tests.benchmarks.detector_costs results/detector-costs.md

# Any data set with photographs of 512 pixels a side.
PHOTOGRAPHS ?= ../shared/data

regeneration:
	$(PYTHON) -m tests.benchmarks.regeneration_table results/regeneration.md --data $(PHOTOGRAPHS)

# Twins and edits of datasets/mini from the model in the package; samples.csv pins what came out.
mini:
	$(PYTHON) -m bench dataset twins datasets/mini --attack "Regenerate(model='washvae')"
	$(PYTHON) -m bench dataset check datasets/mini

statistics:
	$(PYTHON) -m tests.benchmarks.statistics_page results/statistics.md

dictionary:
	$(PYTHON) -m bench.analysis.dictionary docs/data-dictionary.md

# The pages of this repository as a web site, in build/site.
site:
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet

results:
	rm -rf results/mini-quick results/mini-labels results/mini-providers
	$(PYTHON) -m bench run quick --gallery 0 --out results/mini-quick
	$(PYTHON) -m bench run labels --gallery 0 --out results/mini-labels
	$(PYTHON) -m bench run providers --gallery 0 --out results/mini-providers

# Over all runs that lie in results/.
leaderboard:
	$(PYTHON) -m bench leaderboard results
