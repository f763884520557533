"""Time limits that are also default arguments of the driver's methods. In seconds."""

STOP_LIMIT = 300.0  # xend itself notes a guest that takes longer to shut down (xend.md 2)
MINIMUM_AGE = 60.0  # xend destroys a guest that reboots earlier (MINIMUM_RESTART_TIME, xend.md 2)
MIGRATE_LIMIT = 1800.0  # 64 GiB of memory at 40 MB/s, which xend itself sends without a limit
SAVE_LIMIT = 3600.0  # the whole memory is written; the agent's own limit for what takes long
