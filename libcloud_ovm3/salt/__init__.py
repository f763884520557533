"""Salt Cloud's provider ``ovm3`` (docs/salt-cloud.md).

Salt finds this package by its entry point in the group ``salt.loader``, and in it the folder
``clouds``. It imports it in each of its processes, so there is nothing in here to import.
"""
