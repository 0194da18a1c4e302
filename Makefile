# The reader's two commands are `make read` and `make test`; `make help` lists all
PYTHON ?= python3
PORT ?=
RUN := .venv/bin/python
# One worker a file, two files at a time
PYTEST := $(RUN) -m pytest -n 2 --dist loadfile
TESTS := $(PYTEST) tests --ignore tests/colab
NBVAL := $(PYTEST) --nbval -p no:cacheprovider
NBVAL_HERE := $(NBVAL) --nbval-current-env --nbval-sanitize-with tests/sanitize.cfg \
	index.ipynb chapters exercises
NBVAL_COLAB := JUPYTER_PATH=$(CURDIR)/.colab/jupyter $(NBVAL) \
	--nbval-kernel-name colab --nbval-sanitize-with .colab/sanitize.cfg .colab/notebooks

# The test of what is stored of the checks
STORED := tests/test_stored_checks.py

HOOKS := uv==0.13.9 pre-commit==4.7.0 pre-commit-hooks==6.0.0 \
	pip-licenses==5.5.5 cyclonedx-bom==7.5.0 pip-audit==2.10.1

# The weights are on this machine once `ready` is through: nothing asks the hub again
export HF_HUB_OFFLINE := 1
export PYTHONPATH :=

.DEFAULT_GOAL := help
.PHONY: help read book test test-colab test-matrix test-all slides print epub usb \
	ready weights execute colab exercises grader data measure claims bench-page \
	bench-pages links licences bom audit lint hooks tidy lock wheel clean

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | \
	 awk -F'|' '{printf "%-20s%s\n", $$1, $$2}'

read: book ## Set everything up, build the book, and serve it on 127.0.0.1
	@$(RUN) -m book.serve $(if $(PORT),--port $(PORT))

book: ready ## Build the book into _book/
	@$(RUN) -m book.render

# Two workers share the cores: a thread each, or training cells take ten times as long
test test-colab: export OMP_NUM_THREADS := 1

test: book slides epub wheel ## Pass all tests: the code, the pages, and every cell of every chapter
	@$(RUN) -m widgets.weights all-mpnet-base-v2
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(TESTS) --junitxml .reports/tests.xml -m "not slow"
	$(NBVAL_HERE)
	$(NBVAL_HERE)
	@$(MAKE) --no-print-directory test-colab

test-colab: ready ## Pass every chapter and widget with the versions of Colab
	@$(RUN) -m tests.colab.lane
	$(PYTEST) tests/colab
	$(NBVAL_COLAB)

test-matrix: ready ## Run every notebook with the oldest, newest, locked and Colab's versions
	@$(RUN) -m book.matrix

# What failed is stored too, and shown as failed: the last line is the verdict
test-all: export OMP_NUM_THREADS := 1
test-all: book slides epub wheel ## Pass all tests, the slow ones and all versions too
	@$(RUN) -m widgets.weights all-mpnet-base-v2
	@$(MAKE) --no-print-directory lint
	@rm -f .reports/*.xml
	-$(TESTS) --ignore $(STORED) --junitxml .reports/tests.xml -m "not slow"
	-$(TESTS) --junitxml .reports/slow.xml -m slow
	@$(RUN) -m book.trust
	-@$(MAKE) --no-print-directory test-matrix
	$(PYTEST) tests/colab
	$(PYTEST) $(STORED)

slides: book ## Make the slides into _book/slides/
	@$(RUN) -m book.slides

print: book ## Put the whole book on one page, _book/print.html
	@$(RUN) -m book.one_page

epub: book ## Make the book an EPUB, in _book/; it makes the one page too
	@$(RUN) -m book.epub

usb: slides epub wheel ## Pack book, slides, notebooks and weights into one zip, in _usb/
	@$(RUN) -m book.usb

ready: ## Set up the environment, the packages and the weights
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	 echo "This book needs Python 3.11 or newer, and '$(PYTHON)' is" \
	 "$$($(PYTHON) --version 2>&1 | head -n 1): install one, or name it, as in" \
	 "'make read PYTHON=python3.12'." >&2; exit 1; }
	@$(PYTHON) book/environment.py

weights: ready ## Check the model's weights, and fetch anew what is damaged
	@$(RUN) -m widgets.weights --replace

execute: ready ## Run all chapters in a fresh kernel and store their outputs
	@$(RUN) -m widgets.weights all-mpnet-base-v2
	@$(RUN) -m book.execute

colab: ready ## Write the badges and set-up cells anew after a change of repo-url
	@$(RUN) -m book.colab

exercises: ready ## Make chapters' exercises, students' notebooks and answers anew
	@$(RUN) -m book.exercises

grader: ready ## Export the exercises for otter-grader into _grader/
	@$(RUN) -m book.grader

data: ready ## Make the corpus's vectors and map anew
	@$(RUN) -m book.store

measure: ready ## Measure anew what the chapters only show, and store it
	@$(RUN) -m book.measure

claims: ready ## Check the ledger of claims and the glossary's links
	@$(RUN) -m book.claims check
	@$(RUN) -m book.glossary

bench-page: ready ## Compare the page's encoder with others, and store the table
	@$(RUN) -m bench.page

links: ready ## Ask whether the addresses that the book names still answer
	@$(RUN) -m book.links

bench-pages: book ## Load every page over a slow line, and store what it took
	@$(RUN) -m bench.page_speed

lint: ready .hooks/set-up ## Look at all files as the hooks look at a commit
	@.hooks/bin/pre-commit run --all-files

hooks: ready .hooks/set-up ## Look at each commit before it is made, with pre-commit
	@.hooks/bin/pre-commit install

# What only a maintainer needs, in an environment of its own, beside the locked packages
.PHONY: .hooks/set-up
.hooks/set-up:
	@$(RUN) -m book.lane .hooks $(HOOKS)

tidy: ready ## Tidy the code
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

licences: ready .hooks/set-up ## List the licences of all that is carried or installed
	@$(RUN) -m book.licences list

bom: ready .hooks/set-up ## Write a bill of materials into dist/bom.json
	@$(RUN) -m book.licences bom

audit: ready .hooks/set-up ## Ask for known faults of the packages, where that is answered
	@$(RUN) -m book.licences audit

lock: .hooks/set-up ## Write the versions in .venv into requirements.lock, with hashes
	@$(PYTHON) book/environment.py lock

wheel: ready ## Build the helper package for Colab into dist/
	@rm -rf dist/.arriving
	@$(RUN) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist/.arriving .
	@mv dist/.arriving/*.whl dist/ && rmdir dist/.arriving

clean: ## Remove the environment and all that was built
	rm -rf .venv .colab .matrix .reports .bench .building .grader .hooks .reveal _book _book.* _grader _usb dist widgets/built
