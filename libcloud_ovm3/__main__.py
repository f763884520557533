"""``python -m libcloud_ovm3``: the command ``ovm3``."""

from libcloud_ovm3.cli import main

if __name__ == "__main__":
    main()
