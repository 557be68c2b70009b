"""Does each role have what its work needs, and nothing else?"""

from __future__ import annotations

import itertools

import pytest

from shared.runtime.identity.roles import ACTIONS, ROLES_OF, Role, may, refuse_unknown_action


def test_every_action_is_a_service_a_verb_and_a_noun() -> None:
    for action in ACTIONS:
        service, _, rest = action.partition(":")
        verb, _, noun = rest.partition("-")
        assert service, action
        assert verb, action
        assert noun, action


def test_an_auditor_reads_everything_and_changes_nothing() -> None:
    for action in ACTIONS:
        is_reading = action.partition(":")[2].startswith("read-")
        assert may(frozenset({Role.AUDITOR}), action) is is_reading, action


def test_who_asks_for_an_adjustment_is_not_who_approves_it_and_refunds_are_a_managers() -> None:
    approving = ROLES_OF["payments:approve-adjustment"]
    desks = ROLES_OF["payments:adjust-account"] - {Role.MANAGER, Role.ADMIN}
    assert desks
    assert not desks & approving
    assert ROLES_OF["payments:approve-refund"] == approving == {Role.MANAGER, Role.ADMIN}


def test_who_works_denials_is_not_who_approves_their_write_off() -> None:
    approving = ROLES_OF["claims:approve-write-off"]
    assert approving == {Role.MANAGER, Role.ADMIN}
    assert ROLES_OF["claims:work-denial"] - approving


def test_the_engineer_on_call_sees_no_patient_and_moves_no_money() -> None:
    mine = {action for action in ACTIONS if may(frozenset({Role.OPERATOR}), action)}
    assert {action.partition(":")[0] for action in mine} <= {"ops", "dashboard"}


def test_an_ehr_client_cannot_approve_reverse_or_set_rules() -> None:
    mine = {action for action in ACTIONS if may(frozenset({Role.INTEGRATION}), action)}
    assert not [
        action for action in mine if any(word in action for word in ("approve", "reverse", "set-rules", "ops:"))
    ]


def test_no_role_has_no_right_and_an_unknown_action_is_denied_to_all() -> None:
    assert not any(may(frozenset(), action) for action in ACTIONS)
    assert not may(frozenset(Role), "payments:do-anything")
    with pytest.raises(LookupError):
        refuse_unknown_action("payments:do-anything")


def test_several_roles_add_up_and_take_nothing_away() -> None:
    for first, second in itertools.combinations(Role, 2):
        for action in ACTIONS:
            both = may(frozenset({first, second}), action)
            assert both == (may(frozenset({first}), action) or may(frozenset({second}), action))
