"""Weaknesses put into what hosts decide of claims."""

from tests.mutants.mutant import Mutant

DISKS = "hostside/claim_disks.py"
ENTRIES = "hostside/vm_disks.py"
TAKEN = "hostside/taken_hosts.py"
WORDS = "hostside/claim_words.py"
SETTLING = "hostside/claim_settling.py"
CHANGES = "hostside/claim_changes.py"
FIRST = "hostside/first_claim.py"
LEAVING = "hostside/claim_leaving.py"

MUTANTS = [
    Mutant(
        "held-disk-given",
        DISKS,
        "        return vm_disks.any_path_of(content)",
        "        return []",
        "claims.disks_that_cannot_be_told_are_held",
    ),
    Mutant(
        "held-disk-given",
        ENTRIES,
        "    if len(found) != 1 or len(_NAMED.findall(text)) != 1:",
        "    if len(found) != 1:",
        "claims.disks_that_cannot_be_told_are_held",
    ),
    Mutant(
        "held-disk-given",
        DISKS,
        "                path == its_path and not",
        "                False and not",
        "claims.a_disk_is_one_however_it_is_named",
    ),
    Mutant(
        "held-disk-given",
        ENTRIES,
        "        if words[0] in _DRIVERS and len(words) > 2 and u'/' not in words[1]:",
        "        if False:",
        "claims.a_disk_is_one_however_it_is_named",
    ),
    Mutant(
        "held-disk-given",
        ENTRIES,
        "or u'w', path))",
        "or u'r', path))",
        "claims.two_share_only_if_both_say_so",
    ),
    Mutant(
        "held-disk-given",
        DISKS,
        "            together = mode == its_mode and mode in (u'w!', u'r')",
        "            together = mode in (u'w!', u'r')",
        "claims.two_share_only_if_both_say_so",
    ),
    Mutant(
        "held-disk-given",
        DISKS,
        "        if match and match.end() == len(point) + 1:",
        "        if match and to_bytes(point) == request['mount']:",
        "claims.disks_of_all_repositories_count",
    ),
    Mutant(
        "held-disk-given",
        DISKS,
        "            if held is None or path:",
        "            if path:",
        "claims.disks_of_all_repositories_count",
    ),
    Mutant(
        "word-misread",
        TAKEN,
        "    return claim['kind'] == claims.ON or _BOOT",
        "    return _BOOT",
        "claims.who_gives_way_and_who_does_not",
    ),
    Mutant(
        "word-misread",
        TAKEN,
        "    if not entry or here[0] in dict(claim['hosts']):",
        "    if not entry:",
        "claims.who_gives_way_and_who_does_not",
    ),
    Mutant(
        "word-misread",
        TAKEN,
        "    return claim['kind'] == claims.ON or _BOOT.search(entry).group(1) != here[1]",
        "    return True",
        "claims.who_gives_way_and_who_does_not",
    ),
    Mutant(
        "word-misread",
        TAKEN,
        "for entry in _entries(claim) if not entry.startswith(host + ': ')]",
        "for entry in _entries(claim) if False]",
        "claims.a_word_about_one_host_says_nothing_of_another",
    ),
    Mutant(
        "word-misread",
        TAKEN,
        "    if claim['kind'] not in (claims.FREE, claims.GONE) or claim['saved']:",
        "    if claim['kind'] == claims.MOVING:",
        "claims.who_is_put_in_is_the_only_one",
    ),
    Mutant(
        "word-misread",
        TAKEN,
        "    made = dict(made, paused=paused)\n",
        "",
        "claims.what_was_paused_can_be_released",
    ),
    Mutant(
        "word-misread",
        SETTLING,
        "        if look == 'log' and by_word:",
        "        if by_word:",
        "claims.a_word_takes_the_place_of_the_log_only",
    ),
    Mutant(
        "back-unseen",
        SETTLING,
        "['document'])[1][0][0] != version:",
        "['document'])[1][0][0] < version:",
        "claims.nothing_is_paused_when_the_claim_is_another_one",
    ),
    Mutant(
        "back-unseen",
        CHANGES,
        "    if claim and taken_hosts.entry_of(claim, here[0]):",
        "    if False:",
        "claims.who_comes_back_looks_before_a_change",
    ),
    Mutant(
        "whole-put-back",
        SETTLING,
        "    if claim['function'] == claims.CONFIGURE and not claim['outcome'] and before:",
        "    if claim['function'] == claims.CONFIGURE and before:",
        "claims.a_whole_vm_cfg_is_not_put_back",
    ),
    Mutant(
        "claim-too-small",
        SETTLING,
        "    if said:\n        return claims.STAYS, said",
        "    if False:\n        return claims.STAYS, said",
        "claims.an_edited_uuid_hides_no_domain",
    ),
    Mutant(
        "claim-too-small",
        FIRST,
        "        named[host] = ''\n    named",
        "        pass\n    named",
        "claims.the_first_claim_names_all_once",
    ),
    Mutant(
        "left-though-named",
        LEAVING,
        "            left.append((point, name, bool(problems)))",
        "            left.append((point, name, False))",
        "claims.who_is_named_stays_named",
    ),
    Mutant(
        "left-though-named",
        LEAVING,
        "        if not problem and not uuid and claim is not None and claim['hosts']:",
        "        if False:",
        "claims.what_may_name_a_host_keeps_it",
    ),
    Mutant(
        "left-though-named",
        LEAVING,
        "        why = problem\n",
        "        why = ''\n        claim = not problem and claim or None\n",
        "claims.what_may_name_a_host_keeps_it",
    ),
    Mutant(
        "left-though-named",
        LEAVING,
        "            name, problems = '', ['%s: %s' % (plain(point), safe_paths.current_error())]",
        "            name, problems = '', []",
        "claims.what_may_name_a_host_keeps_it",
    ),
]
