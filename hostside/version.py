"""Which module this is."""

API = 1  # grows with every change that a client could notice; see docs/host-module.md
PREFIX = 'libcloud_'  # of every function, so that it meets no other module's
