# The commands people need. `make help` lists them.

PROGRAM = "$${CARGO_TARGET_DIR:-target}"/release/portus
REGISTRY = 127.0.0.1:5000

PREFIX = /usr/local

.PHONY: help run demo install test interop contract bench lint screenshots

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: ## start everything on this machine: Postgres, a registry, Portus on http://127.0.0.1:3000
	@.ci/packages run
	@cargo build --release --locked -p web
	@exec $(PROGRAM) serve --embedded --registry $(REGISTRY)

demo: ## the same, with people, teams and images to look at
	@.ci/packages run
	@cargo build --release --locked -p web
	@exec $(PROGRAM) demo --registry $(REGISTRY)

install: ## the program, its manual pages and completions below PREFIX (and DESTDIR)
	@cargo build --release --locked -p web
	@install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/portus
	@$(PROGRAM) man $(DESTDIR)$(PREFIX)/share/man/man1
	@for shell in bash:bash-completion/completions/portus zsh:zsh/site-functions/_portus \
		fish:fish/vendor_completions.d/portus.fish; do \
		file=$(DESTDIR)$(PREFIX)/share/$${shell#*:}; mkdir -p "$$(dirname "$$file")"; \
		$(PROGRAM) completions $${shell%%:*} > "$$file"; done

test: ## the whole suite, real registry and docker included
	@.ci/test

lint: ## formatting and lints alone
	@cargo fmt --all -- --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings

interop: ## the newer registry, crane, oras and helm (needs Go)
	@.ci/interop

contract: ## schemathesis over everything that the REST interface says of itself (needs Python)
	@.ci/contract

screenshots: ## the pictures of the documents, from a real service in a real Chromium
	@.ci/packages test
	@cargo build --locked -p web
	@PORTUS_TEST_SCREENSHOTS=$(CURDIR)/docs/screenshots cargo test -p tests --locked --test browser -- pictures tour

bench: ## the figures of docs/benchmarks.md, on this machine (release build; some minutes)
	@cargo build --release --locked -p web
	@cargo bench --locked -p tests
