"""errors: one tree; each says what it says, and survives the way to another process."""

from __future__ import annotations

import copy
import importlib
import inspect
import multiprocessing
import pickle
import pkgutil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcloud.common.types import InvalidCredsError, LibcloudError, MalformedResponseError

import libcloud_ovm3
from libcloud_ovm3 import errors

NODE = {"id": "0004fb", "name": "wéb", "state": "running"}
CLASSES = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.Ovm3Error)
]
SPECIAL: dict[type, dict[str, Any]] = {
    errors.AgentFault: {"code": 1, "kind": "exceptions.OSError", "text": "[Errno 17] é"},
    errors.OperationIncomplete: {"left": ("0004fb", "/OVS/x.img")},
}


class Driver:
    """Holds what cannot be pickled, as drivers do."""

    def __init__(self) -> None:
        self.lock = multiprocessing.get_context("fork").Lock()


def make(cls: type[errors.Ovm3Error], driver: Any = None) -> errors.Ovm3Error:
    where: dict[str, Any] = {"host": "ovm-1:8899", "function": "list_vms", "nodes": [NODE]}
    return cls("ovm-1:8899: list_vms: nön", driver=driver, **where, **SPECIAL.get(cls, {}))


def state(error: BaseException) -> dict[str, Any]:
    return {key: value for key, value in vars(error).items() if key != "driver"}


def send_back(error: errors.Ovm3Error) -> errors.Ovm3Error:
    return error


def raise_it(error: errors.Ovm3Error) -> None:
    raise error


@pytest.mark.parametrize("cls", CLASSES)
def test_what_it_says(cls: type[errors.Ovm3Error]) -> None:
    driver = Driver()
    error = make(cls, driver)
    assert isinstance(error, LibcloudError)
    assert str(error) == error.value == "ovm-1:8899: list_vms: nön"
    assert repr(error) == f"{cls.__name__}('ovm-1:8899: list_vms: nön')"
    assert error.args == ("ovm-1:8899: list_vms: nön",)
    assert (error.host, error.function) == ("ovm-1:8899", "list_vms")
    assert error.nodes == (NODE,)
    assert (error.node_id, error.node_name, error.node_state) == tuple(NODE.values())
    assert error.driver is driver
    for key, value in SPECIAL.get(cls, {}).items():
        assert getattr(error, key) == value


@pytest.mark.parametrize("cls", CLASSES)
def test_the_least_it_takes(cls: type[errors.Ovm3Error]) -> None:
    options = SPECIAL[cls] if cls is errors.AgentFault else {}
    error = cls("text", **options)
    assert (error.host, error.function, error.driver, error.nodes) == (None, None, None, ())
    assert (error.node_id, error.node_name, error.node_state) == (None, None, None)
    assert str(pickle.loads(pickle.dumps(error))) == "text"


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_pickles(cls: type[errors.Ovm3Error], protocol: int) -> None:
    error = make(cls, Driver())
    error.__cause__ = OSError("not needed there")
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is cls
    assert again.driver is None
    assert state(again) == state(error)
    assert (str(again), repr(again), again.args) == (str(error), repr(error), error.args)
    assert state(copy.copy(error)) == state(copy.deepcopy(error)) == state(error)


def test_it_comes_through_other_processes() -> None:
    made = [make(cls, Driver()) for cls in CLASSES]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        returned = pool.map(send_back, made)
        assert [type(error) for error in returned] == CLASSES
        assert [state(error) for error in returned] == [state(error) for error in made]
        for error in made:
            with pytest.raises(type(error)) as caught:
                pool.apply(raise_it, (error,))
            assert state(caught.value) == state(error)


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (errors.InvalidArgument, ValueError),
        (errors.BadCredentials, InvalidCredsError),
        (errors.MalformedResponse, MalformedResponseError),
        (errors.MalformedResponse, errors.OutcomeUnknown),
        (errors.TimedOut, errors.OutcomeUnknown),
        (errors.CertificateRejected, errors.HostUnreachable),
        (errors.HostNotVerified, errors.HostUnreachable),
    ],
)
def test_what_it_can_be_caught_as(cls: type, base: type) -> None:
    assert issubclass(cls, base)


