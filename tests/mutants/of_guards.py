"""Weaknesses put into the driver where VMs have claims."""

from tests.mutants.mutant import Mutant

GUARDS = "libcloud_ovm3/estate/guards.py"
DOOR = "libcloud_ovm3/operations/claims_door.py"
LOOKS = "libcloud_ovm3/operations/claim_looks.py"
SETTLE = "libcloud_ovm3/operations/settle_vm.py"
GONE = "libcloud_ovm3/operations/gone_host.py"

MUTANTS = [
    Mutant(
        "guard-missing",
        GUARDS,
        "(BEGINS and all_answer and len(with_claims) == len(hosts))",
        "(BEGINS and all_answer)",
        "guards.claims_begin_where_all_hosts_have_them",
    ),
    Mutant(
        "guard-missing",
        GUARDS,
        "(BEGINS and all_answer and len(with_claims) == len(hosts))",
        "(BEGINS and len(with_claims) == len(hosts))",
        "guards.claims_begin_where_all_hosts_have_them",
    ),
    Mutant(
        "guard-missing",
        GUARDS,
        "    if isinstance(claim, str):\n        return Guard(claims.folder, hosts, error=claim)",
        "    if isinstance(claim, str):\n        claim = None",
        "guards.what_cannot_be_read_guards",
    ),
    Mutant(
        "guard-missing",
        GUARDS,
        "        if not with_claims:\n            return None",
        "        if not with_claims or claims is None:\n            return None",
        "guards.what_cannot_be_read_guards",
    ),
    Mutant(
        "guard-missing",
        GUARDS,
        "    return not host.claims and not host.notice and",
        "    return not host.claims and",
        "guards.a_module_that_failed_is_not_missing",
    ),
    Mutant(
        "change-run-again",
        DOOR,
        "            if is_second or not was_second(fault):",
        "            if not was_second(fault):",
        "guards.who_was_second_tries_once_more",
    ),
    Mutant(
        "arrival-not-checked",
        DOOR,
        '    if claim.outcome != "done":',
        '    if claim.state == "dead":',
        "guards.what_has_no_outcome_is_not_done",
    ),
    Mutant(
        "claim-misread",
        DOOR,
        "    if claim.error or claim.is_suspended",
        "    if claim.is_suspended",
        "guards.two_domains_stop_everything",
    ),
    Mutant(
        "claim-misread",
        DOOR,
        "        return claim.kind in (ON, DOUBT) and is_named",
        "        return claim.kind in (ON, DOUBT)",
        "guards.two_domains_stop_everything",
    ),
    Mutant(
        "claim-misread",
        LOOKS,
        "    if guard is None or seen is None:\n        return guard",
        "    if guard is None or seen is None or guard.claim:\n        return guard",
        "guards.the_newest_claim_that_was_seen_counts",
    ),
    Mutant(
        "claim-misread",
        LOOKS,
        "    return guard if is_older else guard.with_claim(seen)",
        "    return guard.with_claim(seen)",
        "guards.the_newest_claim_that_was_seen_counts",
    ),
    Mutant(
        "claim-misread",
        LOOKS,
        "key=lambda one: (one != claim.source, one not in seen)",
        "key=lambda one: one not in seen",
        "guards.the_source_is_asked_before_the_target",
    ),
    Mutant(
        "back-unseen",
        LOOKS,
        "**_back(claim, guard)}",
        "}",
        "guards.a_host_that_was_taken_out_is_asked",
    ),
    Mutant(
        "word-unchecked",
        SETTLE,
        "    if set(seen.values()) != {digest}:",
        "    if digest not in seen.values():",
        "guards.all_hosts_see_what_is_accepted",
    ),
    Mutant(
        "word-unchecked",
        SETTLE,
        "    if gone.view in able:",
        "    if gone.view == able[0]:",
        "guards.who_answers_is_asked_itself",
    ),
    Mutant(
        "word-unchecked",
        GONE,
        "    if len(here) != 1:",
        "    if not here:",
        "guards.one_host_is_meant",
    ),
    Mutant(
        "word-unchecked",
        GONE,
        "    wanted += [one for one in known if _numeric(one.host) & ips]\n",
        "",
        "guards.one_host_is_meant",
    ),
    Mutant(
        "word-unchecked",
        GONE,
        "        if snapshot.unseen:\n",
        "        if snapshot.unseen and False:\n",
        "guards.who_may_be_silent_is_not_gone",
    ),
    Mutant(
        "word-unchecked",
        GONE,
        "    for is_second in (False, True):",
        "    for is_second in (False,):",
        "guards.a_guest_in_its_reboot_is_not_gone",
    ),
    Mutant(
        "word-unchecked",
        GONE,
        '        off = off_at(hosts_off, known.get(host_id, ""))',
        "        off = hosts_off[0]",
        "guards.who_is_said_to_be_off_is_taken_out",
    ),
    Mutant(
        "word-unchecked",
        GONE,
        "            require_silent(operation.estate, [off], hosts, is_brief=True)\n",
        "",
        "guards.who_is_said_to_be_off_is_taken_out",
    ),
]
