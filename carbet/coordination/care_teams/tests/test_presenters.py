"""What the pages say of traces, in words."""

import pytest

from carbet.coordination.care_teams import presenters
from carbet.core.operation import REGISTRY


@pytest.mark.parametrize(
    ("operation", "action", "said"),
    [
        ("chart.read", "R", "a ouvert le dossier"),
        ("care_plan.part.move", "U", "a modifié le plan"),
        ("fhir.patient.read", "R", "a échangé des données depuis un autre logiciel"),
        ("elsewhere.add", "C", "a ajouté un élément"),
    ],
)
def test_a_trace_is_said_in_french(operation, action, said):
    assert presenters.say(operation, action) == said


def test_every_operation_of_these_rooms_has_its_sentence():
    rooms = ("care_team.", "consent.", "glass.", "patient.", "shared_record.")
    mine = [name for name in REGISTRY if name.startswith(rooms)]
    assert mine
    assert [
        name for name in mine if presenters.say(name, "U") in presenters.BY_ACTION.values()
    ] == []
