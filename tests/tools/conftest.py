"""The gate for Python 2.4 runs on Python 2.7 only, and so do its tests: `make test-py2`."""

import sys

collect_ignore = ["test_python24.py"] if sys.version_info[0] > 2 else []
