# make help : l'aide / this help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: run test lint bench lock catalogues tools clean help

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input
# The quickest that is new enough; asked for only when the environment is made.
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3
PYTHON = $(shell .ci/python $(CANDIDATES))

# Many tests wait for something, so that three processes more than there are cores keep these busy; each has a broker of its own.
TESTERS = $(shell $(BIN)/python -c 'import os; print(min((os.cpu_count() or 1) + 3, 6))')

run: $(VENV)/.runtime $(CATALOGUES)  ## Tout démarrer, avec un standard de démonstration / Start everything, with a demo switchboard
	@exec $(BIN)/accueil up --demo

# Collected beside mypy, which has one core: what is compiled once is not compiled by each of the processes.
test: $(VENV)/.test $(CATALOGUES) tools  ## Toutes les vérifications / Every test
	@$(BIN)/python -m tests.support.quick_kafka & $(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 & \
		$(MAKE) --no-print-directory lint; wait
	@echo "→ tests (sans les lents / without the slow ones: $(BIN)/pytest -m 'not broker and not faults and not browser')"
	@$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder \
		--durations=15 --durations-min=1

lint: $(VENV)/.test $(CATALOGUES)  ## Style et types / Style and types
	@echo "→ ruff, mypy"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

bench: $(VENV)/.test $(CATALOGUES)  ## Débit et latence / Throughput and latency
	@$(BIN)/python -m tests.bench

tools:
	@.ci/tools

CATALOGUES = $(patsubst %.po,%.mo,$(wildcard models/locale/*/LC_MESSAGES/*.po))

%.mo: %.po | $(VENV)/.runtime
	@$(BIN)/pybabel -q compile -i $< -o $@

catalogues: $(VENV)/.test  ## Relever les messages à traduire / Update the message catalogues
	@mkdir -p build
	@$(BIN)/pybabel -q extract -F pyproject.toml -k N_ -k C_:1c,2 -k translate -k MetricText:1 \
		-k counter_measure:2 -k gauge_measure:2 -k histogram_measure:2 -k window_measure:2 -k scores_measure:2 \
		-k gauge_family:2 -k counter_family:2 -k InfoMetricFamily:2 \
		--sort-by-file --add-location=file -o build/accueil.pot models connectors streams grafana
	@$(BIN)/pybabel -q update -i build/accueil.pot -d models/locale -D accueil \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width=100
	@$(MAKE) --no-print-directory $(CATALOGUES)

lock: $(VENV)/.runtime  ## Figer les dépendances (avec uv) / Pin the dependencies (with uv)
	@command -v uv >/dev/null || { echo "uv manque / uv is missing: pip install uv"; exit 1; }
	@export UV_CUSTOM_COMPILE_COMMAND="make lock"; \
	options="--quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate"; \
	printf '%s\n' 'setuptools>=77' 'babel>=2.17' | uv pip compile $$options pyproject.toml - -o requirements.lock; \
	uv pip compile $$options pyproject.toml --extra test -c requirements.lock -o requirements-test.lock
	@$(BIN)/python -m streams.kafka.jars

clean:  ## Enlever ce qui a été installé et construit, pas les données / Remove what was installed and built, not data
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s%s\n", $$1, $$2 }'

# $(1): a lock file. pip is quiet but for one line per package.
define install
	echo "→ $(1) ($$(grep -c == $(1)) paquets / packages)"; \
	$(PIP) --require-hashes -r $(1) | sed -u -n 's/^Collecting \([^ ]*\).*/  \1/p'
endef

$(VENV)/.runtime: requirements.lock pyproject.toml
	@[ -x $(BIN)/python ] || { \
		python="$(PYTHON)"; \
		if [ -z "$$python" ]; then \
			echo "Il faut Python 3.11 ou plus récent / Python 3.11 or newer is needed (make run PYTHON=/…/python3)"; exit 1; \
		fi; \
		if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
			echo "Il manque le module venv / the module venv is missing: apt install python3-venv"; exit 1; \
		fi; \
		echo "→ $(VENV) ($$("$$python" --version), $$python)"; "$$python" -m venv $(VENV); \
	}
	@$(call install,requirements.lock)
	@$(PIP) --quiet --no-deps --no-index --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime requirements-test.lock
	@$(call install,requirements-test.lock)
	@touch $@
