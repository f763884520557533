# The two commands of the README: `make demo` and `make test`. Everything they need is installed into .venv.
PYTHON ?= python3
PYTHON2 ?= $(shell pyenv root)/versions/2.7.18/bin/python
# The lowest and the newest Python that setup.cfg admits.
PYTHON310 ?= $(firstword $(wildcard $(shell pyenv root)/versions/3.10.*/bin/python) python3.10)
PYTHON313 ?= $(firstword $(wildcard $(shell pyenv root)/versions/3.13.*/bin/python) python3.13)
VENV := .venv
# One more than cores: some tests wait for processes. Each collects all tests, which takes seconds.
WORKERS ?= 3
# Or each of them compiles all tests anew.
unexport PYTHONDONTWRITEBYTECODE
# Simulated hosts are some hundred small files each, which ext4 takes its time to make.
export TMPDIR ?= $(or $(shell test -w /dev/shm && echo /dev/shm),/tmp)
SHORT := not soak and not long and not tables and not sshd and not dist and not ansible and not salt and not clients and not browser and not guest
BIN := $(VENV)/bin
METADATA := setup.cfg setup.py pyproject.toml libcloud_ovm3.pth libcloud_ovm3/_version.py

.PHONY: demo test test-tables test-alone test-long test-py2 test-host test-guest test-ansible test-salt test-salt-3006 test-clients test-report check format generate ci ci-computing ci-waiting soak lowest newest dist docs bench bench-peers clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	@echo "make: running $(BIN)/ovm3 demo" >&2
	@$(BIN)/ovm3 demo

# One test logs in at a real sshd (as whoever runs it).
test: check | /usr/sbin/sshd
	$(BIN)/python -m pytest -m "$(SHORT)" -n $(WORKERS)

/usr/sbin/sshd:
	apt-get update -qq && apt-get install -y -qq openssh-server

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/generate_functions.py --check
	$(BIN)/python tools/generate_arguments.py --check
	$(BIN)/python tools/generate_features.py --check

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What is generated from the catalogue of the agent's functions, from docstrings and from classes.
generate: $(VENV)/.test
	$(BIN)/python tools/generate_functions.py
	$(BIN)/python tools/generate_arguments.py
	$(BIN)/python tools/generate_features.py

# Two at a time after `make test`: many of them wait, or use one core only. Installing writes into the
# tree, so that of `newest` comes before, and all the others' stand in one row. The output of each
# comes when it has ended.
ci: test .venv-newest/.test
	@$(MAKE) --no-print-directory -j 2 --output-sync=target ci-computing ci-waiting

ci-computing:
	@$(MAKE) test-tables
	@$(MAKE) test-long

ci-waiting:
	@$(MAKE) test-py2
	@$(MAKE) test-host
	@$(MAKE) test-guest
	@$(MAKE) test-salt
	@$(MAKE) test-ansible
	@$(MAKE) test-clients
	@$(MAKE) test-report
	@$(MAKE) dist
	@$(MAKE) docs
	@$(MAKE) lowest
	@$(MAKE) newest

# The variants and rows of failure tables that `make test` leaves out (tests/selection.py): with the
# newest Python, so that also what does not meet the libraries is tried with two.
test-tables: .venv-newest/.test
	.venv-newest/bin/python -m pytest -m "tables and not long and not soak and not sshd" --timeout 600 -n $(WORKERS)

# What takes a minute by itself. Only the files that have such tests: to collect all takes longer.
LONG = $(shell grep -rl 'mark\.long' tests --include='test_*.py')

test-long: $(VENV)/.test
	$(BIN)/python -m pytest -m long --timeout 600 -n $(WORKERS) $(LONG)

# The installer over a real sshd on loopback, copies on a file system that shares blocks, disks in the
# formats of the real qemu-img, and what is heard on a bridge. Only root can start an sshd that lets root in, mount, and make a bridge.
test-host: $(VENV)/.test | /usr/sbin/sshd
	@test -x /usr/sbin/mkfs.xfs || { apt-get update -qq && apt-get install -y -qq xfsprogs; }
	@test -x /usr/bin/qemu-img -a -x /usr/bin/xz || { apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends qemu-utils xz-utils; }
	$(BIN)/python -m pytest -m sshd -n 4 tests/installer tests/filesystems tests/bridges

