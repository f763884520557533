"""errors: one tree; each says what it says, and survives the way to another process."""

from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle
from typing import Any

import pytest
from libcloud.common.types import InvalidCredsError, LibcloudError, MalformedResponseError

from libcloud_ovm3 import errors

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
    where = {"host": "ovm-1:8899", "function": "list_vms"}
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
    assert error.driver is driver
    for key, value in SPECIAL.get(cls, {}).items():
        assert getattr(error, key) == value


@pytest.mark.parametrize("cls", CLASSES)
def test_the_least_it_takes(cls: type[errors.Ovm3Error]) -> None:
    options = SPECIAL[cls] if cls is errors.AgentFault else {}
    error = cls("text", **options)
    assert (error.host, error.function, error.driver) == (None, None, None)
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
    assert state(copy.copy(error)) == state(error)


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
    assert str(quoting) == "found:\n  1: a\\x1b"
    assert isinstance(quoting, errors.PreconditionFailed)
