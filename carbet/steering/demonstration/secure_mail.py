"""Secure mail as a newcomer finds it: a doctor's mailbox with a mail in each state, one sent.

The mailbox is at the stand-in: nothing leaves, nothing comes; mails are handed to the room itself.
"""

import uuid
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage

from django.conf import settings
from django.db import transaction

from carbet.coordination.documents import operations as documents
from carbet.coordination.documents.presenters import sheets
from carbet.core import row_security
from carbet.core.actor import Actor
from carbet.interop import xdm
from carbet.interop.secure_mail import access, operations
from carbet.interop.secure_mail.models import Mailbox
from carbet.interop.secure_mail.rules import writing
from carbet.registries.directory.access import actor_of_role
from carbet.registries.patients import queries as patients
from carbet.registries.patients.access import find_entered
from carbet.registries.patients.models import Patient, PatientIdentifier
from carbet.steering.demonstration import papers
from carbet.steering.demonstration.following import KEY_SYSTEM
from carbet.steering.demonstration.story import story_roles

_GESTURES = uuid.UUID("3f0b5b52-8a0e-4b7e-a9e5-93d1f6c7d021")
_SENDER = "medecine@hopital.mssante.example"
LIAISON = "Lettre de liaison à la sortie"


def load(*, now: datetime) -> int:
    """Write the mailbox and its mails unless they are there. Return how many mails came."""
    roles = story_roles()
    if "gp" not in roles or not roles["gp"].secure_email or not settings.DEMONSTRATION:
        return 0
    gesture = uuid.uuid5(_GESTURES, "mailbox")
    with row_security.acting_as(access.HOUSE, now=now):
        if Mailbox.objects.filter(gesture=gesture).exists():
            return 0
        numbers = dict(
            PatientIdentifier.objects.filter(system=KEY_SYSTEM).values_list("value", "patient_id")
        )
    doctor = actor_of_role(roles["gp"].pk, now=now)
    with row_security.acting_as(doctor, now=now):
        entered = find_entered(actor=doctor, patient_ids=list(numbers.values()), now=now)
    persons = {key: entered[pk] for key, pk in numbers.items() if pk in entered}
    with transaction.atomic():
        mailbox = operations.declare_mailbox(
            actor=doctor,
            now=now,
            of_structure=False,
            address=roles["gp"].secure_email,
            username="",
            password="",
            server="",
            gesture=gesture,
        )
        came = _mails(doctor, persons, now=now)
        for rank, data in enumerate(came, 1):
            _take(mailbox, data, rank, now=now - timedelta(hours=40 - 9 * rank))
        if "nurse" in roles and "georgette" in persons:
            _send(mailbox, doctor, persons["georgette"], roles["nurse"].secure_email, now=now)
    return len(came)


def _mails(doctor: Actor, persons: dict[str, Patient], *, now: datetime) -> list[bytes]:
    """Return a letter filed by itself, one without INS, one spoilt, one between people."""
    found = []
    for key, title in (
        ("georgette", LIAISON),
        ("wilner", "Compte rendu de consultation"),
    ):
        if key in persons:
            data = _archive(doctor, persons[key], title, now=now)
            found.append(_mail(_subject(persons[key], title), key, data))
    if "josephine" in persons:
        person = persons["josephine"]
        title = "Compte rendu d’hospitalisation"
        data = _archive(doctor, person, title, now=now)
        spoilt = bytearray(data)
        spoilt[len(spoilt) // 2] ^= 0xFF
        found.append(_mail(_subject(person, title), "spoilt", bytes(spoilt)))
    found.append(_mail("Réunion pluridisciplinaire de jeudi : ordre du jour", "people"))
    return found


def letter(doctor: Actor, patient: Patient, title: str, *, now: datetime) -> xdm.Packed:
    """Return a letter of the hospital, written two days ago."""
    return papers.packed(
        doctor,
        patient,
        papers.Paper(title, ["Suivi à poursuivre avec le médecin traitant."]),
        at=now - timedelta(days=2),
        now=now,
        key=uuid.uuid5(_GESTURES, f"letter/{patient.pk}/{title}"),
    )


def _archive(doctor: Actor, patient: Patient, title: str, *, now: datetime) -> bytes:
    return xdm.write([letter(doctor, patient, title, now=now)], at=now - timedelta(days=2))


def _subject(patient: Patient, title: str) -> str:
    person = writing.Person(
        patient.birth_family,
        patient.first_given or patient.birth_given[0],
        patient.birth_date,
    )
    return writing.subject(title, person)


def _mail(subject: str, key: str, archive: bytes = b"", *, sender: str = _SENDER) -> bytes:
    message = EmailMessage(policy=policy.SMTP.clone(max_line_length=998))
    message["From"], message["Subject"] = sender, subject
    message["Message-ID"] = f"<{key}@hopital.mssante.example>"
    message.set_content("Bonjour,\n\nBien confraternellement.\n")
    if archive:
        message.add_attachment(
            archive, maintype="application", subtype="zip", filename="IHE_XDM.zip"
        )
    return message.as_bytes()


def _take(mailbox: Mailbox, data: bytes, uid: int, *, now: datetime) -> None:
    operations.take(
        actor=access.HOUSE,
        now=now,
        mailbox=mailbox,
        uid=uid,
        uid_validity=1,
        data=data,
        size=len(data),
    )
    while operations.process_next(actor=access.HOUSE, now=now).worked:
        pass


def _send(
    mailbox: Mailbox, doctor: Actor, patient: Patient, recipient: str, *, now: datetime
) -> None:
    """Send a letter to the nurse of the circle, whose software integrated it."""
    at = now - timedelta(hours=5)
    with row_security.acting_as(doctor, now=at):
        ins = patients.ins_that_leaves(patient=patient)
    title = "Lettre à l’infirmière"
    pdf = sheets.pdf(
        patient=patient,
        ins=ins,
        title=title,
        author=doctor.display_name,
        now=at,
        parts=[sheets.Part(paragraphs=["Pesée deux fois par semaine, merci."])],
        signed=doctor.display_name,
    )
    document = documents.file_composed(
        actor=doctor,
        now=at,
        patient=patient,
        pdf=pdf,
        kind="11488-4",
        title=title,
        series="demonstration/secure-mail",
        gesture=uuid.uuid5(_GESTURES, "letter"),
    )
    sent = operations.send_document(
        actor=doctor,
        now=at,
        patient=patient,
        document=document,
        mailbox=mailbox,
        recipients=[recipient],
        to_patient=False,
        gesture=uuid.uuid5(_GESTURES, "sent"),
    )
    receipt = writing.receipt(
        b"",
        sender=recipient.lower(),
        to=mailbox.address,
        message_id="<receipt@hopital.mssante.example>",
        original_id=sent.message_id,
        original_subject=_subject(patient, title),
        code="",
        label="",
        at=at,
    )
    _take(mailbox, receipt, 90, now=at + timedelta(minutes=2))
