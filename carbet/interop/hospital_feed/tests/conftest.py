"""A hospital with a route, a person it knows, and the path of a message from its arrival on."""

from dataclasses import dataclass
from datetime import date

import pytest

from carbet.connectors.mllp import Arrival, Frame
from carbet.core import row_security
from carbet.interop.cda.tests.factories import CLAIRE
from carbet.interop.hospital_feed import access, operations
from carbet.interop.hospital_feed.models import FeedRoute, HospitalMessage
from carbet.interop.hospital_feed.operations import receiving
from carbet.interop.hospital_feed.tests import messages
from carbet.registries.directory.models import Organization
from carbet.registries.patients.choices import INS_TEST
from carbet.registries.patients.models import Patient, PatientIdentifier
from tests.world import World


@dataclass
class Feed:
    """What the tests of the feed stand on."""

    world: World
    hospital: Organization
    route: FeedRoute
    patient: Patient

    def take(self, *data: bytes) -> list[receiving.Taken]:
        """Receive messages, as the listener does."""
        return receiving.receive(
            actor=access.HOUSE,
            now=self.world.now,
            arrivals=[Arrival("127.0.0.1", Frame(each)) for each in data],
        )

    def work(self) -> int:
        """Carry out what waits, as the worker does. Return how many turns it took."""
        turns = 0
        while operations.process_next(actor=access.HOUSE, now=self.world.now).worked:
            turns += 1
        return turns

    def send(self, *data: bytes) -> list[HospitalMessage]:
        """Receive messages and carry them out. Return what became of each."""
        taken = self.take(*data)
        self.work()
        return [self.row(each.number) for each in taken]

    def row(self, number: int) -> HospitalMessage:
        with self.as_house():
            return HospitalMessage.objects.get(pk=number)

    def as_house(self):
        return row_security.acting_as(access.HOUSE, now=self.world.now, operation="test.feed")


@pytest.fixture
def feed(world):
    """Return a feed: Claire with a qualified INS, cared for by a doctor and a nurse."""
    hospital = Organization.objects.create(
        name="Hôpital du Larivot", finess="970300026", commune_id="97302", synthetic=True
    )
    care_team = world.circle(
        "nurse",
        ins=messages.INS,
        ins_system=INS_TEST,
        ins_recovered=True,
        identity_checked=True,
    )
    route = operations.open_route(
        actor=world.actor("operator"), now=world.now, facility="CHC", organization=hospital
    )
    return Feed(world, hospital, route, care_team.patient)


@pytest.fixture
def official_feed(feed):
    """Return the feed, its person being that of the official examples, its routes their senders."""
    for facility in ("CHU-X", "Organisation-X", "Organisation-Y", "labo", "TLRfacility"):
        operations.open_route(
            actor=feed.world.actor("operator"),
            now=feed.world.now,
            facility=facility,
            organization=feed.hospital,
        )
    with feed.as_house():
        PatientIdentifier.objects.filter(patient=feed.patient, system=INS_TEST).update(
            value="279035121518989"
        )
        person = feed.patient
        person.birth_family, person.birth_given = "PAT-TROIS", ["DOMINIQUE"]
        person.birth_date, person.gender = date(1979, 3, 28), "female"
        person.save()
    return feed


@pytest.fixture
def claire(feed):
    """Return the feed, its person bearing the traits of the letters of the tests."""
    with feed.as_house():
        PatientIdentifier.objects.filter(patient=feed.patient, system=INS_TEST).update(
            value=CLAIRE.ins.extension
        )
        person = feed.patient
        person.birth_family = CLAIRE.birth_family
        person.birth_given = CLAIRE.birth_given.split()
        person.birth_date, person.gender = CLAIRE.birth_date, CLAIRE.gender
        person.save()
    return feed
