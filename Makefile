# Daily work. Only dev is built in place; the other forms live below build/ and are found by PYTHONPATH.
PYTHON ?= python
LIB = $$(ls -d build/$(1)/lib.*)

.PHONY: dev test release asan trace compat crashes fuzz fuzz-files chaos lint bench docs dist clean

dev:                      # quick to build, bounds checked, in place
	KVDDEV_BUILD=dev $(PYTHON) setup.py -q build_ext --inplace

test: dev                 # the whole suite
	PYTHONPATH=src $(PYTHON) -m pytest

release:                  # what users get, with the test probes
	KVDDEV_PROBES=1 KVDDEV_BUILD=release $(PYTHON) setup.py -q build

# What the address sanitizer does not run: doors and applications, and with SHORT=1 what starts a server process for each test, which is slow there.
DOORS = tests/run/test_doors.py tests/persist/test_commands.py tests/persist/test_journal.py
PROCESSES = tests/server/test_tls.py tests/caching/test_model.py $(addprefix tests/persist/test_, attach.py file.py log_options.py logfolder.py logload.py \
	    progress.py rewrite.py start.py versions.py)

asan:                     # all but the doors and applications under the address sanitizer
	KVDDEV_BUILD=asan $(PYTHON) setup.py -q build
	LD_PRELOAD=$$(gcc -print-file-name=libasan.so) PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 \
	KVDDEV_COMPAT_EXAMPLES=10 PYTHONPATH=$(call LIB,asan) $(PYTHON) -m pytest --timeout 600 \
	    tests/core tests/types tests/store tests/resp tests/session tests/run tests/commands tests/persist tests/script tests/server \
	    tests/model tests/compat tests/caching $(addprefix --ignore=, $(DOORS) $(if $(SHORT), $(PROCESSES)))

trace:                    # line coverage of .pyx
	KVDDEV_BUILD=trace $(PYTHON) setup.py -q build
	PYTHONPATH=$(call LIB,trace) $(PYTHON) -m coverage run -m pytest && $(PYTHON) -m coverage report

compat: dev               # differential tests until stopped
	while KVDDEV_COMPAT_EXAMPLES=5000 PYTHONPATH=src $(PYTHON) -m pytest tests/compat --timeout 0; do :; done

fuzz:                     # the protocol fuzzer under the address sanitizer, longer
	KVDDEV_BUILD=asan $(PYTHON) setup.py -q build
	LD_PRELOAD=$$(gcc -print-file-name=libasan.so) PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 KVDDEV_FUZZ_ROUNDS=20000 \
	PYTHONPATH=$(call LIB,asan) $(PYTHON) -m pytest tests/resp/test_fuzz.py --timeout 0

CRASHES ?= 10000
crashes: dev              # kills at random moments, and every injected failure
	KVDDEV_CRASHES=$(CRASHES) PYTHONPATH=src $(PYTHON) -m pytest tests/crash --timeout 0

FUZZED ?= 10000000
fuzz-files:               # mutants of RDB files under the address sanitizer; FUZZ_LAST=FILE keeps the last one
	KVDDEV_BUILD=asan $(PYTHON) setup.py -q build
	LD_PRELOAD=$$(gcc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 \
	PYTHONPATH=$(call LIB,asan) $(PYTHON) -m tests.persist.fuzz_load --mutants $(FUZZED)

DISTURBED ?= 3600
chaos: dev                # DISTURBED seconds: replicas of all kinds under disturbance, then hostile masters and replicas under the address sanitizer
	PYTHONPATH=src $(PYTHON) -m tests.replica.chaos --seconds $(DISTURBED)
	KVDDEV_BUILD=asan $(PYTHON) setup.py -q build
	LD_PRELOAD=$$(gcc -print-file-name=libasan.so) PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 \
	PYTHONPATH=$(call LIB,asan) $(PYTHON) -m tests.replica.fuzz_link --seconds $(DISTURBED)

lint:
	ruff check src tests benchmarks && ruff format --check src && mypy && cython-lint ext

bench: release
	PYTHONPATH=$(call LIB,release) $(PYTHON) benchmarks/vs_redis.py

docs: dev                 # pages made from the tables
	PYTHONPATH=src $(PYTHON) -m kvd docs docs
	PYTHONPATH=src $(PYTHON) -c "from kvd.docs import options_stub; print(options_stub(), end='')" > src/kvd/options.pyi
	ruff format -q src/kvd/options.pyi

dist:
	$(PYTHON) -m build

clean:
	rm -rf build dist src/*.egg-info; find src ext -name '*.so' -delete -o -name '*.c' -delete
