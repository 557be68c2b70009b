"""What can be done to many denials, or to many claims, at once?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """How it is said, where in the service it goes, and what is asked for."""

    title: str
    said: str
    path: str
    action: str
    fields: tuple[str, ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    can_undo: bool = False
    key: str = ""  # that presses its button


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is worked on: where its pages and its API are, and how the API speaks of it."""

    plural: str
    path: str  # of its pages; below /bulk are those about many
    api: str
    item_id: str
    cents: str
    money: str  # what these cents are
    undo_action: str = ""  # of taking back what was done to many; empty: it is not taken back so
    deeds: Mapping[str, Deed]


_DENIALS: Mapping[str, Deed] = {
    "assign": Deed(
        title="Assign to somebody",
        said="assigned",
        path="assign",
        action="claims:assign-denial",
        fields=("assignee",),
        can_undo=True,
    ),
    "note": Deed(
        title="Note a contact",
        said="noted",
        path="note",
        action="claims:work-denial",
        fields=("outcome_code", "reference_number", "next_action_on", "note"),
        can_undo=True,
    ),
    "snooze": Deed(
        title="Put off",
        said="put off",
        path="snooze",
        action="claims:work-denial",
        fields=("until_on", "because"),
        can_undo=True,
    ),
    "not-workable": Deed(
        title="Not workable",
        said="resolved as not workable",
        path="resolve",
        action="claims:work-denial",
        fields=("reason",),
        fixed=(("outcome", "not-workable"),),
    ),
    "write-off": Deed(
        title="Write off",
        said="written off, or asked for where it needs a second person",
        path="write-off",
        action="claims:work-denial",
        fields=("reason",),
    ),
    "approve": Deed(
        title="Agree to the write-offs",
        said="written off",
        path="write-off/approve",
        action="claims:approve-write-off",
    ),
    "refuse": Deed(
        title="Do not agree to the write-offs",
        said="not to be written off",
        path="write-off/refuse",
        action="claims:approve-write-off",
        fields=("reason",),
    ),
}

_CLAIMS: Mapping[str, Deed] = {
    "release": Deed(
        title="Release to the next batch",
        said="released: they go out with the next batch",
        path="release",
        action="claims:release-claim",
        key="s",
    ),
    "hold": Deed(
        title="Hold",
        said="held",
        path="hold",
        action="claims:hold-claim",
        fields=("reason",),
        key="h",
    ),
}
DENIALS = Kind(
    plural="denials",
    path="/denials",
    api="/api/claims/denials",
    item_id="denial_id",
    cents="denied_cents",
    money="denied",
    undo_action="claims:work-denial",
    deeds=_DENIALS,
)
CLAIMS = Kind(
    plural="claims",
    path="/claims",
    api="/api/claims/claims",
    item_id="claim_id",
    cents="charged_cents",
    money="charged",
    deeds=_CLAIMS,
)
KINDS = (DENIALS, CLAIMS)
