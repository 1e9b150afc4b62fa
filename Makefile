# make study   set everything up and run the quick study
# make test    set everything up and run the tests
# make lint    formatting, clippy, ruff, mypy, stubs
# make bench   time ours and the peers, write dated records and pictures
# make wheel   build a wheel and try it in an empty environment
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PEERS := .venv/.peers
RUST := $(shell find rust -name '*.rs' -o -name Cargo.toml)

.PHONY: build test lint bench study wheel clean

build: $(INSTALLED)

# The extension is built in release mode by the package's own build backend.
$(INSTALLED): pyproject.toml Cargo.toml Cargo.lock rustfmt.toml $(RUST)
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "needs Python 3.11 or newer: make PYTHON=python3.11")'
	@cargo --version > /dev/null || (echo "needs Rust 1.89 or newer" && exit 1)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check --quiet --editable '.[dev]'
	touch $(INSTALLED)

study: build
	$(BIN)/hybridsampler study examples/quick.toml

test: build
	cargo test --quiet --package hybridsampler-core
	$(BIN)/pytest --quiet

lint: build
	cargo fmt --check
	cargo clippy --all-targets --quiet -- --deny warnings
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/stubtest hybridsampler._core

# streaming pins older releases of NumPy and transformers than the others take, so it lies in a folder of its own, without
# what it asks for but what its import needs; benches/contestants.py looks there.
$(PEERS): $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check --quiet --editable '.[bench]'
	$(BIN)/pip install --disable-pip-version-check --quiet --upgrade --no-deps --target .venv/streaming \
		'mosaicml-streaming==0.13.*' Brotli catalogue cramjam python-snappy torchvision zstd
	touch $(PEERS)

bench: $(PEERS)
	$(BIN)/python benches/sampler.py
	$(BIN)/python benches/plan.py
	$(BIN)/python benches/scorer.py
	$(BIN)/python benches/device.py
	$(BIN)/python benches/settings.py
	$(BIN)/python benches/runs.py
	$(BIN)/python benches/imports.py

wheel: build
	rm -rf dist
	$(BIN)/maturin build --quiet --release --out dist
	rm -rf dist/empty
	$(PYTHON) -m venv dist/empty
	dist/empty/bin/pip install --disable-pip-version-check --quiet dist/*.whl
	cd dist && empty/bin/python -c 'import sys, hybridsampler; assert "torch" not in sys.modules; print(hybridsampler.__file__)'
	rm -rf dist/empty

clean:
	rm -rf .venv target dist
