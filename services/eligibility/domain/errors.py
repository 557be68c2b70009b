"""Why may the eligibility service say no?"""

from __future__ import annotations

from shared.kernel.errors import DomainError


class PatientUnknown(DomainError):
    """Nobody registered this patient."""

    code = "patient-unknown"


class PatientIsRetired(DomainError):
    """The registration was merged into another: name that one. `facts` has it."""

    code = "patient-retired"


class MergeGoesRound(DomainError):
    """A patient cannot be merged into itself, nor into one that was merged into it."""

    code = "merge-goes-round"


class CoverageUnknown(DomainError):
    """The patient has no such coverage."""

    code = "coverage-unknown"


class CoverageEndsBeforeItBegins(DomainError):
    code = "coverage-ends-before-it-begins"


class AppointmentUnknown(DomainError):
    """The appointment was never booked."""

    code = "appointment-unknown"


class AppointmentOfAnotherPatient(DomainError):
    """The same appointment number came with another patient."""

    code = "appointment-of-another-patient"


class CheckUnknown(DomainError):
    """Nobody asked this."""

    code = "check-unknown"


class PayerUnknown(DomainError):
    """The coverage names a payer that is not listed."""

    code = "payer-unknown"


class PayerNotReachable(DomainError):
    """The payer has no trading partner through whom it could be asked."""

    code = "payer-not-reachable"


class AuthorizationUnknown(DomainError):
    code = "authorization-unknown"


class AuthorizationOfAnotherPatient(DomainError):
    """The same authorisation came with another patient or payer."""

    code = "authorization-of-another-patient"


class AuthorizationUsedUp(DomainError):
    """More units are asked for than are left. `facts` has both."""

    code = "authorization-used-up"