# A real guest in QEMU: its image is made of Debian's packages once, and kept in build/ as long as its
# recipe is the same. The test makes a bridge, so it has a network of its own, which ends with it.
# It takes 4 minutes beside others; the limit is there so that it does not grow unseen.
GUEST = build/guest-$(shell sha256sum tools/make-guest-image | cut -c 1-16).raw

test-guest: $(VENV)/.test
	@test -x /usr/bin/qemu-system-x86_64 -a -x /usr/sbin/ip || { apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends qemu-system-x86 iproute2; }
	@test -e $(GUEST) || $(MAKE) --no-print-directory $(GUEST)
	OVM3_GUEST_IMAGE=$(GUEST) unshare --net sh -c 'ip link set lo up && \
		exec $(BIN)/python -m pytest -m guest --timeout 600 tests/guest'

build/guest-%.raw:
	@test -x /usr/bin/mmdebstrap -a -x /usr/bin/extlinux || { apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends mmdebstrap extlinux; }
	@echo "make: making the image of a Debian guest (a minute or two, once)" >&2
	@rm -f build/guest-*.raw
	@unshare --mount tools/make-guest-image $@

# The Ansible collection in the real programs of Ansible. The package is installed as its users have it:
# the collection must be found in site-packages.
test-ansible: .venv-ansible/.test
	@rm -rf build/lib
	@.venv-ansible/bin/python -m pip install --quiet --no-deps --force-reinstall .
	.venv-ansible/bin/python -m pytest -m ansible -n 2 tests/ansible

# Salt Cloud's provider in Salt itself; each Salt has an environment of its own, as it pins what it
# needs. Only these of its releases can be installed: newer ones require a certifi that does not
# exist. Salt 3008 has neither libcloud_compute nor libcloud_storage any more.
SALT_3006 := salt==3006.28
SALT_3007 := salt==3007.15
SALT_3008 := salt==3008.3
# Most of the time these tests wait for Salt, which waits one second for each of its events.
SALT_TESTS := -m pytest -m salt -n 6 tests/salt

test-salt:
	@$(MAKE) --no-print-directory -j 2 .venv-salt-3007/.installed .venv-salt-3008/.installed
	.venv-salt-3007/bin/python $(SALT_TESTS)
	.venv-salt-3008/bin/python $(SALT_TESTS) --ignore tests/salt/test_libcloud_compute.py \
		--ignore tests/salt/test_libcloud_storage.py

test-salt-3006: .venv-salt-3006/.installed
	.venv-salt-3006/bin/python $(SALT_TESTS)

# Programs that use the storage driver, in an environment of their own. Pinned, as they are what is
# tested: a new release of one must not break an unchanged tree.
test-clients: .venv-clients/.installed
	.venv-clients/bin/python -m pytest -m clients tests/clients

# The page of `ovm3 report` as a browser shows and prints it.
test-report: $(VENV)/.browser
	@test -x /usr/bin/chromium -a -x /usr/bin/chromedriver -a -x /usr/bin/pdftotext || \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends \
		chromium chromium-driver fonts-dejavu-core poppler-utils; }
	$(BIN)/python -m pytest -m browser tests/report

$(VENV)/.browser: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet 'selenium>=4.20,<5'
	@touch $@

# Each file alone, all in reverse order, each test apart: none may depend on another. Takes long.
test-alone: $(VENV)/.test
	$(BIN)/python tools/alone.py

# Long runs, not in CI: make soak NAME=codec runs those with this word in their name; NAME=salt
# runs the tests with the oldest Salt only.
soak: $(if $(filter-out salt,$(NAME)),,test-salt-3006) $(if $(filter salt,$(NAME)),,$(VENV)/.test)
	$(if $(filter salt,$(NAME)),,$(BIN)/python -m pytest -m soak --timeout 7200 -s -k "$(NAME)")

