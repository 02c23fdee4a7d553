"""The shared record as a doctor finds it: what others deposited there, one document already here.

Only the sandbox of the house is given anything.
"""

import uuid
from datetime import datetime, timedelta

from django.conf import settings

from carbet.connectors import dmp
from carbet.connectors.dmp import stand_in
from carbet.core import row_security
from carbet.interop import cda
from carbet.interop.cda import vocabulary as v
from carbet.registries.directory.access import actor_of_role
from carbet.registries.patients.access import find_entered
from carbet.registries.patients.models import PatientIdentifier
from carbet.steering.demonstration import papers, secure_mail
from carbet.steering.demonstration.following import KEY_SYSTEM
from carbet.steering.demonstration.story import story_roles

_GESTURES = uuid.UUID("0a5d8f0e-6f0e-4a94-8a53-1f3c9f1f7d55")
PERSON = "georgette"
_IMAGING = cda.Author(
    cda.Name("ROTSEN", "Maëva", suffix="DR"),
    cda.Identifier(v.PROFESSIONAL, "899900000029"),
    cda.Code("G15_10/SM44", "Médecin - Radio-diagnostic (SM)", v.AUTHOR_SPECIALTY),
    cda.Organization(
        # An invented number, beyond those given in the territory.
        "Imagerie médicale des Palmistes (démonstration)",
        cda.Identifier(v.STRUCTURE, "1970399002"),
        "0536490110",
    ),
)
_PAPERS = (
    (
        40,
        papers.Paper(
            "Radiographie du thorax",
            [
                "Indication : toux depuis trois semaines.",
                "Résultat : pas de foyer, silhouette cardiaque à la limite supérieure.",
                "Conclusion : examen sans anomalie évolutive.",
            ],
            kind="18748-4",
            label="Compte rendu d’imagerie médicale",
            author=_IMAGING,
        ),
    ),
    (
        400,
        papers.Paper(
            "Échographie cardiaque",
            ["Fonction systolique conservée.", "À revoir dans un an."],
            kind="18748-4",
            label="Compte rendu d’imagerie médicale",
            author=_IMAGING,
        ),
    ),
)


def load(*, now: datetime) -> int:
    """Deposit what others wrote, once. Return how many documents were deposited."""
    roles = story_roles()
    if "gp" not in roles or not settings.DEMONSTRATION:
        return 0
    doctor = actor_of_role(roles["gp"].pk, now=now)
    with row_security.acting_as(doctor, now=now):
        found = PatientIdentifier.objects.filter(system=KEY_SYSTEM, value=PERSON).first()
        entered = find_entered(
            actor=doctor, patient_ids=[found.patient_id] if found else [], now=now
        )
    if not entered:
        return 0
    (patient,) = entered.values()
    keys = [uuid.uuid5(_GESTURES, f"{patient.pk}/{paper.title}") for _, paper in _PAPERS]
    if stand_in.kept.get(str(cda.new_identifier(keys[-1]))) is not None:
        return 0
    given = [secure_mail.letter(doctor, patient, secure_mail.LIAISON, now=now)]
    given += [
        papers.packed(
            doctor,
            patient,
            paper,
            at=now - timedelta(days=days),
            now=now,
            key=key,
        )
        for key, (days, paper) in zip(keys, _PAPERS, strict=True)
    ]
    if given[0].header.patient.ins is None:
        return 0
    for each in given:
        author = each.header.authors[0]
        place = author.organization or papers.HOSPITAL
        bearer = dmp.Bearer(
            author.identifier.extension if author.identifier else "",
            str(author.name or ""),
            place.identifier.extension if place.identifier else "",
            place.name,
        )
        at = each.header.effective_at or now
        dmp.provide(each, bearer=bearer, now=now, at=at, uses_stand_in=True)
    return len(given)
