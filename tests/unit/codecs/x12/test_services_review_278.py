"""Is a request for a review written as the payer expects it, and its answer read with every decision?"""

from datetime import date

import pytest
from msgspec.structs import replace

from shared.codecs.x12.check import check
from shared.codecs.x12.elements import Dated, Party
from shared.codecs.x12.services_review_278 import (
    Request,
    Review,
    ReviewedService,
    Trace,
    read_278,
    write_278,
)
from shared.codecs.x12.tokenizer import Segment, read_segments
from tests.unit.codecs.x12.examples import REVIEW_REQUEST, REVIEW_RESPONSE


def test_a_request_says_what_is_asked_for_whom() -> None:
    (asked,) = read_278(REVIEW_REQUEST)
    (review,) = asked.reviews
    assert not asked.is_response
    assert asked.problems == ()
    assert (review.payer.id, review.requester and review.requester.id) == ("EVG01", "1234567893")
    assert review.subscriber is not None
    assert (review.subscriber.id, review.subscriber.born_on) == ("MEM001", date(1980, 4, 2))
    assert review.request == Request(
        category="HS", certification="I", service_type="2", place_of_service="11", place_qualifier="B"
    )
    assert [(each.qualifier, each.last_on) for each in review.dates] == [("AAH", date(2026, 2, 20))]
    assert [trace.number for trace in review.traces] == ["REVIEW-1"]
    assert [segment.id for segment in review.others] == ["HI", "HSD", "NM1", "PRV"]
    assert [segment.id for segment in review.services[0].others] == ["SV1"]


def test_an_answer_says_what_was_decided_of_the_event_and_of_each_service() -> None:
    (answer,) = read_278(REVIEW_RESPONSE)
    assert answer.is_response
    assert [(each.action, each.authorization_number) for each in answer.decisions] == [
        ("A1", "AUTH77"),
        ("A6", "AUTH78"),
    ]
    assert answer.trace_numbers == ("REVIEW-1", "REVIEW-1-1")


@pytest.mark.parametrize("data", [REVIEW_REQUEST, REVIEW_RESPONSE], ids=["request", "response"])
def test_writing_what_was_read_gives_the_same_segments(data: bytes) -> None:
    written = write_278(list(read_278(data)))
    assert list(read_segments(written)) == list(read_segments(data))


def test_a_dependents_request_with_two_events_is_sound() -> None:
    (asked,) = read_278(REVIEW_REQUEST)
    child = Party(role="QC", is_person=True, name="ROE", first_name="TIM", born_on=date(2015, 7, 7), gender="M")
    service = ReviewedService(others=(Segment(0, ("SV1", "HC:97110", "600", "UN", "12")),))
    first = replace(asked.reviews[0], dependent=child, services=(service, service))
    second = Review(
        payer=first.payer,
        requester=first.requester,
        subscriber=first.subscriber,
        dependent=child,
        traces=(Trace(number="REVIEW-2", originator="9CLINIC001"),),
        request=Request(category="AR", certification="I", service_type="1"),
        dates=(Dated(qualifier="435", first_on=date(2026, 2, 1)),),
    )
    whole = replace(asked, reviews=(first, second))
    written = write_278([whole])
    assert check(written, npi="error") == []
    (again,) = read_278(written)
    assert again.reviews == whole.reviews


def test_a_refused_question_keeps_its_reasons() -> None:
    refused = REVIEW_RESPONSE.replace(b"HL*3*2*22*1~\n", b"AAA*N**51*C~\nHL*3*2*22*1~\n").replace(b"SE*18", b"SE*19")
    (answer,) = read_278(refused)
    assert answer.rejections == ("51",)
    assert [segment.id for segment in answer.level_others] == ["AAA"]
    assert answer.others == ()
