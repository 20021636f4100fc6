"""One person under several spellings, and names that only look different to a computer."""

from __future__ import annotations

import pytest

from fwverify.people import UnusableText, person_key


@pytest.mark.parametrize(
    "name",
    [
        *("anna koch", "ANNA  KOCH", "\uff21nna Koch", " Anna\u00a0Koch "),
        *("\u0410nna Koch", "Ann\u0430 Koch", "Anna K\u043e\u0441h", "Anna \u041aoch"),
        *("\u0391nna Koch", "Anna K\u03bfch", "Anna Ko\u0441\u04bb"),
    ],
)
def test_spellings_that_look_the_same_are_one_person(name):
    assert person_key(name) == person_key("Anna Koch")


@pytest.mark.parametrize(
    "hidden",
    [
        *("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u115f", "\u1160"),
        *("\u17b4", "\u180b", "\u180f", "\u2800", "\u3164", "\ufe00", "\ufe0f", "\uffa0"),
        *("\U000e0100", "\U000e01ef", "\u202e", "\ue000", "\x00", "\x1b"),
    ],
)
def test_what_does_not_show_is_refused(hidden):
    for name in (f"Anna{hidden} Koch", f"Anna Koch{hidden}"):
        with pytest.raises(UnusableText):
            person_key(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna Koch", "Anne Koch"),
        ("\u0418\u0432\u0430\u043d", "\u042f\u043d"),
        ("\u00c5sa", "Asa"),
        ("Jo\u00ebl", "Joel"),
    ],
)
def test_two_names_are_two_people(one, other):
    assert person_key(one) != person_key(other)
