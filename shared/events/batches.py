"""What can happen to partners and to the interchanges that go to them. Streams: `partner/{partner_id}`, `batch/{batch_id}`."""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event
from shared.events.claim_kinds import ClaimKind
from shared.events.values import DocumentReference

Medium: TypeAlias = Literal["electronic", "paper"]


class PartnerListed(Event, frozen=True, kw_only=True):
    """A clearinghouse or payer that we exchange interchanges with, or the mail, as it now stands. Paper has no ISA ids."""

    partner_id: str
    name: str
    transport: Literal["sftp", "folder", "http", "paper"]  # paper: a person prints and mails
    sender_qualifier: str = "ZZ"  # ISA05
    sender_id: str  # ISA06, GS02
    receiver_qualifier: str = "ZZ"  # ISA07
    receiver_id: str  # ISA08, GS03
    usage: Literal["P", "T"] = "P"  # ISA15
    claims_per_batch_max: int = 500
    claims_per_set_max: int = 50  # a 999 rejects whole ST/SE sets; claims that go again always go alone


class BatchedClaim(Struct, frozen=True, kw_only=True, omit_defaults=True):
    claim_id: str
    version: int
    charged_cents: int
    answer_days: int = 30  # no 835 after so many days is silence; the payer's, as known when the batch was assembled
    kind: ClaimKind = "professional"


class BatchAssembled(Event, frozen=True, kw_only=True):
    """On the partner's stream: which claims go in which interchange, under which numbers. Never re-used."""

    partner_id: str
    batch_id: str
    control_number: int  # ISA13; GS06 is the same
    claims: tuple[BatchedClaim, ...]  # of one kind: the version of the group (GS08) says which


class ClaimSet(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claims of one ST/SE of an interchange: what a 999 accepts or rejects as one."""

    set_control_number: str  # ST02
    claims: tuple[BatchedClaim, ...]


class InterchangeStored(Event, frozen=True, kw_only=True):
    """The exact bytes and the file name, before anything is sent; a retry sends the same bytes under the same name."""

    partner_id: str
    batch_id: str
    control_number: int
    file_name: str
    document: DocumentReference
    claim_ids: tuple[str, ...]  # those that could be written; the others are back at work
    refused_claim_ids: tuple[str, ...] = ()
    sets: tuple[ClaimSet, ...] = ()  # the same claims, as they lie in the interchange
    medium: Medium = "electronic"  # paper: the bytes are a PDF that a person prints and mails


class BatchAbandoned(Event, frozen=True, kw_only=True):
    """None of its claims could be written or was still waiting: no interchange, and its control number stays unused."""

    partner_id: str
    batch_id: str
    control_number: int
    refused_claim_ids: tuple[str, ...] = ()


class InterchangeSent(Event, frozen=True, kw_only=True):
    partner_id: str
    batch_id: str
    control_number: int
    claims: tuple[BatchedClaim, ...] = ()  # that were in it
    document: DocumentReference | None = None


class BatchMailed(Event, frozen=True, kw_only=True):
    """A person says that the printed claims went to the post on a day. It proves that they left, not that anybody has them."""

    partner_id: str
    batch_id: str
    control_number: int
    claims: tuple[BatchedClaim, ...]
    document: DocumentReference
    mailed_on: date
    tracking_number: str = ""  # of certified mail
    by: str


class BatchReprinted(Event, frozen=True, kw_only=True):
    """The same pages were printed once more, and why."""

    partner_id: str
    batch_id: str
    control_number: int
    copy_number: int  # 2, 3, …: the first print is 1
    reason: str
    by: str


class InterchangeUnanswered(Event, frozen=True, kw_only=True):
    """Neither a TA1 nor a 999 came in the hours in which this partner sends them."""

    partner_id: str
    batch_id: str
    control_number: int
    claim_ids: tuple[str, ...]
    sent_on: date


class InterchangeAcknowledged(Event, frozen=True, kw_only=True):
    """A TA1 or 999 about a batch."""

    partner_id: str
    batch_id: str
    control_number: int
    kind: Literal["TA1", "999"]
    status: Literal["accepted", "accepted-with-errors", "partially-accepted", "rejected"]
    codes: tuple[str, ...] = ()
    rejected_claim_ids: tuple[str, ...] = ()
    shared_claim_ids: tuple[str, ...] = ()  # of these, the ones that a 999 rejects together with others of their set
    source: DocumentReference


PartnerEvent: TypeAlias = PartnerListed | BatchAssembled
BatchEvent: TypeAlias = (
    InterchangeStored
    | BatchAbandoned
    | InterchangeSent
    | BatchMailed
    | BatchReprinted
    | InterchangeAcknowledged
    | InterchangeUnanswered
)
