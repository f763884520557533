"""Warnings are shown as Python does it, and logged each time, for services that run for weeks."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings

import pytest
from libcloud.compute.base import NodeAuthPassword

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import Ovm3Warning, warn
from libcloud_ovm3.simulator import Simulator
from tests.cli.running import OVM3
from tests.support import driver_for, simulate

LOG = "libcloud_ovm3"


def test_each_time_in_the_log_and_once_as_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with simulate(hosts=2, vms=0) as sim:
        driver = driver_for(sim)
        sim.hosts[1].kill()
        with warnings.catch_warnings(record=True) as shown, caplog.at_level("WARNING", LOG):
            warnings.simplefilter("default")
            for _ in range(3):
                driver.list_nodes()
    assert [str(one.message) for one in shown if one.category is Ovm3Warning] == [
        record.getMessage() for record in caplog.records[:1]
    ]
    assert [(r.name, r.levelno) for r in caplog.records] == [(LOG, logging.WARNING)] * 3
    assert sim.hosts[1].address in caplog.messages[0]
    assert shown[0].filename == __file__, "the line of the user's program"


def test_the_warnings_of_options_are_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    for off in ("verify_ssl", "secure"):
        caplog.clear()
        with caplog.at_level("WARNING", LOG), pytest.warns(Ovm3Warning) as shown:
            OVM3NodeDriver("oracle", "pa55word", host="ovm-1", **{off: False})
        assert [str(one.message) for one in shown] == caplog.messages
        assert [one.filename for one in shown] == [__file__]
    assert "pa55word" not in caplog.text


def test_a_warning_that_is_an_error_is_logged_before(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(), caplog.at_level("WARNING", LOG):
        warnings.simplefilter("error")
        with pytest.raises(Ovm3Warning, match="a host"):
            warn("a host", stacklevel=1)
    assert caplog.messages == ["a host"]


def test_where_warnings_are_errors_what_is_returned_once_is_not_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A generated password, a private key: nobody has a second copy."""
    with simulate(1, vms=0, host_module=True, template_bytes=1 << 16) as sim:
        driver = driver_for(sim, ex_keys_repository="MyRepo")
        image, auth = driver.list_images()[0], NodeAuthPassword("secret", generated=True)
        for function in ("libcloud_write_seed", "libcloud_write_document"):
            sim.misbehave("fault_after", function)
        with warnings.catch_warnings(), caplog.at_level("WARNING", LOG):
            warnings.simplefilter("error")
            node = driver.create_node("a", "tiny", image, auth=auth, ex_networks=["control0"])
            pair = driver.create_key_pair("ops", ex_type="ed25519")
        assert node.extra["password"] == "secret"
        assert "PRIVATE KEY" in pair.private_key
        assert len(caplog.messages) == 2, "both are logged"


def test_a_name_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", LOG), pytest.warns(Ovm3Warning):
        warn("vm 'a\n2026-11-28 root: all is well\x1b[2J'", stacklevel=1)
    assert "\n" not in caplog.messages[0]
    assert "\x1b" not in caplog.messages[0]


def test_a_program_without_logging_prints_each_warning_once() -> None:
    """Python prints a log without a handler on stderr: there would be two lines."""
    program = (
        "from libcloud_ovm3 import OVM3NodeDriver\n"
        "OVM3NodeDriver('oracle', 'pw', host='ovm-1', secure=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stderr.count("unencrypted") == 1, done.stderr


def test_ovm3_prints_each_warning_once() -> None:
    with Simulator(hosts=1, vms=0, speed=100) as sim:
        host = f"{sim.hosts[0].address}:{sim.hosts[0].port}"
        done = subprocess.run(
            [*OVM3, "vm", "list", "--host", host, "--insecure"],
            env={"OVM3_PASSWORD": sim.password},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
    assert done.stderr.count("certificates are not verified") == 1, done.stderr
    assert done.stderr.startswith("warning: ")
