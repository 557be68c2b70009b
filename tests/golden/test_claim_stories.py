"""Does every story of a claim end as it is told? `claims/README.md` explains how stories are written."""

from __future__ import annotations

import pytest

from tests.golden.billing import Billing, in_billing
from tests.golden.claim_story import every_story
from tests.golden.found import differences
from tests.golden.reading import Story, Then

STORIES = every_story()
told = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)


@told
def test_a_story_ends_as_it_is_told(story: Story) -> None:
    async def work(billing: Billing) -> None:
        for step in story.steps:
            if isinstance(step, Then):
                found = await billing.found()
                wrong = [*differences(step, found), *found.faults()]
                assert not wrong, "\n".join([story.title, *wrong])
            else:
                await billing.play(step)
        assert await billing.violations() == []

    in_billing(work)


def test_the_stories_have_titles_of_their_own() -> None:
    assert len({story.title for story in STORIES}) == len(STORIES) >= 60
