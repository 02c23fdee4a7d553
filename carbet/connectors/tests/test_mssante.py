"""Secure mail: the stand-in says what it is, and nothing pretends to be sent elsewhere."""

import pytest

from carbet.connectors import mssante

LETTER = mssante.Letter(key="care_team.invitation:7", to="a@b.example", subject="s", body="b")


def test_the_stand_in_names_itself_and_answers_the_same_twice():
    first = mssante.send(LETTER, stand_in=True)
    assert first == mssante.send(LETTER, stand_in=True)
    assert first.carrier == mssante.STAND_IN


def test_without_operator_nothing_pretends_to_leave():
    with pytest.raises(mssante.NotConnected):
        mssante.send(LETTER, stand_in=False)