# Ratios against named peers, about eight minutes; fails if a target is missed (docs/performance.md).
bench: $(VENV)/.test
	@$(BIN)/python -m bench

# Against libcloud's libvirt driver, which a user could choose instead. Builds libvirt-python, for which
# it installs Debian packages where they are missing (as root).
bench-peers: .venv-peers/.installed
	@.venv-peers/bin/python -m bench.peers

.venv-peers/.installed: $(METADATA) tools/install-libvirt
	@tools/make-venv $(PYTHON) .venv-peers
	@tools/install-libvirt .venv-peers/bin/python
	@.venv-peers/bin/python -m pip install --quiet -e '.[simulator]' libvirt-python==12.8.0
	@touch $@

# What meets the libraries and the language, with the oldest of both that setup.cfg admits, and the
# newest.
MEETS_LIBRARIES := tests/agent tests/cli tests/compute tests/conformance tests/estate tests/packaging tests/testing $(wildcard tests/test_*.py)

lowest: .venv-lowest/.test | /usr/sbin/sshd
	.venv-lowest/bin/python -m pytest -m "$(SHORT)" -n $(WORKERS) $(MEETS_LIBRARIES)

# On the newest Python `make test-tables` has most of tests/compute already.
newest: .venv-newest/.test | /usr/sbin/sshd
	.venv-newest/bin/python -m pytest -m "$(SHORT)" -n $(WORKERS) $(filter-out tests/compute,$(MEETS_LIBRARIES))

# The wheel and the sdist in dist/: built (the wheel from the sdist), checked, and installed into new
# environments. Needs a clone: the sdist is compared with what git tracks.
dist: $(VENV)/.test .venv-dist/.installed .venv-ansible/.test
	@rm -rf dist
	.venv-dist/bin/python -m build --quiet
	.venv-dist/bin/twine check --strict dist/*
	.venv-dist/bin/check-wheel-contents --toplevel ansible_collections,libcloud_ovm3,libcloud_ovm3_hook.py,libcloud_ovm3_pytest.py dist
	.venv-ansible/bin/ansible-galaxy collection build --output-path dist/ansible ansible_collections/libcloud_ovm3/ovm3
	$(BIN)/python -m pytest -m dist -n 2 tests/packaging

# A web site of docs/ and the reference in build/docs. Every warning is an error, such as a link to a
# page, a heading or a class that does not exist. Nothing is fetched: links to other sites are not tried.
docs: .venv-docs/.installed
	@rm -rf build/docs
	.venv-docs/bin/sphinx-build --fail-on-warning --keep-going --quiet -c docs/website . build/docs
	@echo "make: see build/docs/index.html" >&2

.venv-docs/.installed: $(METADATA) tools/docs.txt
	@tools/make-venv $(PYTHON) .venv-docs
	@.venv-docs/bin/python -m pip install --quiet -e '.[cli,ssh,testing]' -r tools/docs.txt
	@touch $@

# What goes to dom0: checked for Python 2.4, its tests run on 2.7. What tests leave stays in .venv-py2.
PYTEST2 = PYTHONPATH=. PYTHONDONTWRITEBYTECODE=1 $(PYTHON2) -m pytest -q -p no:cacheprovider -c /dev/null

test-py2: .venv-py2/.test
	cd .venv-py2 && PYTHONPATH=. $(PYTHON2) -B ../tools/python24.py ../hostside/*.py
	cd .venv-py2 && $(PYTEST2) --rootdir ../tests/tools --confcutdir ../tests/tools ../tests/tools/test_python24.py
	cd .venv-py2 && $(PYTEST2) --rootdir ../tests/hostside --confcutdir ../tests/hostside ../tests/hostside

.venv-py2/.test: tools/python2.txt
	@$(PYTHON2) -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' || \
		{ echo 'make test-py2 needs a Python 2.7: PYTHON2=/path/to/python2.7'; exit 1; }
	@rm -rf .venv-py2
	@$(PYTHON2) -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
		--target .venv-py2 -r tools/python2.txt
	@touch $@

$(BIN)/python:
	@tools/make-venv $(PYTHON) $(VENV)

$(VENV)/.demo: $(METADATA) | $(BIN)/python
	@echo "make: installing the package and what it needs into $(VENV) (most of a minute, once)" >&2
	@$(BIN)/python -m pip install --quiet -e '.[cli]'
	@touch $@

$(VENV)/.test: $(METADATA) | $(BIN)/python
	@echo "make: installing the package and what its tests need into $(VENV) (a minute, once)" >&2
	@$(BIN)/python -m pip install --quiet -e '.[cli,test,check]'
	@touch $@ $(VENV)/.demo

.venv-lowest/.test: $(METADATA) tools/lowest.txt
	@tools/make-venv $(PYTHON310) .venv-lowest
	@.venv-lowest/bin/python -m pip install --quiet -c tools/lowest.txt -e '.[cli,test,check]'
	@touch $@

.venv-newest/.test: $(METADATA)
	@tools/make-venv $(PYTHON313) .venv-newest
	@.venv-newest/bin/python -m pip install --quiet -e '.[cli,test,check]'
	@touch $@

.venv-ansible/.test: $(METADATA) Makefile
	@tools/make-venv $(PYTHON) .venv-ansible
	@.venv-ansible/bin/python -m pip install --quiet '.[cli,test]' ansible-core==2.19.14
	@touch $@

# Two at a time; but apt-get, for what Debian's Python lacks, runs alone. The package is built from a
# copy of the tree, as setuptools builds in it; what begins with a dot is not part of it.
SALT_PACKAGE = .venv-salt-$*/tree
COPY_TREE = rm -rf $(SALT_PACKAGE) && mkdir $(SALT_PACKAGE) && \
	tar -c --exclude='./.*' --exclude=./tests --exclude=./dist --exclude=./build . | tar -x -C $(SALT_PACKAGE)
