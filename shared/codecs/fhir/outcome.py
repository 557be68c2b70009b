"""How is the sender of FHIR told what was wrong?

Source: FHIR R4 OperationOutcome; value sets issue-severity and issue-type.
"""

import json
from collections.abc import Iterable, Sequence

from shared.codecs.fhir.findings import Finding, IssueType, Severity

ISSUES_MAX = 500


def operation_outcome(findings: Sequence[Finding], *, all_well: str = "Accepted") -> dict[str, object]:
    """An OperationOutcome as plain JSON values: errors first, each with its FHIRPath; `all_well` when there are none."""
    ordered = sorted(findings, key=lambda finding: finding.severity is not Severity.ERROR)[:ISSUES_MAX]
    issues = [_issue(finding) for finding in ordered]
    if not issues:
        issues = [{"severity": "information", "code": IssueType.INFORMATIONAL, "diagnostics": all_well}]
    return {"resourceType": "OperationOutcome", "issue": issues}


def operation_outcome_json(findings: Sequence[Finding], *, all_well: str = "Accepted") -> bytes:
    return json.dumps(operation_outcome(findings, all_well=all_well), separators=(",", ":")).encode()


def failure(rule: str, *, code: IssueType = IssueType.PROCESSING, places: Iterable[str] = ()) -> dict[str, object]:
    """An OperationOutcome for what no finding of ours says: a part that another service refused, or a fault of ours."""
    issue: dict[str, object] = {"severity": "error", "code": code, "diagnostics": rule}
    if expression := list(places):
        issue["expression"] = expression
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _issue(finding: Finding) -> dict[str, object]:
    value = f" (found: {finding.value})" if finding.value else ""
    return {
        "severity": finding.severity,
        "code": finding.code,
        "diagnostics": f"{finding.place}: {finding.rule}{value}",
        "expression": [finding.place],
    }
