"""Which errors pass by themselves?"""

from __future__ import annotations

import pytest

from shared.runtime.faults import is_worth_retrying


@pytest.mark.parametrize(
    ("errors", "passes"),
    [
        ([ConnectionResetError(), TimeoutError()], True),
        ([ConnectionResetError(), KeyError("claim")], False),
        ([ExceptionGroup("inside", [TimeoutError()])], True),
        ([ExceptionGroup("inside", [KeyError("claim")])], False),
    ],
)
def test_several_errors_pass_when_each_of_them_does(errors: list[Exception], passes: bool) -> None:
    assert is_worth_retrying(ExceptionGroup("some partners could not be served", errors)) is passes
