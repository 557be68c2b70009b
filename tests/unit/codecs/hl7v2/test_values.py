"""Moments, codes and providers mean what the standard says and nothing more."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest

from shared.codecs.code_systems import CodeSystem
from shared.codecs.hl7v2.values import Authority, Provider, code_system_of, moment_of
from shared.codecs.moments import Moment


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("20260302", Moment(on=date(2026, 3, 2))),
        ("2026030214", Moment(on=date(2026, 3, 2), clock=time(14))),
        ("202603021405", Moment(on=date(2026, 3, 2), clock=time(14, 5))),
        ("20260302140530", Moment(on=date(2026, 3, 2), clock=time(14, 5, 30))),
        ("20260302140530.25", Moment(on=date(2026, 3, 2), clock=time(14, 5, 30, 250_000))),
        ("202603021405-0500", Moment(on=date(2026, 3, 2), clock=time(14, 5), offset_minutes=-300)),
        ("20260302+0530", Moment(on=date(2026, 3, 2), offset_minutes=330)),
        ("2026-03-02", Moment(on=date(2026, 3, 2))),
        ("2026-03-02T14:05:00Z", Moment(on=date(2026, 3, 2), clock=time(14, 5), offset_minutes=0)),
    ],
)
def test_a_moment_keeps_as_much_as_was_said(sent: str, moment: Moment) -> None:
    assert moment_of(sent) == moment


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "2026",
        "202603",
        "20260230",
        "20261301",
        "2026030225",
        "20260302-9900",
        "20260302-0075",
        "03/02/2026",
        "٢٠٢٦٠٣٠٢",
    ],
)
def test_half_a_date_is_no_date(sent: str) -> None:
    with pytest.raises(ValueError, match=r"date|range|month|hour|offset"):
        moment_of(sent)


def test_an_instant_uses_the_senders_zone_only_where_no_offset_came() -> None:
    zone = timezone(timedelta(hours=-6))
    assert moment_of("202603021405-0500").instant(zone) == datetime(2026, 3, 2, 19, 5, tzinfo=UTC)
    assert moment_of("202603021405").instant(zone) == datetime(2026, 3, 2, 20, 5, tzinfo=UTC)
    assert moment_of("00010101+1400").instant().year == 1
    assert moment_of("99991231235959-1400").instant().year == 9999


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("C4", CodeSystem.CPT),
        ("cpt-4", CodeSystem.CPT),
        ("HCPCS", CodeSystem.HCPCS),
        ("I10", CodeSystem.ICD_10_CM),
        ("ICD-10-CM", CodeSystem.ICD_10_CM),
        ("I9", CodeSystem.ICD_9_CM),
        ("SCT", CodeSystem.SNOMED),
        ("NDC", CodeSystem.NDC),
        ("CVX", CodeSystem.CVX),
        ("99LOCAL", CodeSystem.OTHER),
        ("", CodeSystem.UNSTATED),
    ],
)
def test_code_systems_are_told_apart_by_name(name: str, system: CodeSystem) -> None:
    assert code_system_of(name) is system


def test_a_number_is_an_npi_only_when_it_is_called_one_and_checks() -> None:
    assert Provider(id="1234567893", id_type="NPI").npi == "1234567893"
    assert Provider(id="1234567893", authority=Authority(universal_id="2.16.840.1.113883.4.6")).npi == "1234567893"
    assert Provider(id="1234567890", id_type="NPI").npi == ""
    assert Provider(id="1234567893", id_type="DN").npi == ""
