"""Weaknesses put into jobs."""

from tests.mutants.mutant import Mutant

JOBS = "hostside/jobs.py"
RUN = "hostside/run_job.py"
HOLES = "hostside/holes.py"

MUTANTS = [
    Mutant(
        "pgrep",
        JOBS,
        "start_time(records.number(process, 'pid')) == str(to_text(process['started'])):",
        "start_time(records.number(process, 'pid')):",
        "working.a_process_is_more_than_its_number",
    ),
    Mutant(
        "started-twice",
        RUN,
        "    except errors.Exists:\n        return False\n",
        "    except errors.Exists:\n        pass\n",
        "working.one_process_does_it",
    ),
    Mutant(
        "two-jobs",
        JOBS,
        "    folder = open_job(dom0, mount_point, request['id'], True)\n",
        "    request['id'] = request['id'][:-8] + '%08x' % (time.time() * 1000 % (1 << 32))\n"
        "    folder = open_job(dom0, mount_point, request['id'], True)\n",
        "working.the_same_operation_is_one_job",
    ),
    Mutant(
        "two-jobs",
        JOBS,
        "        if recorded.get(key) != to_bytes(request[key]):",
        "        if False:",
        "working.the_same_id_is_the_same_job",
    ),
    Mutant(
        "copy-overwrites",
        RUN,
        "        dirfd.link(temporary, name, directory, target_name)\n",
        "        os.rename(safe_paths.entry_path(temporary, name),"
        " safe_paths.entry_path(directory, target_name))\n",
        "working.a_copy_leaves_what_came_later",
    ),
    Mutant(
        "clone-overwrites",
        RUN,
        "        dirfd.link(temporary, name, directory, target_name)\n",
        "        os.rename(safe_paths.entry_path(temporary, name),"
        " safe_paths.entry_path(directory, target_name))\n",
        "working.a_clone_leaves_what_came_later",
    ),
    Mutant(
        "hole-guessed",
        HOLES,
        "            if error().errno == errno.ENXIO and os.lseek(handle, at, SEEK_HOLE) == at:\n",
        "            if error().errno:\n",
        "working.what_may_be_data_is_copied",
    ),
    Mutant(
        "hole-guessed",
        HOLES,
        "    except OSError:\n        return at, size\n",
        "    except OSError:\n        return size, size\n",
        "working.what_may_be_data_is_copied",
    ),
    Mutant(
        "half-copy",
        RUN,
        "        target = dirfd.create(self.temporary, name)\n",
        "        self.temporary, name = safe_paths.open_parent(self.host, self.request['target'])\n"
        "        target = dirfd.create(self.temporary, name)\n",
        "working.a_copy_that_fails_leaves_nothing",
    ),
    Mutant(
        "links",
        RUN,
        "safe_paths.open_file(self.host, self.request['source'], os.O_RDONLY)",
        "os.open(safe_paths.entry_path("
        "*safe_paths.open_parent(self.host, self.request['source'])), 0)",
        "working.a_source_that_becomes_a_link_is_not_read",
    ),
    Mutant(
        "zeros-written",
        HOLES,
        "        if block == _ZEROS[:len(block)]:\n",
        "        if False:\n",
        "working.a_copy_is_whole",
    ),
    Mutant(
        "unlogged",
        JOBS,
        "    dom0.log('%s %s start_job %s %s %s' % (",
        "    str('%s %s start_job %s %s %s' % (",
        "working.who_started_it_is_said",
    ),
]
