"""What coders found comes with BAR: diagnoses and procedures, each in its own code system."""

from datetime import date

import pytest

from shared.codecs.code_systems import CodeSystem
from shared.codecs.hl7v2.accounts import AccountAction, AccountUpdate
from shared.codecs.moments import Moment
from tests.unit.codecs.hl7v2.messages import PID, PV1, msh, places, reading


def account(*segments: str, trigger: str = "P12") -> AccountUpdate:
    document = reading(msh(f"BAR^{trigger}"), *segments).document
    assert isinstance(document, AccountUpdate)
    return document


def test_a_coded_account_tells_diagnoses_and_procedures() -> None:
    coded = account(
        PID,
        PV1,
        "DG1|1||S06.9X0A^^I10||20260301|F|||||||||1|||||||||||Y",
        "DG1|2|I10|E11.9||20260301|W|||||||||2||||||D",
        "PR1|1||76164006^Biopsy^SCT||20260302||||||1234567893^Stone^Lee^^^^^^NPI^L^^^NPI|||1|E11.9|59",
        "PR1|2|C4|45380||20260302",
    )
    first, second = coded.diagnoses
    assert coded.action is AccountAction.CODED
    assert (first.code.bare, first.type, first.priority, first.present_on_admission) == ("S069X0A", "F", 1, "Y")
    assert first.diagnosed_at == Moment(on=date(2026, 3, 1))
    assert (second.code.system, second.is_deleted) == (CodeSystem.ICD_10_CM, True)
    biopsy, colonoscopy = coded.procedures
    assert (biopsy.code.system, biopsy.modifiers, biopsy.priority) == (CodeSystem.SNOMED, ("59",), 1)
    assert [provider.npi for provider in biopsy.performers] == ["1234567893"]
    assert (colonoscopy.code.code, colonoscopy.code.system) == ("45380", CodeSystem.CPT)


@pytest.mark.parametrize(
    ("dg1", "system", "warnings"),
    [
        ("DG1|1||E11.9^^I10", CodeSystem.ICD_10_CM, 0),
        ("DG1|1|I10|E11.9", CodeSystem.ICD_10_CM, 0),
        ("DG1|1||E11.9", CodeSystem.ICD_10_CM, 1),
        ("DG1|1|I9|71596", CodeSystem.ICD_9_CM, 1),
        ("DG1|1||250.00", CodeSystem.ICD_9_CM, 2),
        ("DG1|1||29857009^Chest pain^SCT", CodeSystem.SNOMED, 1),
        ("DG1|1||^^^E11.9^Diabetes^I10", CodeSystem.ICD_10_CM, 0),
    ],
)
def test_the_code_system_of_a_diagnosis_is_said_or_seen_and_anything_but_icd_10_cm_is_reported(
    dg1: str, system: CodeSystem, warnings: int
) -> None:
    result = reading(msh("BAR^P12"), PID, dg1)
    assert isinstance(result.document, AccountUpdate)
    assert result.document.diagnoses[0].code.system is system
    assert (len(result.warnings), len(result.errors)) == (warnings, 0)


def test_a_coding_message_without_codes_cannot_be_used() -> None:
    assert places(reading(msh("BAR^P12"), PID).errors) == ["DG1"]


@pytest.mark.parametrize(("trigger", "action"), [("P01", AccountAction.OPENED), ("P05", AccountAction.UPDATED)])
def test_accounts_are_opened_and_updated(trigger: str, action: AccountAction) -> None:
    assert account(PID, trigger=trigger).action is action
