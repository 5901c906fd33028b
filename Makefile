# Everything a developer, CI and `sam build` type. `make` alone lists the targets.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

LAYOUT    ?= two-bucket
FUNCTIONS := $(patsubst functions/%/main.go,%,$(wildcard functions/*/main.go))
PROGRAMS  := bin/lazaret $(FUNCTIONS:%=build/%/bootstrap)
GO_BUILD  := CGO_ENABLED=0 go build -trimpath -tags lambda.norpc,grpcnotrace -ldflags '-s -w'
AS_BUILT  := CGO_ENABLED=0 GOFLAGS="$${GOFLAGS:-} -trimpath" # what analyses then compiles nothing a second time

# The architecture that is deployed is named once, in the template; the local stack runs this machine's own.
TEMPLATE_ARCH := $(shell sed -n 's/^ *Architectures: \[\(.*\)\].*/\1/p' template.yaml)
DEPLOYED_ARCH := $(subst x86_64,amd64,$(TEMPLATE_ARCH))

# The race detector needs a C compiler; a machine with make and Go alone has none.
RACE := $(if $(shell command -v "$$(go env CC)"),-race)
LINT := .tools/bin/golangci-lint
SYFT := .tools/bin/syft
NPM  := tools/node_modules/.package-lock.json

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build clamav ## watch samples go to their verdicts (LAYOUT=two-bucket or three-bucket)
	bin/lazaret demo --layout $(LAYOUT)

.PHONY: run
run: build clamav ## keep the local stack up
	bin/lazaret local

.PHONY: build
build: announce-build $(PROGRAMS) ## build bin/lazaret and build/<function>/bootstrap for this machine

.PHONY: announce-build
announce-build:
	@[[ -x bin/lazaret ]] || echo 'building $(words $(PROGRAMS)) programs (a minute or two, the first time)'

.PHONY: FORCE # Go's build cache knows better than make what has changed
bin/lazaret: FORCE
	@[[ -x $@ ]] || echo '  $@'
	@$(GO_BUILD) -o $@ ./cmd/lazaret
build/%/bootstrap: FORCE
	@[[ -x $@ ]] || echo '  $@'
	@$(GO_BUILD) -o $@ ./functions/$*

# sam build calls build-<LogicalId>: build-DispatchFunction builds functions/dispatch.
build-%Function:
	@: "$${ARTIFACTS_DIR:?is set by sam build}"
	GOOS=linux GOARCH=$(DEPLOYED_ARCH) $(GO_BUILD) -o "$$ARTIFACTS_DIR/bootstrap" ./functions/$$(tr A-Z a-z <<<'$*')

.PHONY: test
test: build clamav ## run every test, the whole-machine ones with real clamd included
	@[[ -n "$(RACE)" ]] || echo 'make test: no C compiler, so without the race detector (make packages installs one)'
	go test $(RACE) -timeout 30m $(TESTFLAGS) ./...

.PHONY: bench
bench: build clamav ## measure it, beside raw clamd (about 15 minutes; docs/benchmarks.md)
	go run ./bench

.PHONY: images
images: needs-docker .tools/sam/installed $(SYFT) ## build the images, and all else that is deployed, with SAM and Docker; list what they are made of; run them as Lambda does
	@scripts/images sam
	@scripts/sbom scanfunction:scan freshclamfunction:freshclam

.PHONY: emulator
emulator: build clamav .tools/emulator/installed ## deploy the template into an emulator, and run there what is deployed
	.tools/emulator/bin/python tools/emulator/deploy.py

.PHONY: browser
browser: build clamav ## let a real browser attack the local stack (needs Chromium: make packages)
	go test ./local/machine -run TestBrowser -browser -count=1 $(TESTFLAGS)

.PHONY: clients
clients: build clamav ## upload with eight clients that people use: SDKs, AWS CLI, rclone, s3cmd, s5cmd
	@scripts/clients

.PHONY: check
check: lint .tools/awscli/installed test browser emulator ## what CI runs: lint, test, browser, emulator

.PHONY: lint
lint: needs-shellcheck $(LINT) $(NPM) .tools/cfn-lint/installed .tools/checkov/installed ## formatting, go.mod, golangci-lint, cfn-lint, checkov, state machines, policies, shellcheck
	$(LINT) fmt --diff
	$(AS_BUILT) go vet ./...
	$(AS_BUILT) $(LINT) run
	go mod tidy -diff
	.tools/cfn-lint/bin/cfn-lint template.yaml infra/*.yaml
	.tools/checkov/bin/checkov
	node tools/asl-lint.mjs statemachine/*.asl.json
	node tools/policy-table.mjs infra/testdata
	node tools/role-table.mjs infra/testdata
	shellcheck scripts/* .ci/run

.PHONY: fuzz
fuzz: clamav ## fuzz every parser of hostile bytes, one after another (FUZZTIME=60s each)
	FUZZTIME=$(or $(FUZZTIME),60s) scripts/fuzz

.PHONY: vuln
vuln: ## known vulnerabilities in what is built (asks vuln.go.dev)
	go -C tools build -o ../.tools/bin/ golang.org/x/vuln/cmd/govulncheck
	.tools/bin/govulncheck ./...

.PHONY: clamav
clamav: ## install ClamAV's programs where they are missing
	@scripts/install-clamav

.PHONY: packages
packages: ## install what check needs: a C compiler, python3, node, shellcheck, Chromium
	@scripts/install-linters

.PHONY: clean
clean: ## remove what was built, the tools included
	rm -rf bin build .tools .aws-sam tools/node_modules

$(LINT): tools/go.mod tools/go.sum
	@echo 'building golangci-lint (some minutes, once)'
	go -C tools build -o ../.tools/bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@
$(SYFT): tools/sbom/go.mod tools/sbom/go.sum
	@echo 'building syft (some minutes, once)'
	CGO_ENABLED=0 go -C tools/sbom build -o ../../.tools/bin/ github.com/anchore/syft/cmd/syft
	@touch $@
# Each Python tool has an environment of its own: they want different versions of the same packages.
.tools/%/installed: tools/requirements-%.txt | needs-python3
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
$(NPM): tools/package-lock.json | needs-node needs-npm
	npm ci --prefix tools --no-fund --no-audit --ignore-scripts
	@touch $@

# A target asks for the programs that it runs itself, and for no others.
needs-docker:
	@command -v docker >/dev/null || { echo 'docker is needed, and not here: install a Docker engine' >&2; exit 1; }
needs-%:
	@command -v $* >/dev/null || { echo "$* is needed, and not here: make packages installs it" >&2; exit 1; }
