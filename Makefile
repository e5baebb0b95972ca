.PHONY: help build test lint e2e bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "%-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./twilio-vcr
	go build -o twilio-vcr .

test: ## run the tests
	go test ./...

lint: ## format, vet, staticcheck
	gofmt -l -w .
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

e2e: ## run the real SDKs and curl against the binary; needs Prism, as .ci/run installs it
	cd e2e && go test -count=1 -v ./...

bench: ## measure; compare the figures of one run only
	go test -run '^$$' -bench . -benchmem ./...
