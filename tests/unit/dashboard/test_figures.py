"""Key figures against vectors of their sources, and charts whose parts are the amounts that they show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.charts import stacked
from services.dashboard.kpi_formulas import days_in_receivables, net_collection_rate, open_denials, share_older_than
from services.dashboard.pages.kpis import figures
from services.dashboard.pages.receivables import AGES


def test_net_collection_rate_of_the_aafp_example() -> None:
    """(500,000 - 14,000) / (850,000 - 350,000) = 97.2 %."""
    kpi = net_collection_rate(
        payments_cents=500_000_00, refunds_cents=14_000_00, charges_cents=850_000_00, contractual_cents=350_000_00
    )
    assert (kpi.told, kpi.is_good) == ("97.2 %", True)


def test_days_in_receivables_of_the_mgma_example() -> None:
    """300,000 / (3,650,000 / 365) = 30 days."""
    kpi = days_in_receivables(receivable_cents=300_000_00, credit_cents=0, charges_12_months_cents=3_650_000_00)
    assert (kpi.told, kpi.is_good) == ("30.0 days", True)
    assert days_in_receivables(receivable_cents=1, credit_cents=0, charges_12_months_cents=0).told == "no data"


def test_a_share_of_nothing_is_no_data_and_not_zero() -> None:
    kpi = share_older_than(days=90, older_cents=0, total_cents=0, goal_percent=10)
    assert (kpi.told, kpi.value, kpi.is_good) == ("no data", None, None)
    assert open_denials(denied_cents=607_00, total_cents=4801_38).told == "12.6 %"


def test_figures_come_out_of_two_trial_balances_and_an_aging() -> None:
    aging = {
        "total_cents": 300_00,
        "parties": {"payer:1": {"0-30": 250_00, "120+": 60_00}, "patient": {"0-30": -10_00}},
        "buckets": {"0-30": 240_00, "120+": 60_00},
    }
    before = {"charges": -1000_00, "cash": 700_00, "contractual": 100_00}
    now = {"charges": -2000_00, "cash": 1300_00, "contractual": 300_00, "refunds": -20_00}
    told = {kpi.name: kpi for kpi in figures(aging, now, before, None)}
    assert told["Days in A/R"].inputs == {"total A/R": 300_00, "credits": 10_00, "charges of 12 months": 1000_00}
    assert told["A/R over 120 days"].told == "20.0 %"
    assert told["Net collection rate"].inputs["payments"] == 620_00  # the refund left the cash again
    assert "A/R under denial" not in told


@given(
    st.dictionaries(
        st.sampled_from(["payer:1", "payer:2", "patient"]),
        st.dictionaries(st.sampled_from(AGES), st.integers(-(10**8), 10**8), max_size=5),
        max_size=3,
    )
)
def test_every_amount_above_zero_is_a_part_that_leads_somewhere_within_the_drawing(
    parties: dict[str, dict[str, int]],
) -> None:
    rows = list(parties.items())
    chart = stacked(
        rows, AGES, title=lambda *_: "t", href=lambda party, age: f"{party}/{age}", label=lambda party: party
    )
    for (party, amounts), bar in zip(rows, chart.bars, strict=True):
        assert [part.href for part in bar.parts] == [f"{party}/{age}" for age in AGES if amounts.get(age, 0) > 0]
        assert all(part.width >= 1 for part in bar.parts)
        assert all(part.x + part.width <= chart.width for part in bar.parts)
    assert 2 <= len(chart.ticks) <= 8
