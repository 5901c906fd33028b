# Everything a developer, CI and `sam build` type. `make` alone lists the targets.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The repository has two modules: its root is what is deployed, and local/ is what runs on a person's machine. Each is
# built with the versions in its own go.mod. go.work would select one list of versions for both; it is for editors.
export GOWORK := off

LAYOUT    ?= two-bucket
WORKFLOW  ?= STANDARD
SEED      ?= 1
OBJECTS   ?= 2000
FUNCTIONS := $(patsubst functions/%/main.go,%,$(wildcard functions/*/main.go))
PROGRAMS  := bin/lazaret $(FUNCTIONS:%=build/%/bootstrap)
GO_BUILD  := CGO_ENABLED=0 go build -trimpath -tags lambda.norpc,grpcnotrace -ldflags '-s -w'
# The linters use the compiler's settings of GO_BUILD, so that they find its results in the cache.
AS_BUILT  := CGO_ENABLED=0 GOFLAGS="$${GOFLAGS:-} -trimpath"

# The template names the architecture of what is deployed. The local stack uses that of this machine.
TEMPLATE_ARCH := $(shell sed -n 's/^ *Architectures: \[\(.*\)\].*/\1/p' template.yaml)
DEPLOYED_ARCH := $(subst x86_64,amd64,$(TEMPLATE_ARCH))

# The race detector needs a C compiler, which not every machine has.
RACE := $(if $(shell command -v "$$(go env CC)"),-race)
LINT := .tools/bin/golangci-lint
SYFT := .tools/bin/syft
NPM  := tools/node_modules/.package-lock.json

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build clamav ## upload samples to the local stack and show their verdicts (LAYOUT=three-bucket)
	bin/lazaret demo --layout $(LAYOUT)

.PHONY: run
run: build clamav ## run the local stack until it is interrupted
	bin/lazaret local

.PHONY: build
build: announce-build $(PROGRAMS) ## build bin/lazaret and the functions for this machine

.PHONY: announce-build
announce-build:
	@[[ -x bin/lazaret ]] || echo 'building $(words $(PROGRAMS)) programs (takes some minutes the first time)'

# Go knows which of its inputs have changed, so make always calls it.
.PHONY: FORCE
bin/lazaret: FORCE
	@[[ -x $@ ]] || echo '  $@'
	@cd local && $(GO_BUILD) -o ../$@ ./cmd/lazaret
build/%/bootstrap: FORCE
	@[[ -x $@ ]] || echo '  $@'
	@$(GO_BUILD) -o $@ ./functions/$*

# sam build calls build-<LogicalId>: build-DispatchFunction builds functions/dispatch.
build-%Function:
	@: "$${ARTIFACTS_DIR:?sam build sets it}"
	@[[ -n '$(DEPLOYED_ARCH)' ]] || { echo 'template.yaml has no line Architectures: [...]' >&2; exit 1; }
	GOOS=linux GOARCH=$(DEPLOYED_ARCH) $(GO_BUILD) -o "$$ARTIFACTS_DIR/bootstrap" ./functions/$$(tr A-Z a-z <<<'$*')

# These packages only drive the built programs: the race detector would find nothing in them, and slow them down.
DRIVERS := /local/(bench|tests/chaos|tests/endtoend|tests/docs|cmd/lazaret/verify)$$

# No code of these packages runs side by side, which local/tests/modules checks: the race detector would find nothing
# in them either, and makes parsers eight times slower. It sees all formats at work in internal/unpack/formats.
SERIAL := /(internal/unpack/[a-z/0-9]+|local/plan(/[a-z]+)?|local/tests/(infra|modules|statemachine))$$
RACED  := /internal/unpack/(formats|unpacktest)$$

# -vet=off: the linters run vet. -ldflags=-w: no debugger reads these programs, and linking them takes half the time
# without what is for debuggers. -count=1: a cached result of a test in local/ may be out of date, because Go does not
# see changes of the files of the root module that the test reads.
TEST_BUILD := -vet=off -ldflags=-w
GO_TEST    := go test $(TEST_BUILD) -timeout 30m $(TESTFLAGS)

# Whole machines wait more than they compute: for visibility timeouts, retries and polls. So more tests run side by side
# than there are processors. The longest package, tests/endtoend, is the first by sort -r.
WAITING_TESTS := -p 2 -parallel 4

.PHONY: test
test: build clamav awscli ## run all tests, with clamd
	@[[ -n "$(RACE)" ]] || echo 'make test: the race detector is off without a C compiler (make packages installs one)'
	export LAZARET_TESTS=all; \
	serial() { go list ./... | grep -E '$(SERIAL)' | grep -vE '$(RACED)'; }; \
	raced() { go list ./... | grep -vxFf <(serial) | grep -vE '$(DRIVERS)'; }; \
	$(GO_TEST) $$(serial); \
	$(GO_TEST) $(RACE) $$(raced); \
	cd local; \
	$(GO_TEST) -count=1 $$(serial); \
	$(GO_TEST) -count=1 -p 4 $(RACE) $$(raced); \
	export TMPDIR="$$(../scripts/memory-disk)"; \
	$(GO_TEST) -count=1 $(WAITING_TESTS) $$(go list ./... | grep -E '$(DRIVERS)' | sort -r)

# The short form runs without the race detector, and leaves out tests that start a machine for themselves
# (docs/adr/0033). It finds results of the root module in Go's cache.
.PHONY: short
short: build clamav ## run the tests that need no whole machine of their own, in some minutes
	export LAZARET_TESTS=all; \
	$(GO_TEST) -short ./...; \
	export TMPDIR="$$(scripts/memory-disk)"; \
	cd local; \
	$(GO_TEST) -short -count=1 -p 4 ./...

.PHONY: engine
engine: ## run the tests of the engine with another clamd, as root: make engine CLAMD=/opt/clamav/sbin/clamd
	@scripts/test-with-clamd "$${CLAMD:?set it to the path of a clamd}"

.PHONY: bench
bench: build clamav .tools/s5cmd/installed ## run the benchmarks, and write docs/benchmarks.md (SOAK=10m for a soak too)
	export TMPDIR; TMPDIR="$$(scripts/memory-disk)"; \
	  go -C local run ./bench --root .. --document ../docs/benchmarks.md $(SOAK:%=--soak %) \
	  --s5cmd "$$(echo $(CURDIR)/.tools/s5cmd/lib/*/site-packages/s5cmd/bin)/s5cmd"

.PHONY: cost
cost: ## write docs/cost.md anew, after a change of prices, times or code
	go -C local run ./cmd/lazaret plan --write ../docs/cost.md

.PHONY: chaos
chaos: build clamav ## break the local stack while it scans, and account for each upload (SEED=1 OBJECTS=2000)
	go -C local run ./tests/chaos --root .. --seed $(SEED) --objects $(OBJECTS) --layout $(LAYOUT) --workflow $(WORKFLOW)

.PHONY: images
images: needs-docker .tools/sam/installed $(SYFT) ## build the application with SAM and Docker, and test its images
	@scripts/images sam
	@scripts/sbom scanfunction:scan freshclamfunction:freshclam

.PHONY: emulator
emulator: build clamav .tools/emulator/installed ## deploy the template to an emulator of AWS and run it there
	.tools/emulator/bin/python tools/emulator/deploy.py

.PHONY: browser
browser: build clamav $(NPM) ## test the console and attacks on the local stack in Chromium (see make packages)
	go -C local test $(TEST_BUILD) ./tests/endtoend -run TestBrowser -browser -count=1 $(TESTFLAGS)

.PHONY: clients
clients: build clamav ## upload to the local stack with eight clients: SDKs, AWS CLI, rclone, s3cmd, s5cmd
	@scripts/clients

.PHONY: check
check: lint short ## run lint and the short form of the tests, before each push

.PHONY: all
all: lint short test browser emulator ## run what CI runs, but for the tests as root and the images

# The linters run side by side. make shows what each has printed when it ends, if it can (GNU make 4).
LINTERS := lint-go lint-template lint-checkov lint-policies lint-roles lint-machine lint-shell lint-lines
SIDE_BY_SIDE := --no-print-directory --keep-going --jobs=3 $(if $(filter output-sync,$(.FEATURES)),--output-sync)

.PHONY: lint
lint: ## run the linters of Go, templates, state machine, policies and scripts
	@$(MAKE) $(SIDE_BY_SIDE) $(LINTERS)

.PHONY: $(LINTERS)
lint-go: $(LINT) # it includes go vet
	$(LINT) fmt --diff
	$(AS_BUILT) $(LINT) run
	cd local && $(AS_BUILT) ../$(LINT) run
	go mod tidy -diff
	go -C local mod tidy -diff
lint-template: .tools/cfn-lint/installed
	.tools/cfn-lint/bin/cfn-lint template.yaml infra/*.yaml
lint-checkov: .tools/checkov/installed
	.tools/checkov/bin/checkov
lint-policies: $(NPM)
	node tools/policy-table.mjs local/tests/infra/testdata
lint-roles: $(NPM)
	node tools/role-table.mjs local/tests/infra/testdata
lint-machine: $(NPM)
	node tools/asl-lint.mjs statemachine/*.asl.json
lint-shell: needs-shellcheck
	shellcheck scripts/* .ci/run
lint-lines: needs-node
	node tools/line-length.mjs

.PHONY: fuzz
fuzz: clamav ## run each fuzz target for FUZZTIME (60s)
	FUZZTIME=$(or $(FUZZTIME),60s) scripts/fuzz

.PHONY: vuln
vuln: ## look for known vulnerabilities in both modules (asks vuln.go.dev)
	go -C tools build -o ../.tools/bin/ golang.org/x/vuln/cmd/govulncheck
	.tools/bin/govulncheck ./...
	.tools/bin/govulncheck -C local ./...

.PHONY: clamav
clamav: ## install ClamAV's programs if they are missing
	@scripts/install-clamav

.PHONY: packages
packages: ## install a C compiler, python3, node, shellcheck and Chromium if they are missing
	@scripts/install-linters

.PHONY: awscli
awscli: .tools/awscli/installed ## install the AWS CLI, version 1, to .tools/awscli/bin

.PHONY: clean
clean: ## remove all that was built, and the tools
	rm -rf bin build .tools .aws-sam tools/node_modules

$(LINT): tools/go.mod tools/go.sum
	@echo 'building golangci-lint (takes some minutes, once)'
	go -C tools build -o ../.tools/bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@
$(SYFT): tools/sbom/go.mod tools/sbom/go.sum
	@echo 'building syft (takes some minutes, once)'
	CGO_ENABLED=0 go -C tools/sbom build -o ../../.tools/bin/ github.com/anchore/syft/cmd/syft
	@touch $@
# Each Python tool has an environment of its own, because they need different versions of the same packages.
.tools/%/installed: tools/requirements-%.txt | needs-python3
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
$(NPM): tools/package-lock.json | needs-node needs-npm
	npm ci --prefix tools --no-fund --no-audit --ignore-scripts
	@touch $@

# Each target checks only for the programs that it runs itself.
needs-docker:
	@command -v docker >/dev/null || { echo 'docker is missing: install a Docker engine' >&2; exit 1; }
	@docker info >/dev/null || { echo 'the Docker engine does not answer: start it' >&2; exit 1; }
needs-python3:
	@python3 -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'python3 with venv is missing: make packages installs it' >&2; exit 1; }
needs-%:
	@command -v $* >/dev/null || { echo "$* is missing: make packages installs it" >&2; exit 1; }
