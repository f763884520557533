"""Which module this is."""

NAME = 'libcloud-ovm3'  # in libcloud_version; modules from before API 1 do not have it there
API = 3  # grows with every change that a client could notice; see docs/host-module.md
CLAIMS = 2  # VMs have claims: docs/claims.md; from 2 on they migrate, are saved and restored
PREFIX = 'libcloud_'  # of every function, so that no name collides with another module's

# limits of one request, reported by libcloud_capabilities
CHUNK_BYTES = 4 << 20
PAGE_ENTRIES = 1000
DOCUMENT_BYTES = 1 << 20
