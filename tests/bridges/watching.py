"""In a network namespace of its own: a whole watch on a real bridge. Prints JSON."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

from dhcp_messages import ACK, MAC, REQUEST, message
from libcloud_ovm3_host import dhcp_leases, local_state
from libcloud_ovm3_host.dom0 import Dom0

OWN, OPERATION = sys.argv[1], "1" * 32


class Here(Dom0):
    """This machine, but for the module's own records."""

    def path(self, name):
        return (OWN if name.startswith("/var/") else "") + name

    def log(self, message):
        """Not in the log of this machine."""


def ip(words):
    subprocess.run(["ip", *words.split()], check=True)


def is_promiscuous():
    shown = subprocess.run(["ip", "-d", "link", "show", "br0"], capture_output=True, check=True)
    return b"promiscuity 1" in shown.stdout


def eventually(condition):
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.02)
    return False


for line in ("br0 type bridge", "guest type veth peer name vif1.0"):
    ip(f"link add {line}")
ip("link set vif1.0 master br0")
for device in ("br0", "guest", "vif1.0"):
    ip(f"link set {device} up")
subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)  # this namespace's devices
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("guest", 0))

host = Here()
dhcp_leases.watch_dhcp(host, "me", OPERATION, "br0", MAC, 60)
during = is_promiscuous()
for frame in (message(REQUEST), message(ACK)):
    wire.send(frame)
is_found = eventually(lambda: dhcp_leases.dhcp_leases(host))
found = dhcp_leases.dhcp_leases(host)
watch = local_state.get(host, ["dhcp", MAC.replace(":", "")], "watch")
os.kill(int(watch["pid"]), signal.SIGKILL)
json.dump([during, found, is_found and eventually(lambda: not is_promiscuous())], sys.stdout)
