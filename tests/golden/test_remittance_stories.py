"""Does every story of a remittance end as it is told, to the cent? `remittances/README.md` explains how stories are written."""

from __future__ import annotations

import pytest

from tests.golden.found import differences
from tests.golden.office import Office, in_office
from tests.golden.reading import Story, Then
from tests.golden.story import every_story, files_of

STORIES = every_story()
told = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)


async def played(story: Story, office: Office) -> None:
    for step in story.steps:
        if isinstance(step, Then):
            found = await office.found()
            wrong = differences(step, found)
            assert not wrong, "\n".join([story.title, *wrong])
            assert set(found.cents_short().values()) <= {0}, "what was paid is posted, held, unapplied or a PLB"
        else:
            await office.play(step)


@told
def test_a_story_ends_as_it_is_told(story: Story) -> None:
    async def work(office: Office) -> None:
        await played(story, office)
        assert await office.violations() == []

    in_office(work)


@told
def test_every_835_of_a_story_again_changes_nothing(story: Story) -> None:
    """The same bytes are no news at all; the same 835 in another envelope moves nothing."""

    async def work(office: Office) -> None:
        sent: list[bytes] = []
        for step in story.steps:
            if not isinstance(step, Then):
                sent += [step.content(office.asked + 1)] if step in files_of(story) else []
                await office.play(step)
        before, events = (await office.found()).sections(), len(office.stored("payments"))
        for content in sent:
            await office.send_835(content)
        assert (len(office.stored("payments")), (await office.found()).sections()) == (events, before)
        for number, file in enumerate(files_of(story), start=901):
            await office.send_835(file.content(number))
        assert _of_money((await office.found()).sections()) == _of_money(before)
        assert await office.violations() == []

    in_office(work)


def _of_money(sections: dict[str, list[str]]) -> dict[str, list[str]]:
    """A held one in another envelope is before a person again, dismissed or not: no cent moves."""
    return {name: lines for name, lines in sections.items() if name != "remittances"}


def test_the_stories_have_titles_of_their_own() -> None:
    assert len({story.title for story in STORIES}) == len(STORIES) >= 60