def test_certain_and_uncertain_are_never_the_same() -> None:
    certain = (
        errors.InvalidArgument,
        errors.HostUnreachable,
        errors.AgentFault,
        errors.BadCredentials,
    )
    for cls in CLASSES:
        assert not (issubclass(cls, certain) and issubclass(cls, errors.OutcomeUnknown))


def test_an_answer_is_not_kept() -> None:
    assert make(errors.MalformedResponse, Driver()).body is None  # type: ignore[attr-defined]


def test_what_stands_in_a_text_forges_no_line() -> None:
    text = "VM 'x\nseed-9 running\x1b[31m\u202e\ud800\x9b' é です"
    shown = "VM 'x\\nseed-9 running\\x1b[31m\\u202e\\ud800\\x9b' é です"
    for error in (
        errors.Ovm3Error(text),
        errors.Ovm3Warning(text),
        errors.PreconditionFailed(text),
    ):
        assert str(error) == shown == errors.shown(text)
        assert error.args == (text,)
    assert pickle.loads(pickle.dumps(errors.PreconditionFailed(text))).value == text
    quoting = errors.UnexpectedFileContent("found:\n  1: a\x1b")
    assert str(quoting) == "found: | 1: a\\x1b"
    assert quoting.on_lines() == "found:\n  1: a\\x1b"
    assert isinstance(quoting, errors.PreconditionFailed)


# ------------------------------------------------------------------ one line, and that line whole


@given(st.sampled_from(CLASSES), st.text(st.characters() | st.sampled_from("\n\r\x85\u2028 |")))
def test_a_message_is_one_line(cls: type[errors.Ovm3Error], text: str) -> None:
    error = cls(text, **SPECIAL.get(cls, {}))
    assert str(error).isprintable()
    assert error.value == text
    for word in text.split():
        assert errors.shown(word) in str(error)


TRACEBACK = (
    "exceptions.RuntimeError:mount failed:\n"
    "Traceback (most recent call last):\n"
    '  File "/usr/lib64/python2.4/site-packages/agent/lib/x.py", line 7, in mount\n'
    "    run(command)\n"
    "OSError: [Errno 5] Input/output error\n"
)


def test_of_a_traceback_the_line_that_matters() -> None:
    error = errors.AgentFault(f"ovm-1: mount: {TRACEBACK}", code=1, kind="x", text=TRACEBACK)
    lines = ("exceptions.RuntimeError:mount failed:", "OSError: [Errno 5] Input/output error")
    assert str(error) == f"ovm-1: mount: {lines[0]}\\n{lines[1]}"
    assert error.text == TRACEBACK
    with_state = error.with_state("it runs", NODE)
    assert str(with_state) == f"{error}; it runs"
    assert (with_state.text, with_state.node_id) == (TRACEBACK, "0004fb")


def _exceptions() -> list[type[BaseException]]:
    """Every exception and warning of the package, wherever it is defined."""
    for module in pkgutil.walk_packages(libcloud_ovm3.__path__, "libcloud_ovm3."):
        if module.name.startswith("libcloud_ovm3.salt.clouds."):  # only Salt can import it
            package, _, name = module.name.rpartition(".")
            source = pkgutil.get_data(package, f"{name}.py")
            assert source is not None
            assert b"\nclass " not in source
        elif not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, left = [], [BaseException]
    while left:
        left += (subclasses := left.pop().__subclasses__())
        found += [cls for cls in subclasses if cls.__module__.startswith("libcloud_ovm3.")]
    return list(dict.fromkeys(found))


def test_every_exception_of_the_package_pickles() -> None:
    found = _exceptions()
    assert {"NeverSent", "NotXMLRPC", "PinMismatch"} <= {cls.__name__ for cls in found}
    for cls in found:
        if "simulator" in cls.__module__ or "testing" in cls.__module__:
            continue  # they do not leave their process
        error = make(cls) if issubclass(cls, errors.Ovm3Error) else cls("text")
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert (type(again), again.args, state(again)) == (cls, error.args, state(error))


def test_a_node_of_which_not_everything_is_given() -> None:
    """As a program's own test may make one: what is not given was not read."""
    error = pickle.loads(pickle.dumps(errors.NameTaken("taken", nodes=[{"id": "1"}])))
    assert (error.node_id, error.node_name, error.node_state) == ("1", None, None)
