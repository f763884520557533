"""Behaviours of the functions for jobs."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from typing import Any

from tests.mutants.ground import CLIENT, REPOSITORY, Ground, answers, operation

SOURCE, TARGET = REPOSITORY + "/source", REPOSITORY + "/target"
DATA = b"a" * 5000 + bytes(1 << 20) + b"z"


def start(ground: Ground, kind: str, source: str, target: str, by: int = 1) -> Any:
    return answers(start_at_once, ground, kind, source, target, by)


def start_at_once(ground: Ground, kind: str, source: str, target: str, by: int = 1) -> Any:
    return ground.write("start_job", kind, source, target, by=by)


def ended(ground: Ground, by: int = 1) -> Any:
    """The job's status when it no longer runs."""
    for _ in range(500):
        status = answers(ground.call, "job_status", REPOSITORY, operation(by))
        if status["state"] != "running":
            return status
        time.sleep(0.01)
    raise AssertionError(f"runs on: {status}")


def how_it_ends(ground: Ground, kind: str, source: str, target: str) -> str:
    """The state that it ends in, or the error that it is refused with."""
    try:
        start_at_once(ground, kind, source, target)
    except Exception as problem:
        return type(problem).__name__
    return str(ended(ground)["state"])


def jobs_of(ground: Ground) -> list[str]:
    return os.listdir(ground.repository / ".libcloud-ovm3/jobs")


def prepared(ground: Ground) -> Any:
    (ground.repository / "source").write_bytes(DATA)
    return ground.repository / "target"


def a_copy_is_whole(ground: Ground) -> None:
    target = prepared(ground)
    for by, kind in enumerate(("copy", "sparse_copy"), 1):
        start(ground, kind, SOURCE, f"{TARGET}{by}", by)
        status = ended(ground, by)
        assert (status["state"], status["done_bytes"]) == ("done", len(DATA)), status
        assert target.with_name(f"target{by}").read_bytes() == DATA
    assert target.with_name("target2").stat().st_blocks * 512 < len(DATA) // 2


def a_sum_is_right(ground: Ground) -> None:
    prepared(ground)
    start(ground, "md5", SOURCE, "")
    assert ended(ground)["result"] == hashlib.md5(DATA).hexdigest()


def the_same_operation_is_one_job(ground: Ground) -> None:
    prepared(ground)
    ids = [start(ground, "copy", SOURCE, TARGET)["id"] for _ in range(3)]
    assert ids == [operation(1)] * 3
    assert ended(ground)["state"] == "done"
    start(ground, "copy", SOURCE, TARGET)
    assert ended(ground)["state"] == "done", "repeated after its end: still the same one"
    assert jobs_of(ground) == [operation(1)]


def a_job(ground: Ground, kind: str, source: str, target: str) -> Any:
    """What the process of a job does, in this one: so it can be disturbed at a place of one's own.

    The caller looks at ``.run()``'s record.
    """
    from libcloud_ovm3_host import run_job, state_dir

    folder = state_dir.open_folder(ground.dom0, REPOSITORY.encode(), ["jobs", operation(1)], True)
    temporary = state_dir.open_folder(ground.dom0, REPOSITORY.encode(), [state_dir.TEMPORARY], True)
    request = {"id": operation(1), "kind": kind, "source": source, "target": target}
    record = {key: value.encode() for key, value in request.items()}
    return run_job.Job(ground.dom0, temporary, folder, record)


def a_copy_overwrites_nothing(ground: Ground) -> None:
    target = prepared(ground)
    target.write_bytes(b"theirs")
    assert how_it_ends(ground, "copy", SOURCE, TARGET) in ("Exists", "failed")
    assert target.read_bytes() == b"theirs"


def a_copy_leaves_what_came_later(ground: Ground) -> None:
    """What somebody made while it was copying stays."""
    target = prepared(ground)
    job = a_job(ground, "copy", SOURCE, TARGET)
    target.write_bytes(b"theirs")
    assert job.run()["state"] == "failed"
    assert target.read_bytes() == b"theirs"


