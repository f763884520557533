"""Real guests for simulated hosts: each VM that a host starts runs in a QEMU of its own."""