.PRECIOUS: .venv-salt-%/.salt

.venv-salt-%/.salt: $(METADATA) tools/install-compiler
	@echo "make: installing $(SALT_$*) into .venv-salt-$* (a minute, once)" >&2
	@flock tools tools/make-venv $(if $(filter 3006,$*),$(PYTHON310),$(PYTHON)) .venv-salt-$*
	@flock tools tools/install-compiler .venv-salt-$*/bin/python
	@$(COPY_TREE)
	@.venv-salt-$*/bin/python -m pip install --quiet $(SALT_$*) '$(SALT_PACKAGE)[simulator]' \
		'pytest>=8' 'pytest-timeout>=2.3' 'pytest-xdist>=3.5' 'hypothesis>=6.100'
	@touch $@

.venv-salt-%/.installed: .venv-salt-%/.salt $(shell find libcloud_ovm3 hostside -name '*.py')
	@$(COPY_TREE)
	@.venv-salt-$*/bin/python -m pip install --quiet --no-deps --force-reinstall $(SALT_PACKAGE)
	@touch $@

.venv-clients/.installed: $(METADATA) Makefile
	@tools/make-venv $(PYTHON) .venv-clients
	@.venv-clients/bin/python -m pip install --quiet -e '.[simulator]' 'pytest>=8' 'pytest-timeout>=2.3' \
		'pytest-xdist>=3.5' 'hypothesis>=6.100' \
		django==5.2.19 'django-storages[libcloud]==1.14.6' django-dbbackup==5.4.0
	@touch $@

.venv-dist/.installed: Makefile | $(BIN)/python
	@tools/make-venv $(PYTHON) .venv-dist
	@.venv-dist/bin/python -m pip install --quiet 'build>=1.6' 'twine>=6' 'check-wheel-contents>=0.6'
	@touch $@

clean:
	rm -rf $(VENV) .venv-ansible .venv-clients .venv-lowest .venv-newest .venv-dist .venv-docs .venv-py2 .venv-peers .venv-salt-* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
