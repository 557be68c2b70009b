"""Does a table that spills to disk remember what a dictionary does?"""

from __future__ import annotations

import random

import pytest

from shared.runtime.remembered import Remembered


@pytest.mark.parametrize("in_memory", [1, 7, 100, 10_000])
def test_it_remembers_what_a_dictionary_does(in_memory: int) -> None:
    dice, model, remembered = random.Random(in_memory), dict[bytes, bytes](), Remembered(in_memory)
    for _ in range(3_000):
        key, value = b"%d" % dice.randrange(900), b"%d" % dice.randrange(1 << 30)
        assert remembered.get(key) == model.get(key)
        remembered.put(key, value)
        model[key] = value
    assert {key: remembered.get(key) for key in model} == model
    assert remembered.get(b"never") is None
    remembered.close()
