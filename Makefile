# The commands of this project. Everything that needs explaining is in deploy/setup.sh, which each of these calls.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run run-lan build test test-rust test-web test-alerts test-browser fuzz bench bench-calls bench-captions profile lint generate format

# rustup adds its folder to login shells only; one that was open before does not have it.
export PATH := $(PATH):$(HOME)/.cargo/bin

TARGET := $(or $(CARGO_TARGET_DIR),target)
HEARKEN := $(TARGET)/release/hearken
# What is measured is compiled as it is released.
RELEASE_CARGO := deploy/profile/cargo.sh
SETUP := deploy/setup.sh

help: ## List the targets
	@echo 'make TARGET, where TARGET is one of'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' Makefile

run: build ## Install what is missing, build and serve on http://localhost:8080
	@$(SETUP) model-if-possible
	@exec $(HEARKEN) serve $(ARGS)

run-lan: build ## The same over HTTPS on all addresses, for phones and other machines in the house
	@$(SETUP) model-if-possible
	@exec $(HEARKEN) serve --lan $(ARGS)

build: ## Install what is missing and build the release binary with the web client in it
	@$(SETUP) tools packages web binary

# Tests run what `cargo test` builds: no program is built twice, and sums that overflow are found in calls too.
test test-browser: export HEARKEN_BUILD := debug

test: ## Run every test: Rust, TypeScript, alerts, real browser
	@$(SETUP) tools packages test-packages web test-binary model test-model
	@$(MAKE) --no-print-directory test-rust test-web test-alerts test-browser

test-rust: ## Run the Rust tests
	@$(SETUP) tools packages web
	cargo test --workspace --locked

test-web: ## Run the TypeScript tests
	@$(SETUP) tools web-packages
	cd web-client && npm test

test-alerts: ## Check the alerts of deploy/prometheus with Prometheus's own tool
	@$(SETUP) test-packages
	promtool check config --lint-fatal deploy/prometheus/prometheus.yml
	promtool test rules deploy/prometheus/*.test.yml

test-browser: ## Run the tests in a real browser
	@$(SETUP) tools packages test-packages web test-binary model
	cd web-client && npm run e2e

# The compiler counts which code an input reaches. With --target, build scripts and macros are built without.
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters
FUZZ_SECONDS ?= 60

fuzz: ## Feed everything that reads from the network with nonsense, each for a minute; ARGS='sdp' for one
	@$(SETUP) tools packages
	RUSTFLAGS='$(FUZZ_FLAGS)' cargo run --locked --profile fuzz --target $$(rustc -vV | sed -n 's/^host: //p') \
		--target-dir $(TARGET)/fuzz -p hearken-fuzz -- --seconds $(FUZZ_SECONDS) $(ARGS)

bench: ## Run the benchmarks: the forwarding path alone, load beside Janus's, joins, the delay of captions, calls
	@$(SETUP) tools packages bench-packages web binary
	@$(SETUP) model-if-possible
	@echo '==> The forwarding path alone (half a minute, once it is built)'
	$(RELEASE_CARGO) bench --locked -p hearken-benches
	@echo '==> Load and joins, beside Janus (eight minutes)'
	$(RELEASE_CARGO) run --release --locked -p hearken-benches --bin load
	@echo '==> The delay of captions (two minutes, where there is a model)'
	$(RELEASE_CARGO) run --release --locked -p hearken-benches --bin caption_delay
	@$(MAKE) --no-print-directory bench-calls

bench-calls: ## Hold real browsers' calls against the norms: bad networks, ICE restarts, lips and voice, changes of codec
	@$(SETUP) tools packages test-packages web binary bench-binary model
	@echo '==> Calls in real browsers (ten minutes, with nothing else running)'
	cd web-client && HEARKEN_BUILD=release HEARKEN_NORMS=hold npm run e2e -- network transports sound codecs firefox resilience e2e/reader.

bench-captions: ## Score the captions in virtual time: errors, delays, flicker, cost (HEARKEN_SPEECH_DIR, HEARKEN_MODEL)
	@$(SETUP) tools packages test-packages
	@$(SETUP) model-if-possible
	$(RELEASE_CARGO) run --release --locked -p hearken-benches --bin score_captions -- $(ARGS)

profile: ## Make anew what releases are optimised by: where the program spends its time under load (fifteen minutes)
	@$(SETUP) tools packages web
	deploy/profile/make.sh

lint: ## Run the static checks, as CI does
	@.ci/checks

generate: ## Make the TypeScript types of the protocol anew
	UPDATE_GENERATED=1 cargo test --locked -p hearken-protocol --test typescript

format: ## Format Rust and TypeScript
	@$(SETUP) tools web-packages
	cargo fmt --all
	cd web-client && npm run format
