# wisp: `make up` on a fresh machine is all that a user needs; `make help` lists the rest.

SHELL   := /bin/bash
BUILD   := build
BIN     := bin/wisp
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
SOURCES := $(shell find cmd internal -name '*.go' -not -name '*_test.go' 2>/dev/null) $(shell find internal -name '*.sql' -o -name '*_bpfel.o' 2>/dev/null) go.mod go.sum
GUEST   := $(BUILD)/guest.qcow2
STATE   ?= /var/lib/wisp
PKGS    := ./cmd/... ./internal/... ./test/withpostgres/...
LINT    := bin/golangci-lint

.PHONY: help up down purge doctor demo build guest deps deps-build deps-test check fmt lint unit generate generated test test-slices test-guest test-e2e bench clean

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

$(BIN): $(SOURCES)
	@echo "building $@"
	@go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/wisp

guest: $(GUEST) ## build the small guest image

$(GUEST): $(wildcard guest/*) | deps-build
	@guest/build $(BUILD)
	@touch $@

deps: ## install the packages that a cloud needs
	@test/install-packages run

deps-build: ## install the packages that building the guest image and the BPF programs needs
	@test/install-packages build

deps-test: ## install the packages that the tests need
	@test/install-packages run build test

check: fmt lint unit generated ## what every change must pass, in minutes

fmt:
	@files=$$(gofmt -l cmd internal guest test web/*.go); if [ -n "$$files" ]; then echo "not formatted:"; echo "$$files"; exit 1; fi

lint: $(LINT) # go vet is one of its linters
	@$(LINT) run ./...

$(LINT):
	@echo "building the linter"
	@GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

unit:
	@go test -short $(PKGS) ./guest/...

generate: deps-build ## generate the BPF objects and their loaders
	@go generate ./...

generated: deps-build
	@test/generated

test: deps-test check test-slices test-guest test-e2e ## everything

bin/withpostgres: $(shell find test/withpostgres internal/store/storetest -name '*.go')
	@go build -o $@ ./test/withpostgres

test-slices: bin/withpostgres $(GUEST) ## all Go tests, on SQLite and PostgreSQL, BPF and QEMU tests among them
	@bin/withpostgres go test -p 2 $(PKGS)

test-guest: $(GUEST) ## boot the guest image alone
	@go test -count=1 -timeout 20m ./guest/...

test-e2e: $(BIN) $(GUEST) ## the scenario with the openstack client and real guests
	@go test -count=1 -timeout 30m -v ./test/e2e/...

bench: $(BIN) $(GUEST) ## figures, with the medians of 10
	@go test -count=1 -timeout 30m -v -run TestFigures ./test/bench -figures
	@go test -count=3 -timeout 10m -v -run TestThroughput ./internal/dataplane

clean: ## remove what was built
	@rm -rf bin $(BUILD)
