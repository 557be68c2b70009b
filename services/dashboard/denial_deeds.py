"""What can be done to many denials at once?"""

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


DEEDS: Mapping[str, Deed] = {
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
