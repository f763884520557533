"""The options for hosts, credentials and TLS, which the inventory and the module share."""


class ModuleDocFragment:
    """What ``extends_documentation_fragment`` reads."""

    DOCUMENTATION = r"""
options:
  estate:
    description:
      - Name of an estate in the configuration file of C(ovm3) (C(ovm3 estate list)). It completes
        all options for the access to the hosts that are not given.
      - One of O(estate), O(host) and O(hosts) is required.
    type: str
  host:
    description: Any host of the pool, C(NAME) or C(NAME:PORT). All members of its pool are used.
    type: str
  hosts:
    description: The hosts to work with, instead of all members of the pool.
    type: list
    elements: str
  port:
    description: TCP port of the agents; C(8899) if neither this nor the address says otherwise.
    type: int
  user:
    description: User of the agents; C(oracle) if neither this nor the estate says otherwise.
    type: str
  password:
    description:
      - Password of the agents. Keep it in Ansible Vault.
      - If neither this nor the estate says where it is, the environment variable
        E(OVM3_PASSWORD) of the process that contacts the hosts.
    type: str
  passwords:
    description: Passwords of hosts that have another one, by host.
    type: dict
  fingerprint:
    description:
      - SHA-256 of the host's certificate, as C(ovm3 host certificate) prints it. For several hosts
        a mapping from host to fingerprint, or to a list of them.
    type: raw
  ca_cert:
    description: Path of a PEM file with the CA certificates with which to verify the hosts.
    type: path
  cert_file:
    description: Path of the client certificate (PEM), for hosts that require one.
    type: path
  key_file:
    description: Path of its private key, if that is a separate file.
    type: path
  verify_ssl:
    description: Whether to verify certificates. C(false) is insecure, and causes a warning.
    type: bool
    default: true
  tls_server_name:
    description: Name to expect in the certificates; or a mapping from host to name.
    type: raw
  tls_minimum:
    description: Lowest TLS version to accept. C(TLSv1.2) unless the estate says otherwise; agents
      of OVM 3.2 need C(TLSv1).
    type: str
  tls_weak_keys:
    description: Accept keys below 2048 bits and SHA-1 signatures.
    type: bool
  tls_legacy_renegotiation:
    description: Accept hosts without secure renegotiation (RFC 5746).
    type: bool
  proxy_url:
    description: HTTP proxy, C(http://HOST:PORT). It may contain a password.
    type: str
  timeouts:
    description: Time limits in seconds by kind of call, V(connect), V(read), V(write) and V(long).
    type: dict
  second_look:
    description: Seconds between the two reads that prove that a VM runs nowhere; C(5) unless the
      estate says otherwise.
    type: float
  host_module:
    description: Whether to use the host module where a host has it. C(true) unless the estate says
      otherwise.
    type: bool
  traffic_labels:
    description: Which interface of the hosts carries which traffic, a mapping from V(guest),
      V(public), V(management) and V(storage) to a NIC, bond, VLAN device or bridge.
    type: dict
  default_network:
    description: Bridge, traffic label or C(LABEL:VLAN) for the card of a VM that is created. A VM
      has no card if neither this nor the estate says otherwise.
    type: str
  public_networks:
    description: Bridges and traffic labels whose addresses are public.
    type: list
    elements: str
  keys_repository:
    description: Id or alias of the repository that key pairs are kept in.
    type: str
  watch_dhcp:
    description: Whether a host that starts a VM watches for ten minutes which addresses DHCP gives
      it. C(false) unless the estate says otherwise.
    type: bool
requirements:
  - libcloud-ovm3
"""
