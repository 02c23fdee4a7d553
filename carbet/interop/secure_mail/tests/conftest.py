"""A doctor's mailbox on a true mail server, and Claire, whom the doctor cares for."""

import base64
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from carbet.coordination.documents.models import Document
from carbet.core import row_security
from carbet.interop.cda.tests.factories import CLAIRE
from carbet.interop.secure_mail import access, operations, tasks
from carbet.interop.secure_mail.models import IncomingMail, Mailbox
from carbet.registries.patients.choices import INS_TEST
from carbet.registries.patients.models import Patient
from tests import mail_server as servers
from tests.world import World


@dataclass
class Office:
    """What the tests of secure mail stand on."""

    world: World
    server: Any
    mailbox: Mailbox
    patient: Patient

    def deliver(self, *mails: bytes) -> None:
        """Let another operator hand mails over."""
        for each in mails:
            self.server.deliver(each, self.mailbox.address)

    def work(self) -> list[IncomingMail]:
        """Collect and carry out, as the worker does. Return every mail, the oldest first."""
        tasks.collect(mailbox_id=self.mailbox.pk)
        tasks.process()
        return self.mails()

    def receive(self, *mails: bytes) -> list[IncomingMail]:
        self.deliver(*mails)
        return self.work()

    def mails(self) -> list[IncomingMail]:
        with self.as_house():
            return list(IncomingMail.objects.order_by("pk"))

    def papers(self) -> list[Document]:
        with self.as_house():
            return list(Document.objects.order_by("pk"))

    def inbox(self, folder: str = "INBOX") -> int:
        return len(self.server.mails(self.mailbox.address, folder))

    def as_house(self):  # type: ignore[no-untyped-def]
        return row_security.acting_as(access.HOUSE, now=self.world.now, operation="test.mail")


@pytest.fixture
def keys(settings):
    """Give the house a key to seal passwords with."""
    settings.CARBET_FILE_KEYS = ["1:" + base64.b64encode(b"k" * 32).decode()]


@pytest.fixture
def office(world, mss, keys):
    """Return the doctor's mailbox, and Claire with the traits of the letters of the tests."""
    care_team = world.circle(
        "nurse",
        birth_family=CLAIRE.birth_family,
        birth_given=CLAIRE.birth_given.split(),
        ins=CLAIRE.ins.extension,
        ins_system=INS_TEST,
        ins_recovered=True,
        identity_checked=True,
    )
    address = f"{uuid.uuid4().hex[:8]}@cabinet.mssante.fr"
    mailbox = operations.declare_mailbox(
        actor=world.actor("gp"),
        now=world.now,
        of_structure=False,
        address=address,
        username="",
        password=servers.password(),
        server="essai",
        gesture=uuid.uuid4(),
    )
    return Office(world, mss, mailbox, care_team.patient)
