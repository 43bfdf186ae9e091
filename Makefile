# The front door. Drives meson; the variables may be set on the command line.
#   SAN=1     address and undefined-behaviour sanitizers, in a build folder of its own
#   BUILD=    the build folder
#   PREFIX=   for install
#   TESTS=    the tests to run (default: all)
SAN ?= 0
ifeq ($(SAN),1)
BUILD ?= build-san
MESON_ARGS = -Db_sanitize=address,undefined -Db_lundef=false
else
BUILD ?= build
endif
PREFIX ?= /usr/local
TESTS ?=
TIME ?= 30
MESON_SETUP = meson setup --prefix=/ --bindir=bin --libdir=lib --datadir=share --mandir=share/man

.PHONY: all deps run check bench fuzz lint format install clean

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)
	rm -rf $(BUILD)/stage
	DESTDIR=$(CURDIR)/$(BUILD)/stage meson install -C $(BUILD) --quiet --no-rebuild

$(BUILD)/build.ninja:
	$(MESON_SETUP) $(MESON_ARGS) $(BUILD)

deps:
	scripts/deps

run: deps
	$(MAKE) all
	scripts/demo $(CURDIR)/$(BUILD)/stage

check: deps
	$(MAKE) all
	tests/run --build $(BUILD) $(TESTS)

bench: deps
	$(MAKE) all
	bench/run $(CURDIR)/$(BUILD)/stage

fuzz: deps
	CC=clang $(MESON_SETUP) -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false build-fuzz --reconfigure 2>/dev/null || \
	CC=clang $(MESON_SETUP) -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false build-fuzz
	ninja -C build-fuzz
	scripts/fuzz build-fuzz $(TIME)

lint: deps
	scripts/lint

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

install:
	meson setup --prefix=$(PREFIX) build-install 2>/dev/null || meson configure build-install -Dprefix=$(PREFIX)
	meson install -C build-install

clean:
	rm -rf build build-*