def a_clone_leaves_what_came_later(ground: Ground) -> None:
    target = prepared(ground)

    def share(directory: int, name: Any, new_directory: int, new_name: Any) -> None:
        with open(f"/proc/self/fd/{new_directory}/{os.fsdecode(new_name)}", "xb") as file:
            file.write(DATA)
        if os.fsdecode(name) == "source":
            target.write_bytes(b"theirs")

    ground.dom0.share_blocks = share
    ground.dom0.within = lambda seconds, function, *arguments: function(*arguments)
    assert start(ground, "clone", SOURCE, TARGET)["state"] == "failed"
    assert target.read_bytes() == b"theirs"


def what_may_be_data_is_copied(ground: Ground) -> None:
    """Also where the file system does not report holes, as in kernels before Linux 3.1."""
    real = os.lseek
    try:
        for number in (errno.EINVAL, errno.ENXIO):
            target = prepared(ground)

            def lseek(handle: int, at: int, how: int, number: int = number) -> int:
                if how > 2:
                    raise OSError(number, "no")
                return real(handle, at, how)

            os.lseek = lseek
            assert a_job(ground, "sparse_copy", SOURCE, TARGET).run()["state"] == "done"
            assert target.read_bytes() == DATA
            target.unlink()
            os.unlink(ground.repository / ".libcloud-ovm3/temporary" / f"job-{operation(1)}")
    finally:
        os.lseek = real


def a_copy_that_fails_leaves_nothing(ground: Ground) -> None:
    target = prepared(ground)
    job = a_job(ground, "copy", SOURCE, TARGET)

    def fail() -> None:
        raise OSError(28, "no space left")

    job.report = fail
    assert job.run()["state"] == "failed"
    assert not target.exists()


def a_source_that_becomes_a_link_is_not_read(ground: Ground) -> None:
    target = prepared(ground)
    job = a_job(ground, "copy", SOURCE, TARGET)
    (ground.repository / "source").unlink()
    (ground.repository / "source").symlink_to(ground.secret)
    assert job.run()["state"] == "failed"
    assert not target.exists()


def who_started_it_is_said(ground: Ground) -> None:
    prepared(ground)
    status = start(ground, "md5", SOURCE, "")
    assert status["client"] == CLIENT
    ended(ground)
    assert [line for line in ground.said if operation(1) in line and CLIENT in line]


def a_process_is_more_than_its_number(ground: Ground) -> None:
    """Another process has its number now: the job is dead, whatever runs."""
    prepared(ground)
    start(ground, "md5", SOURCE, "")
    ended(ground)
    job = ground.repository / ".libcloud-ovm3/jobs" / operation(1)
    (job / "outcome").unlink()
    (job / "process").write_text(f"pid={os.getpid()}\nstarted=1\n")
    assert answers(ground.call, "job_status", REPOSITORY, operation(1))["state"] == "dead"


def one_process_does_it(ground: Ground) -> None:
    """Two that were started at once: the one that comes second gives way."""
    from libcloud_ovm3_host import run_job, state_dir

    folder = ground.repository / ".libcloud-ovm3/job"
    folder.mkdir(parents=True)
    names = state_dir.open_folder(ground.dom0, REPOSITORY.encode(), ["job"], True)
    temporary = state_dir.open_folder(ground.dom0, REPOSITORY.encode(), [state_dir.TEMPORARY], True)
    request = {"id": operation(1).encode(), "started": str(int(time.time())).encode()}
    begun = [run_job.begins(temporary, names, request) for _ in range(2)]
    assert begun == [True, False]


def the_same_id_is_the_same_job(ground: Ground) -> None:
    prepared(ground)
    start(ground, "md5", SOURCE, "")
    ended(ground)
    ground.write_refused("InvalidArgument", "start_job", "copy", SOURCE, TARGET)
    ground.write_refused("InvalidArgument", "start_job", "md5", SOURCE + "2", "")
