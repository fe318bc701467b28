# Every target prepares what it needs (build/setup.sh) and runs one script; the flags shared by all are in build/env.sh.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench fuzz view-report crosscheck build release env clean

FUZZTIME ?= 20s
export FUZZTIME

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install all that the other targets need (as root on Debian), else say what is missing
	@build/setup.sh all

demo: ## the whole way of the data on synthetic patients; needs only Go and a C compiler
	@build/setup.sh build
	@build/demo.sh

test: ## all tests, those of the concurrent packages once more with the race detector
	@build/setup.sh test
	@build/test.sh

lint: ## format, vet, import table, house rules (.golangci.yml), gosec
	@build/setup.sh lint
	@build/lint.sh

bench: ## measure throughput on synthetic data
	@build/setup.sh bench
	@build/bench.sh

fuzz: ## run every fuzz target for FUZZTIME (default 20s) each
	@build/setup.sh build
	@build/fuzz.sh

view-report: ## run the public suite of SQL on FHIR and write its out/test_report.json
	@build/setup.sh build
	@build/view-report.sh

crosscheck: ## evaluate the mapping expressions on all test resources, and compare with the fhirpath of npm (part of make test)
	@build/setup.sh test
	@build/crosscheck.sh

build: ## compile bin/crflink
	@build/setup.sh build
	@build/compile.sh

release: ## a static program, its bill of materials and checksums, in dist/
	@build/setup.sh release
	@build/release.sh

env: ## print the environment of the builds, for eval "$(make -s env)"
	@. build/env.sh && declare -p CGO_ENABLED CGO_CFLAGS GOFLAGS PATH CRFLINK_SHARED CRFLINK_FHIR_PEER CRFLINK_FHIRPATH_JS 2>/dev/null | sed 's/^declare -x/export/' || true

clean: ## remove what make wrote in this folder; the cache of tools stays
	@rm -rf bin dist .out .tools
