"""Weaknesses put into changes of a vm.cfg."""

from tests.mutants.mutant import Mutant

CHANGE = "hostside/change_vm.py"

MUTANTS = [
    Mutant(
        "digest-ignored",
        CHANGE,
        "    if request['digest'] not in ('', md5(content).hexdigest()):",
        "    if False:",
        "changing.a_file_that_was_not_read_is_left_alone",
    ),
    Mutant(
        "digest-ignored",
        CHANGE,
        "        if _now(dom0, request) == content:",
        "        if True:",
        "changing.a_file_edited_in_the_last_moment_is_left_alone",
    ),
    Mutant(
        "change-run-again",
        CHANGE,
        "            if change['operation'] == request['operation']:  # the request was repeated",
        "            if False:",
        "changing.an_operation_is_run_once",
    ),
    Mutant(
        "change-run-again",
        CHANGE,
        "    if _age(dom0, request) >= BEGIN_SECONDS:",
        "    if False:",
        "changing.what_began_too_late_is_not_run",
    ),
    Mutant(
        "two-changes-at-once",
        CHANGE,
        "        elif state in ('running', 'elsewhere'):",
        "        elif state == 'elsewhere':",
        "changing.what_goes_on_is_waited_for",
    ),
    Mutant(
        "two-changes-at-once",
        CHANGE,
        "        elif state in ('running', 'elsewhere'):",
        "        elif state == 'running':",
        "changing.another_host_s_change_is_waited_for",
    ),
    Mutant(
        "two-changes-at-once",
        CHANGE,
        "    if state == 'elsewhere' and not take_over:",
        "    if False:",
        "changing.another_host_s_change_is_waited_for",
    ),
    Mutant(
        "two-changes-at-once",
        CHANGE,
        "    if state == 'running':\n        raise",
        "    if state == 'none':\n        raise",
        "changing.what_goes_on_is_waited_for",
    ),
    Mutant(
        "text-before-lost",
        CHANGE,
        "_REPORTED + ('certificate', 'content')",
        "_REPORTED + ('certificate',)",
        "changing.the_text_before_a_killed_change_is_kept",
    ),
]
