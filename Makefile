# wisp: `make up` on a fresh machine is all that a user needs; `make help` lists the rest.

SHELL   := /bin/bash
BUILD   := build
BIN     := bin/wisp
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
SOURCES := $(wildcard web/*.go) $(shell find cmd internal -name '*.go' -not -name '*_test.go' 2>/dev/null) $(shell find internal -name '*.sql' -o -name '*_bpfel.o' 2>/dev/null) go.mod go.sum
GUEST   := $(BUILD)/guest.qcow2
STATE   ?= /var/lib/wisp
WEB     := web/dist/index.html
NPM     := web/node_modules/.package-lock.json
PKGS    := ./cmd/... ./internal/... ./test/withpostgres/...
LINT    := bin/golangci-lint

.PHONY: help up down purge doctor demo build guest web deps deps-guest deps-web deps-bpf deps-kernel deps-test check fmt lint unit check-web generate generated test test-slices test-guest test-kernel test-e2e test-clients test-hosts test-web test-conformance bench bench-net conformance conformance-guests clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

up: deps $(BIN) $(GUEST) ## install what is missing, build, and start the cloud
	@$(BIN) up --state-dir $(STATE)

down: ## stop the cloud; instances go on
	@$(BIN) down --state-dir $(STATE)

purge: ## remove every trace of the cloud
	@$(BIN) purge --state-dir $(STATE) --yes

doctor: $(BIN) ## examine this machine
	@$(BIN) doctor --state-dir $(STATE)

demo: up ## a user's whole first day, by itself
	@$(BIN) demo --state-dir $(STATE) --image $(GUEST)

build: $(BIN) ## build the binary

$(BIN): $(SOURCES) $(WEB)
	@echo "building $@"
	@go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/wisp

web: $(WEB) ## build the dashboard

$(WEB): $(NPM) $(shell find web/src web/public -type f) web/index.html web/package.json $(wildcard web/*.ts)
	@echo "building the dashboard"
	@cd web && npm run --silent build -- --logLevel warn

$(NPM): web/package-lock.json | deps-web
	@echo "fetching the dashboard's libraries"
	@cd web && npm ci --no-audit --no-fund --silent
	@touch $@

guest: $(GUEST) ## build the small guest image

$(GUEST): $(wildcard guest/*) | deps-guest
	@guest/build $(BUILD)
	@touch $@

deps: ## install the packages that a cloud needs
	@test/install-packages run

deps-guest: ## install the packages that building the guest image needs
	@test/install-packages guest

deps-web: ## install the packages that building the dashboard needs
	@test/install-packages web

deps-bpf: ## install the packages that generating the BPF programs needs
	@test/install-packages bpf

deps-kernel: ## install the packages that testing on the oldest kernel needs
	@test/install-packages kernel

deps-test: ## install the packages that the tests need
	@test/install-packages run guest web bpf kernel test

check: fmt lint unit check-web generated ## what every change must pass, in minutes

fmt:
	@files=$$(gofmt -l cmd internal guest test web/*.go); if [ -n "$$files" ]; then echo "not formatted:"; echo "$$files"; exit 1; fi

lint: $(LINT) # go vet is one of its linters
	@$(LINT) run ./...

$(LINT):
	@echo "building the linter"
	@GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

unit:
	@go test -short $(PKGS) ./guest/... ./test/kernel/...

check-web: $(NPM) ## types, format, lint and unit tests of the dashboard
	@cd web && npm run --silent check && npm run --silent unit

generate: deps-bpf ## generate the BPF objects and their loaders
	@go generate ./...

generated: deps-bpf
	@test/generated

# What check has of unit tests is among those of test-slices.
test: deps-test fmt lint check-web generated test-slices test-guest test-kernel test-e2e test-clients test-hosts test-web test-conformance conformance-guests ## everything

bin/withpostgres: $(shell find test/withpostgres test/postgres internal/store/storetest -name '*.go')
	@go build -o $@ ./test/withpostgres

test-slices: bin/withpostgres $(GUEST) ## all Go tests, on SQLite and PostgreSQL, BPF and QEMU tests among them
	@bin/withpostgres go test -p 2 $(PKGS)

test-guest: $(GUEST) ## boot the guest image alone
	@go test -count=1 -timeout 20m ./guest/...

test-kernel: deps-kernel ## the dataplane's tests on Debian's own kernel, in an emulated machine
	@go test -count=1 -timeout 40m -v ./test/kernel/...

test-e2e: $(BIN) $(GUEST) ## the scenario with the openstack client and real guests
	@go test -count=1 -timeout 30m -v ./test/e2e/...

test-clients: $(BIN) $(GUEST) ## every command of the openstack client, and gophercloud, against one cloud
	@go test -count=1 -timeout 15m ./test/client/...

test-web: $(BIN) $(GUEST) ## the first day in a browser, against a real cloud
	@go test -count=1 -timeout 50m -v ./test/web/...

test-hosts: $(BIN) $(GUEST) ## several machines: nodes that join, five types of networks, failover
	@go test -count=1 -timeout 20m -v ./test/hosts/...

test-conformance: ## the stages of Tempest that need no guests, whole
	@$(MAKE) --no-print-directory conformance STAGE=01,02,03,04,05,06

bench: $(BIN) $(GUEST) ## figures, with the medians of 10
	@go test -count=1 -timeout 30m -v -run TestFigures ./test/bench -figures
	@go test -count=3 -timeout 10m -v -run TestThroughput ./internal/dataplane

bench-net: $(BIN) ## figures of the network, beside others in the same run
	@test/install-packages bench
	@go test -count=1 -timeout 30m -v -run TestNetwork ./test/bench -figures

conformance: $(BIN) $(GUEST) ## stages of Tempest against a cloud: STAGE=02, or several with commas, or all; PART=2/4 for a part of them; RECORD=1 to keep how they ended
	@test/install-packages run tempest
	@go test -count=1 -timeout 180m -parallel 3 -v -run TestConformance ./test/tempest -stages $(or $(STAGE),all) $(if $(PART),-part $(PART)) $(if $(RECORD),-record) -results $(or $(RESULTS),$(BUILD)/tempest)

conformance-guests: PART ?= $(shell expr $$(git rev-list --count HEAD) % 4 + 1)/4
conformance-guests: ## the stages of Tempest that log in to guests: a quarter of them, the next one with each commit
	@$(MAKE) --no-print-directory conformance STAGE=09,10 PART=$(PART)

clean: ## remove what was built
	@rm -rf bin $(BUILD) web/node_modules web/test-results web/screenshots; git clean -qfdX web/dist
