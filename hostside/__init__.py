"""What is placed on a hypervisor: see docs/host-module.md.

On dom0 this folder is ``libcloud_ovm3_host`` beside the package ``agent``; only
``libcloud_ovm3.py`` is copied into ``agent/api``. Everything in here runs on dom0's own Python, 2.4
or 2.6, with the standard library only, and on 2.7 and 3 for the tests.
"""
