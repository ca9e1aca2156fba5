# The commands a newcomer needs. Each installs the packages it lacks (cmake/apt-packages.txt) and builds what it runs.
.PHONY: all demo test lint format sanitize fuzz bench install package clean help
.DEFAULT_GOAL := all

PRESET ?= release
FUZZ_SECONDS ?= 60
PREFIX ?= /usr/local

all: ## build the program: build/nibble
	@tools/install-packages build
	@cmake --preset release -DNIBBLE_TESTS=OFF >/dev/null
	@cmake --build --preset release

demo: all ## quantize the small real model, compare it with BF16, let it answer
	@tools/demo.sh build/nibble

test: ## build and run all tests (PRESET=asan or tsan for the sanitizers)
	@tools/install-packages build test
	@cmake --preset $(PRESET) -DNIBBLE_TESTS=ON >/dev/null
	@cmake --build --preset $(PRESET)
	@ctest --test-dir "$$(tools/build-folder $(PRESET))" --output-on-failure

lint: ## layout, includes, clang-tidy, shell scripts, file sizes
	@tools/install-packages build test lint
	@tools/lint.sh

format: ## lay out all sources with clang-format
	@tools/install-packages lint
	@git ls-files '*.h' '*.cc' | xargs clang-format-19 -i

sanitize: ## the tests under address and undefined behaviour sanitizers
	@$(MAKE) test PRESET=asan

fuzz: ## every fuzz target for FUZZ_SECONDS from its committed corpus
	@tools/install-packages build lint
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz --target fuzzers
	@tools/fuzz.sh build/fuzz $(FUZZ_SECONDS)

bench: ## build and run the benchmarks
	@tools/install-packages build test bench
	@cmake --preset bench >/dev/null
	@cmake --build --preset bench
	@for program in build/bench/bench/*_bench; do $$program || exit 1; done

install: all ## install below PREFIX
	@cmake --install build --prefix "$(PREFIX)"

package: all ## build a .deb in build/
	@tools/install-packages package
	@cd build && cpack -G DEB

clean: ## remove all that was built
	@rm -rf build out

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
