# Every target does its own set-up: system packages where they are missing, a virtual
# environment with the locked dependencies, the compiled kernel.
#   make demo     a virtual patient walks for a minute; REPLAY=FILE walks a recording
#   make test     all tests, against real servers
#   make lint     ruff, mypy --strict, import-linter
#   make bench    what the kernel and the agent cost
#   make soak     the long doses of the fault tests, resumable; SOAK_MINUTES=40 stops then
#   make mutants  breaks each invariant on purpose and sees a test fail
#   make screens  pictures of the patient's page, phone and tablet, into out/page
#   make wiring   draws the wiring pictures of hw/ again
#   make audit    known vulnerabilities of the locked dependencies
#   make lock     renew requirements.lock from pyproject.toml
#   make clean    remove what the other targets made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?= 60
REPLAY ?=
OUT ?= out

DEPENDENCIES := $(VENV)/.dependencies
BUILT := $(VENV)/.built
KERNEL := setup.py $(wildcard kernels/*.pyx kernels/*.pxd)

.DEFAULT_GOAL := help
.PHONY: help build demo test lint format bench soak mutants screens wiring audit lock clean system-build system-test

help:
	@sed -n '3,14s/^# *//p' Makefile

system-build:
	@.ci/system-packages build $(PYTHON)

system-test:
	@.ci/system-packages test $(PYTHON)

$(DEPENDENCIES): requirements.lock | system-build
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies into $(VENV) (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(BUILT): $(DEPENDENCIES) $(KERNEL)
	@echo "building the kernel"
	@$(BIN)/python -m pip install --disable-pip-version-check --no-build-isolation --no-deps \
		--editable . >$(VENV)/build.log 2>&1 || { cat $(VENV)/build.log; exit 1; }
	@touch $@

build: $(BUILT)

demo: $(BUILT)
	@$(BIN)/heelfirst demo --seconds $(SECONDS) --out $(OUT) $(if $(REPLAY),--replay "$(REPLAY)")

test: $(BUILT) system-test
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(BUILT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(BUILT)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(BUILT) system-test
	$(BIN)/heelfirst bench

soak: $(BUILT) system-test
	$(BIN)/python -m pytest tests/faults -m soak

mutants: $(BUILT) system-test
	$(BIN)/python tests/support/mutants.py

screens: $(BUILT) system-test
	$(BIN)/heelfirst page pictures $(OUT)/page

wiring: $(BUILT)
	$(BIN)/python -m hw.wiring hw/pictures

# --strict: what could not be looked up is a failure, not good news.
audit: $(DEPENDENCIES)
	$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
		--requirement requirements.lock

lock: $(BUILT)
	$(BIN)/pip-compile --quiet --all-extras --generate-hashes --allow-unsafe --strip-extras \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build dist $(OUT) *.egg-info kernels/*.so .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
