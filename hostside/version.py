"""Which module this is."""

NAME = 'libcloud-ovm3'  # in libcloud_version; modules from before API 1 do not have it there
API = 1  # grows with every change that a client could notice; see docs/host-module.md
PREFIX = 'libcloud_'  # of every function, so that it meets no other module's

# what a client may ask for at once; said in libcloud_capabilities
CHUNK_BYTES = 4 << 20
PAGE_ENTRIES = 1000
DOCUMENT_BYTES = 1 << 20
