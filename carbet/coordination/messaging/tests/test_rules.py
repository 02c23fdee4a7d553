"""What is true of threads, as tables."""

from datetime import timedelta

import pytest

from carbet.coordination.messaging import rules
from tests.world import NOW

PEOPLE = {
    "role:1": "Dr Yann Le Bihan",
    "role:2": "Mme Inès Robeiri",
    "role:3": "Mme Rosa Pinas",
    "role:4": "Mme Josta Pinas",
    "org:5": "Cabinet infirmier de Matoury",
    "role:6": "M. Émile 🌴 D’Abreu",
    "role:7": "مريم حداد",
}


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("@Inès Robeiri, votre avis ?", ["role:2"]),
        ("@ines robeiri votre avis ?", ["role:2"]),
        ("@INES", ["role:2"]),
        ("Merci @Yann et @Rosa", ["role:1", "role:3"]),
        ("@Pinas", []),  # two carry this name: neither is called
        ("@Rosa Pinas", ["role:3"]),
        ("@Cabinet infirmier de Matoury : qui passe ?", ["org:5"]),
        ("@Émile D'Abreu", ["role:6"]),
        ("@Dr", []),
        ("@le", []),
        ("ines.robeiri@exemple.fr", []),
        ("Inès Robeiri", []),
        ("@", []),
        ("@@@@" * 500, []),
        ("@" + "a" * 20_000, []),
    ],
)
def test_who_is_called_by_an_at_sign(text, called):
    assert rules.mentioned(text, PEOPLE) == called


@pytest.mark.parametrize(
    ("read", "seen", "written", "reached"),
    [
        (3, 3, 4, 4),  # all was read: one's own line counts as read
        (1, 3, 4, 4),  # all was on screen: so it was read
        (1, 1, 4, 1),  # two lines came while one typed: they stay unread
        (1, 2, 4, 2),
        (3, 0, 4, 4),  # a screen that says nothing takes nothing back
        (0, 9, 1, 1),  # a screen never saw more than there was
        (0, 99, 4, 4),
    ],
)
def test_up_to_where_one_has_read_after_writing(read, seen, written, reached):
    assert rules.read_after_writing(read=read, seen=seen, written=written) == reached


@pytest.mark.parametrize(
    ("seconds", "present"), [(0, True), (120, True), (121, False), (-3600, False), (3600, False)]
)
def test_a_reader_is_here_for_two_minutes(seconds, present):
    assert rules.is_present(NOW - timedelta(seconds=seconds), now=NOW) is present
    assert not rules.is_present(None, now=NOW)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  a\r\nb\rc \n", "a\nb\nc"),
        ("a\x00b", "ab"),
        ("‏مرحبا", "‏مرحبا"),
        ("👩🏽‍⚕️", "👩🏽‍⚕️"),
        (" \n\t ", ""),
    ],
)
def test_a_text_is_kept_as_it_was_meant(typed, kept):
    assert rules.normalized(typed) == kept
