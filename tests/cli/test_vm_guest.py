"""``ovm3 vm create`` with what the guest is told, and ``ovm3 vm remove-seed``."""

from __future__ import annotations

from pathlib import Path

import yaml
from passlib.hash import sha512_crypt

from tests.cli.running import on
from tests.guests import meta_of, seed_of, seeds_in
from tests.operations.test_ssh_keys import ED25519, RSA
from tests.support import driver_for, simulate

SECRET = "sentinel-pa55word"


def test_a_guest_is_told_what_files_say(tmp_path: Path) -> None:
    password, key, data, odd, roots = (tmp_path / name for name in ("p", "k.pub", "d", "o", "r"))
    odd.write_text("bell\x07\n")
    roots.write_text("#cloud-config\ndisable_root: true\n")
    password.write_text(f"{SECRET}\nanother line\n")
    key.write_text(f"{ED25519}\n")
    data.write_text("#cloud-config\npackages: [vim]\n")
    with simulate(1, vms=0, host_module=True, template_bytes=1 << 20) as sim:
        driver_for(sim, ex_keys_repository="MyRepo").import_key_pair_from_string("ops", RSA)
        base = ("vm", "create", "--image", "oracle-linux-6", "--size", "tiny")
        wrong = {
            ("--ssh-key", str(key), "--root-password-file", str(password)): "expected one of them",
            ("--ssh-key", str(tmp_path / "none")): "--ssh-key '",
            ("--ssh-key", str(password)): "Error: --ssh-key: ",
            ("--root-password-file", str(odd)): "Error: --root-password-file: expected 512 ",
            ("--ssh-key", str(key), "--user-data", str(roots)): (
                "which --ssh-key, --root-password-file and --key-name set to another value"
            ),
            ("--user-data", str(password)): "--user-data: not of a kind that cloud-init knows",
            ("--key-name", "nobody"): "nobody",
        }
        for options, message in wrong.items():
            done = on(sim, *base, "x", *options)
            assert done.exit_code in (1, 2)
            assert message in done.stderr
            assert SECRET not in done.stderr + done.stdout
        assert driver_for(sim).list_nodes() == []
        given = ("--root-password-file", str(password), "--key-name", "ops")
        done = on(sim, *base, "web", *given)
        assert done.exit_code == 0, done.stderr
        node = done.stdout.strip()
        hashed = yaml.safe_load(seed_of(sim, node)["user-data"])["chpasswd"]["list"]
        assert sha512_crypt.verify(SECRET, hashed.strip().partition(":")[2])
        assert meta_of(sim, node)["public-keys"] == [RSA]
        done = on(sim, *base, "db", "--ssh-key", str(key), "--user-data", str(data))
        assert "packages" not in seed_of(sim, done.stdout.strip())["user-data"], "in base64"
        assert meta_of(sim, done.stdout.strip())["public-keys"] == [ED25519]
        assert on(sim, "vm", "remove-seed", "web").exit_code != 0, "nobody was asked"
        done = on(sim, "vm", "remove-seed", "web", "--yes")
        deleted = f"web ({node}): the seed was deleted; its CD drive is empty\n"
        assert (done.exit_code, done.stdout) == (0, deleted)
        again = on(sim, "vm", "remove-seed", "web", "--yes")
        assert (again.exit_code, again.stdout) == (0, f"web ({node}): no CD drive had a seed\n")
        assert seeds_in(sim, node) == []
