"""Why may the charges service say no?"""

from __future__ import annotations

from shared.kernel.errors import DomainError


class EncounterUnknown(DomainError):
    """The visit was never opened."""

    code = "encounter-unknown"


class EncounterOfAnotherPatient(DomainError):
    """The same visit number came with another patient."""

    code = "encounter-of-another-patient"


class EncounterIsCancelled(DomainError):
    """Nothing can be charged on a cancelled visit."""

    code = "encounter-cancelled"


class ChargeUnknown(DomainError):
    """A credit or a bill names a charge that is not on this visit."""

    code = "charge-unknown"


class ChargeOnTwoBills(DomainError):
    """A charge is billed once."""

    code = "charge-on-two-bills"


class VisitIsJoined(DomainError):
    """A visit that shares a bill with others is not divided: take it apart from them first."""

    code = "visit-is-joined"


class VisitsCannotBeJoined(DomainError):
    """These visits may not share a bill; `rule` says why."""

    code = "visits-cannot-be-joined"


class CreditTooLarge(DomainError):
    """More units or cents are taken back than were charged."""

    code = "credit-too-large"


class ChargeChanged(DomainError):
    """The sender's transaction id came again with other content: send a credit and a new charge instead."""

    code = "charge-changed"


class NoSuchEdit(DomainError):
    """Only an edit that failed can be overridden."""

    code = "no-such-edit"
