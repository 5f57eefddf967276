.DEFAULT_GOAL := help
.PHONY: help build deb demo demo-picture soak crash sanitize test lint fmt doc bench bench-parquet bench-kafka memory accounts clean fuzz orchestrators

help: ## Show what there is to run
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the command, optimized: target/release/license-stream
	@scripts/prerequisites.sh build
	cargo build --release --features cli

deb: build ## Make a Debian package: target/license-stream_VERSION_ARCH.deb
	scripts/deb.sh

demo: ## See it work: a simulated Truto, Parquet files and Kafka topics, nothing to install
	@scripts/prerequisites.sh build
	cargo run --release --features cli -- demo

demo-picture: ## Make the picture of the demo anew: docs/demo.svg
	@scripts/prerequisites.sh test
	cargo build --release --features cli
	"$$(scripts/python.sh venv)" scripts/picture.py docs/demo.svg target/release/license-stream demo

test: ## Run all tests, with a real Kafka broker and independent readers
	@scripts/prerequisites.sh test
	scripts/with-services.sh cargo test --features cli,failpoints

orchestrators: build ## Run the DAG of Airflow and the asset of Dagster against the simulator; fetches both into .cache
	scripts/orchestrators.sh

soak: ## Read 200 accounts with faults by chance, for each of 100 seeds; SEEDS=N for another number, SEED=N for one
	@scripts/prerequisites.sh test
	LICENSE_STREAM_SOAK_SEEDS=$(or $(SEEDS),100) LICENSE_STREAM_SOAK_SEED=$(SEED) scripts/with-services.sh cargo test --features cli,failpoints --test it -- accounts::soak --nocapture

crash: ## Kill runs by SIGKILL at random, 200 times for each destination (KILLS=N); take brokers away for 60 s (AWAY=S)
	@scripts/prerequisites.sh test
	LICENSE_STREAM_CRASH_KILLS=$(or $(KILLS),200) LICENSE_STREAM_CRASH_AWAY=$(or $(AWAY),60) scripts/with-services.sh cargo test --features cli,failpoints --test it -- crash:: --nocapture

lint: ## Check the format, the core's dependencies, clippy's findings, the docs, the public API and the package
	@scripts/prerequisites.sh build
	scripts/lint.sh

fmt: ## Format the code
	cargo fmt

doc: ## Build the library's documentation: target/doc/license_stream/index.html
	@scripts/prerequisites.sh build
	cargo doc --no-deps --features cli

bench: ## Measure everything that has a number in the documents, in about an hour
	@scripts/prerequisites.sh bench
	LICENSE_STREAM_AZURE_ENDPOINT=none LICENSE_STREAM_PARQUET_JAVA=none scripts/with-services.sh scripts/bench.sh

bench-parquet: ## Measure the command into Parquet beside DuckDB, into docs/performance.md
	@scripts/prerequisites.sh bench
	LICENSE_STREAM_REGISTRY=none LICENSE_STREAM_AZURE_ENDPOINT=none LICENSE_STREAM_PARQUET_JAVA=none scripts/with-services.sh scripts/bench.sh parquet
	LICENSE_STREAM_REGISTRY=none LICENSE_STREAM_AZURE_ENDPOINT=none LICENSE_STREAM_PARQUET_JAVA=none scripts/with-services.sh scripts/bench.sh reads

bench-kafka: ## Measure the command into Kafka beside kcat, into docs/performance.md
	@scripts/prerequisites.sh bench
	LICENSE_STREAM_AZURE_ENDPOINT=none LICENSE_STREAM_PARQUET_JAVA=none scripts/with-services.sh scripts/bench.sh kafka
	LICENSE_STREAM_REGISTRY=none LICENSE_STREAM_AZURE_ENDPOINT=none LICENSE_STREAM_PARQUET_JAVA=none scripts/with-services.sh scripts/bench.sh batching

fuzz: ## Run the fuzzers of framing and decoding under AddressSanitizer, a minute each
	scripts/fuzz.sh seconds 60

sanitize: ## Run the unit tests around unsafe code under AddressSanitizer
	scripts/sanitize.sh

memory: ## Measure peak memory and throughput from 10 MB to 10 GB, into docs/performance.md
	@scripts/prerequisites.sh bench
	LICENSE_STREAM_REGISTRY=none LICENSE_STREAM_AZURE_ENDPOINT=none LICENSE_STREAM_PARQUET_JAVA=none scripts/with-services.sh scripts/bench.sh memory

accounts: ## Measure time, requests and peak memory of many accounts, into docs/accounts.md
	@scripts/prerequisites.sh bench
	LICENSE_STREAM_REGISTRY=none LICENSE_STREAM_AZURE_ENDPOINT=none LICENSE_STREAM_PARQUET_JAVA=none scripts/with-services.sh scripts/bench.sh accounts

clean: ## Remove everything that was built or fetched
	cargo clean
	rm -rf .cache
