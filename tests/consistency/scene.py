"""One of everything about one person, and every kind of actor, for the access matrix."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from carbet.coordination.alerts.models import Alert, OnCallShift, PushDevice
from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.coordination.care_plans.models import (
    CarePlan,
    CarePlanVersion,
    Goal,
    Need,
    PlanComment,
    PlannedAction,
    PlanReview,
)
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    Consent,
    GlassBreaking,
    Invitation,
    RelatedPerson,
)
from carbet.coordination.detection.models import DetectedIssue
from carbet.coordination.documents.models import Document, File, Piece
from carbet.coordination.documents.tests.factories import photo, received
from carbet.coordination.messaging import operations as messaging
from carbet.coordination.messaging.models import Attachment, Participant
from carbet.coordination.notebook.models import Measure, Note
from carbet.coordination.orientation.models import Referral
from carbet.coordination.scheduling.access import digest_of
from carbet.coordination.scheduling.models import (
    Absence,
    Appointment,
    AppointmentParticipant,
    AppointmentSeries,
    CalendarFeed,
    Schedule,
    Slot,
)
from carbet.coordination.situations.models import EmergencyInformation, Situation
from carbet.coordination.subscriptions.models import CommunicationRequest, Subscription
from carbet.coordination.support.models import (
    Case,
    CaseStep,
    RequestFile,
    RequestPiece,
    RequestStep,
    SupportRequest,
)
from carbet.coordination.tasks.models import Task
from carbet.core import grants, row_security
from carbet.core.actor import ALL_DATA, Actor, DataCategory, Level, internal
from carbet.core.identifiers import make_ins, short_id
from carbet.core.models import OutboxMessage
from carbet.interop.exports.models import RecordExport, TerritoryExport
from carbet.interop.hospital_feed.models import (
    Encounter,
    FeedRoute,
    HospitalMessage,
    Movement,
)
from carbet.interop.secure_mail.models import IncomingMail, Mailbox, OutgoingMail, RawMail
from carbet.portal.models import Disruption
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import Delegation, HealthcareService, ImportRun, Right
from carbet.registries.identity import operations as identities
from carbet.registries.identity.models import LocalIdentity, Pair, Reconciliation
from carbet.registries.patients.access import find_entered
from carbet.registries.patients.choices import INS_TEST
from carbet.registries.patients.models import Patient
from carbet.registries.rights import operations as rights
from carbet.registries.rights.access import follow_up_of, renewal_of
from tests.world import World

INTERNAL = internal("test")
FEED_SECRET = "secret-of-the-nurse"


@dataclass
class Scene:
    """A person with a full record, the ids that addresses need, and who stands where."""

    world: World
    care_team: CareTeam
    ids: dict[str, Any] = field(default_factory=dict)
    sessions: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    @property
    def patient_id(self) -> int:
        return self.care_team.patient_id


# How each actor of the matrix stands towards the person: the level they hold, None for none.
# "identity" is the team asked for support, before it accepts.
RELATIONS: dict[str, Level | None] = {
    "gp": Level.MANAGE,
    "secretary": Level.MANAGE,
    "nurse": Level.WRITE,
    "home_help": Level.WRITE,
    "coordinator": Level.IDENTITY,
    "former": None,
    "stranger": None,
    "glass_expired": None,
    "operator": None,
    "agency": None,
    "identity_agent": None,
}


# Which data are open to each of them: home helps see no medical data.
CATEGORIES = dict.fromkeys(RELATIONS, ALL_DATA) | {
    "home_help": DataCategory.SOCIAL | DataCategory.ADMINISTRATIVE
}


def build(world: World, **traits: Any) -> Scene:
    """Arrange the scene: members, a former one, a revoked one, an expired exceptional entry."""
    identified = {
        "ins": make_ins(gender="female", year=1951, month=3, birth_place="97302", order=7),
        "ins_system": INS_TEST,
    }
    care_team = world.circle(
        "nurse", "home_help", "physio", "social_worker", **(identified | traits)
    )
    now = world.now
    patient_id = care_team.patient_id
    with row_security.acting_as(INTERNAL, now=now, operation="test.scene"):
        participants = {
            p.practitioner_role_id: p
            for p in CareTeamParticipant.objects.filter(care_team=care_team)
        }
    former = participants[world.roles["physio"].pk]
    former.care_team = care_team
    care_teams.end_participation(
        actor=world.actor("gp"), now=world.later(minutes=1), participant=former
    )
    now = world.now
    revoked = world.roles["social_worker"]
    revoked.ended_at = now
    revoked.save()
    scene = Scene(world, care_team)
    with row_security.acting_as(INTERNAL, now=now, operation="test.scene"):
        scene.ids |= _one_of_everything(world, care_team)
        grants.grant(
            f"role:{world.roles['other_gp'].pk}",
            patient_id=patient_id,
            level=Level.WRITE,
            source="glass",
            now=now,
            valid_from=now - timedelta(days=2),
            valid_until=now - timedelta(days=1),
        )
        grants.grant(
            f"org:{world.places['dac'].pk}",
            patient_id=patient_id,
            level=Level.IDENTITY,
            source="support_request",
            now=now,
        )
        grants.grant(
            f"account:{world.accounts['claire'].pk}",
            patient_id=patient_id,
            level=Level.READ,
            source="person",
            now=now,
        )
    scene.ids |= _a_thread(world, care_team.patient)
    scene.ids |= _rights(world)
    scene.ids |= _identities(world, patient_id)
    scene.ids |= {
        "pk": 1,
        "outline_key": "avc",
        "part": 0,
        "file_section": "Patient",
        "rank": 1,
        "section": "file-active",
        "patient_id": patient_id,
        "organization_id": world.places["dac"].pk,
        "service_id": HealthcareService.objects.create(
            organization=world.places["dac"], name="Appui à la coordination"
        ).pk,
        "destination": f"P-{short_id(world.places['dac'].pk)}",
        "role_id": world.roles["nurse"].pk,
        "run_id": _an_import(now).pk,
        "disruption_id": _a_disruption(now).pk,
        "participant_id": participants[world.roles["nurse"].pk].pk,
    }
    return scene


def build_other(scene: Scene) -> dict[str, Any]:
    """Arrange another person's full record, which the same doctor manages. Return its ids."""
    world = scene.world
    care_team = world.circle("nurse", birth_family="Autre", used_family="Personne")
    with row_security.acting_as(INTERNAL, now=world.now, operation="test.scene"):
        ids = _one_of_everything(world, care_team)
        ids["participant_id"] = (
            CareTeamParticipant.objects.filter(
                care_team=care_team, practitioner_role=world.roles["nurse"]
            )
            .get()
            .pk
        )
    return ids


def actors(scene: Scene) -> dict[str, Actor]:
    """Return the professional actors of the matrix by relation (SQL level)."""
    world = scene.world
    keys = {
        "gp": "gp",
        "secretary": "secretary",
        "nurse": "nurse",
        "home_help": "home_help",
        "coordinator": "coordinator",
        "former": "physio",
        "stranger": "far_nurse",
        "glass_expired": "other_gp",
        "operator": "operator",
        "agency": "agency",
        "identity_agent": "identity_agent",
    }
    return {name: world.actor(key) for name, key in keys.items()}


def _an_import(now: datetime) -> ImportRun:
    """Write an import of the directory that rejected one line."""
    run = ImportRun.objects.create(
        source="finess", status="done", origin="f.csv", rejected=1, started_at=now, seen_at=now
    )
    run.lines.create(outcome="rejected", kind="Organization", line=3, reason="Numéro incorrect.")
    return run


def _a_disruption(now: datetime) -> Disruption:
    """Write an incident of a regional service, under way."""
    return Disruption.objects.create(
        service="directory",
        kind="incident",
        title="Recherche lente",
        starts_at=now,
        declared_at=now,
        declared_by_name="Région",
        updated_at=now,
        updated_by_name="Région",
        gesture=uuid.uuid4(),
    )


def _rights(world: World) -> dict[str, Any]:
    """Ask to work in a structure, let an application in. Return the ids of what rights keep."""
    asked = rights.request_registration(
        actor=INTERNAL,
        now=world.now,
        organization=world.places["nursing"],
        given="Noémie",
        family="Lalsie",
        email="noemie@carbet.test",
        profession="60",
    )
    let_in = rights.register_application(
        actor=INTERNAL,
        now=world.now,
        name="Télé-expertise",
        address="https://application.example/",
        redirect_uri="https://application.example/retour",
    )
    return {
        "registration_id": asked.pk,
        "follow_up": follow_up_of(asked),
        "renewal": renewal_of(Account.objects.create_user("perdu@carbet.test")),
        "application_id": let_in.application.pk,
        # Of those whose loss changes no relation of the matrix.
        "right_id": Right.objects.get(practitioner_role=world.roles["social_worker"]).pk,
        "delegation_id": Delegation.objects.create(
            delegator=world.roles["far_nurse"],
            delegate=world.roles["operator"],
            started_at=world.now,
            ended_at=world.now + timedelta(days=90),
        ).pk,
    }


def _identities(world: World, patient_id: int) -> dict[str, Any]:
    """Tell the person in a hospital as well: linked, then in doubt with a third."""
    with row_security.acting_as(INTERNAL, now=world.now, operation="test.scene"):
        domain = identities.open_domain(
            actor=INTERNAL, now=world.now, slug="ch-scene", name="Hôpital de la scène"
        )
        mirrored = LocalIdentity.objects.get(patient_id=patient_id)
        told = {"actor": INTERNAL, "now": world.now, "domain": domain}
        identities.record_local_identity(number="1", traits=mirrored.traits, **told)
        identities.record_local_identity(number="2", traits=mirrored.traits, **told)
        return {
            "identity_id": mirrored.pk,
            "pair_id": Pair.objects.order_by("pk")[0].pk,
            "reconciliation_id": Reconciliation.objects.order_by("pk")[0].pk,
        }


def _a_thread(world: World, patient: Patient) -> dict[str, int]:
    """Open a thread about the person between her doctor and her nurse. Return its ids."""
    actor = world.actor("gp")
    with row_security.acting_as(actor, now=world.now):
        patient = find_entered(actor=actor, patient_ids=[patient.pk], now=world.now)[patient.pk]
    thread = messaging.open_thread(
        actor=actor,
        now=world.now,
        patient=patient,
        recipients=[world.roles["nurse"].key],
        text="Peut-on espacer les passages ?",
        gesture=uuid.uuid4(),
        files=[received(photo(), "plaie.jpg")],
    )
    with row_security.acting_as(actor, now=world.now):
        seat = Participant.objects.get(thread=thread, grantee=world.roles["nurse"].key)
        attachment = Attachment.objects.get(thread=thread)
    return {"thread_id": thread.pk, "seat_id": seat.pk, "attachment_id": attachment.pk}


def _one_of_everything(world: World, care_team: CareTeam) -> dict[str, Any]:
    patient_id, now = care_team.patient_id, world.now
    gp, nurse = world.roles["gp"], world.roles["nurse"]
    written = {
        "patient_id": patient_id,
        "author_role": nurse,
        "author_name": "Inès Robeiri",
        "occurred_at": now,
        "recorded_at": now,
    }
    # Pages open the social note, which all of the circle may read.
    note = Note.objects.create(
        text="Va bien ce matin.", category=DataCategory.SOCIAL.value, **written
    )
    Note.objects.create(text="Plaie propre.", **written)
    measure = Measure.objects.create(kind="29463-7", value=62, **written)
    # A medical one, then the social one that pages open.
    for category in (DataCategory.MEDICAL, DataCategory.SOCIAL):
        document = Document.objects.create(
            patient_id=patient_id,
            title="Lettre",
            category=category.value,
            author_role=nurse,
            author_name="Inès Robeiri",
            recorded_at=now,
            updated_at=now,
        )
        file = File.objects.create(
            document=document,
            patient_id=patient_id,
            number=1,
            name="photo.jpg",
            media_type="image/jpeg",
            size=4,
            width=1,
            height=1,
            digest="0" * 64,
            author_name="Inès Robeiri",
            recorded_at=now,
        )
    for rank in (0, 1):
        Piece.objects.create(file=file, patient_id=patient_id, rank=rank, data=b"\xff\xd8\xff!")
    consent = Consent.objects.filter(patient_id=patient_id).first()
    request = SupportRequest.objects.create(
        patient_id=patient_id,
        requester=gp,
        addressee=world.places["dac"],
        consent=consent,
        reason="home",
        text="Maintien à domicile difficile.",
        submitted_at=now,
    )
    case = Case.objects.create(
        patient_id=patient_id,
        organization=world.places["dac"],
        coordinator=world.roles["coordinator"],
        opened_at=now,
    )
    kept = {"patient_id": patient_id, "updated_at": now, "updated_by_name": "Inès Robeiri"}
    Situation.objects.create(household="alone", **kept)
    EmergencyInformation.objects.create(allergies="Pénicilline", **kept)
    # The last one, social, is the one that pages open.
    for rule, category in (
        ("falls", DataCategory.MEDICAL),
        ("missed_visits", DataCategory.SOCIAL),
    ):
        issue = DetectedIssue.objects.create(
            patient_id=patient_id,
            rule=rule,
            category=category.value,
            reason="Deux rendez-vous manqués.",
            latest_at=now,
            identified_at=now,
        )
    # The social one first: it is the one that pages open.
    for number, category in enumerate((DataCategory.SOCIAL, DataCategory.MEDICAL), start=1):
        letter = RequestFile.objects.create(
            request=request,
            patient_id=patient_id,
            category=category.value,
            number=number,
            name="lettre.pdf",
            media_type="application/pdf",
            size=4,
            digest="0" * 64,
            author_name="Yann Le Bihan",
            recorded_at=now,
        )
        RequestPiece.objects.create(file=letter, patient_id=patient_id, rank=1, data=b"%PDF")
    step = RequestStep.objects.create(
        request=request,
        patient_id=patient_id,
        kind="submitted",
        at=now,
        author_role=gp,
        author_name="Yann Le Bihan",
    )
    CaseStep.objects.create(
        case=case,
        patient_id=patient_id,
        organization=case.organization,
        kind="opened",
        at=now,
        author_name="Arya Sampaio",
        coordinator=case.coordinator,
    )
    plan = CarePlan.objects.create(patient_id=patient_id, author=gp, created_at=now, updated_at=now)
    shared = {"patient_id": patient_id, "category": DataCategory.SOCIAL.value}
    need = Need.objects.create(care_plan=plan, text="Marcher", domain="autonomy", **shared)
    goal = Goal.objects.create(need=need, text="Aller au marché", **shared)
    action = PlannedAction.objects.create(goal=goal, text="Kiné", **shared)
    medical = Need.objects.create(patient_id=patient_id, care_plan=plan, text="Spasticité")
    medical_goal = Goal.objects.create(patient_id=patient_id, need=medical, text="Assouplir")
    PlannedAction.objects.create(patient_id=patient_id, goal=medical_goal, text="Toxine")
    for categories in (DataCategory.SOCIAL, DataCategory.SOCIAL | DataCategory.MEDICAL):
        version = CarePlanVersion.objects.create(
            patient_id=patient_id,
            care_plan=plan,
            number=1,
            content={"needs": []},
            categories=categories.value,
            approved_at=now,
            approved_by=gp,
        )
    for category in (DataCategory.MEDICAL, DataCategory.SOCIAL):
        PlanReview.objects.create(
            patient_id=patient_id,
            care_plan=plan,
            category=category.value,
            held_at=now,
            held_by=gp,
            held_by_name="Yann Le Bihan",
            gesture=uuid.uuid4(),
        )
        PlanComment.objects.create(
            patient_id=patient_id,
            care_plan=plan,
            category=category.value,
            number=1,
            revision=1,
            text="Vu",
            written_at=now,
            written_by=gp,
            written_by_name="Yann Le Bihan",
            gesture=uuid.uuid4(),
        )
    invitation = Invitation.objects.create(
        patient_id=patient_id,
        practitioner_role=world.roles["far_nurse"],
        invited_by=gp,
        invited_at=now,
        expires_at=now + timedelta(days=1),
    )
    breaking = GlassBreaking.objects.create(
        patient_id=patient_id,
        practitioner_role=world.roles["other_gp"],
        reason="emergency",
        explanation="Malaise au marché",
        opened_at=now - timedelta(days=2),
        valid_until=now - timedelta(days=1),
    )
    relative = RelatedPerson.objects.create(
        patient_id=patient_id, family="Montgénie", given="Julie", phone="0694000000", updated_at=now
    )
    alert = Alert.objects.create(
        patient_id=patient_id, recipient=gp.key, kind="note", target="notebook", raised_at=now
    )
    task = Task.objects.create(
        patient_id=patient_id,
        text="Renouveler l’ordonnance",
        owner=gp.key,
        owner_name="Yann Le Bihan",
        requester_role=nurse,
        requester_name="Inès Robeiri",
        requested_at=now,
        updated_at=now,
    )
    Task.objects.create(
        patient_id=patient_id,
        text="Équilibrer l’insuline",
        category=DataCategory.MEDICAL.value,
        source=f"action:{patient_id}",
        owner=gp.key,
        owner_name="Yann Le Bihan",
        requester_name="Inès Robeiri",
        requested_at=now,
        updated_at=now,
    )
    device = PushDevice.objects.create(
        owner=gp.key, endpoint=f"https://push.example/{patient_id}", added_at=now
    )
    shift = OnCallShift.objects.create(
        organization=world.places["dac"],
        practitioner_role=world.roles["coordinator"],
        starts_at=now,
        ends_at=now + timedelta(hours=12),
    )
    message = OutboxMessage.objects.create(
        topic="care_team.invitation",
        idempotency_key=f"test:{patient_id}",
        status="failed",
        created_at=now,
        due_at=now,
    )
    # A medical one, then the social one that pages open.
    for category in (DataCategory.MEDICAL, DataCategory.SOCIAL):
        referral = Referral.objects.create(
            patient_id=patient_id,
            category=category.value,
            kind="P",
            target=world.places["dac"].pk,
            organization=world.places["dac"],
            name="DAC Guyane",
            reason="Maintien à domicile difficile.",
            author_role=gp,
            author_name="Yann Le Bihan",
            created_at=now,
        )
    party = {"kind": "Organization", "name": "CH de Cayenne"}
    declared = {
        f"{who}_{name}": value
        for who in ("declarant", "subscriber")
        for name, value in party.items()
    }
    subscription = Subscription.objects.create(
        patient_id=patient_id,
        organization=world.places["office"],
        event_type="SOR",
        channel="email",
        endpoint="a@b.example",
        start_at=now,
        subscribed_at=now,
        digest=f"{patient_id}",
        created_at=now,
        updated_at=now,
        **declared,
    )
    for kind, category in (("SOR", 0), ("NOT", DataCategory.MEDICAL.value)):
        CommunicationRequest.objects.create(
            patient_id=patient_id,
            event_type=kind,
            category=category,
            event_at=now,
            authored_on=now,
            requester_kind="Organization",
            source=f"test:{kind}:{patient_id}",
            recorded_at=now,
            updated_at=now,
        )
    planned = _planned(world, patient_id) | _hospital(world, patient_id)
    planned |= _mails(world, patient_id)
    # Each person of the matrix has answered a questionnaire of their own, in both categories.
    number = QuestionnaireResponse.objects.values("questionnaire").distinct().count()
    questionnaire = Questionnaire.objects.order_by("pk")[number]
    for category in (DataCategory.MEDICAL, DataCategory.SOCIAL):
        response = QuestionnaireResponse.objects.create(
            patient_id=patient_id,
            questionnaire=questionnaire,
            category=category.value,
            status="completed",
            author_role=nurse,
            author_name="Inès Robeiri",
            authored_at=now,
            recorded_at=now,
            saved_at=now,
        )
    asked = {"role": gp, "asked_by_name": "Yann Le Bihan", "asked_at": now, "reason": "Elle part."}
    taken = RecordExport.objects.create(patient_id=patient_id, **asked)
    territory = TerritoryExport.objects.create(status="proposed", **asked)
    return planned | {
        "export_id": taken.pk,
        "territory_id": territory.pk,
        "response_id": response.pk,
        "questionnaire_id": questionnaire.pk,
        "note_id": note.pk,
        "measure_id": measure.pk,
        "document_id": document.pk,
        "request_id": request.pk,
        "case_id": case.pk,
        "step_id": step.pk,
        "issue_id": issue.pk,
        "need_id": need.pk,
        "goal_id": goal.pk,
        "action_id": action.pk,
        "number": version.number,
        "version": version.number,
        "breaking_id": breaking.pk,
        "invitation_id": invitation.pk,
        "related_person_id": relative.pk,
        "alert_id": alert.pk,
        "task_id": task.pk,
        "subscription_id": subscription.pk,
        "device_id": device.pk,
        "shift_id": shift.pk,
        "message_id": message.pk,
        "referral_id": referral.pk,
        "consent_id": consent.pk if consent else None,
    }


def _hospital(world: World, patient_id: int) -> dict[str, int]:
    """Return a stay that a hospital told, and a message of it that is stopped."""
    now, place = world.now, world.places["far_office"]
    dated = {"recorded_at": now, "updated_at": now, "patient_id": patient_id}
    stay = Encounter.objects.create(
        organization=place, number="1", status="planned", patient_class="I", **dated
    )
    Movement.objects.create(
        encounter=stay, number="1", kind="A05", patient_class="I", started_at=now, **dated
    )
    message = HospitalMessage.objects.create(
        received_at=now,
        peer="127.0.0.1",
        facility="CHC",
        control_id=f"{patient_id}",
        size=1,
        digest="0",
        due_at=now,
        status="dead",
        patient_id=patient_id,
    )
    route = FeedRoute.objects.create(
        facility=f"F{patient_id}",
        organization=place,
        created_at=now,
        updated_at=now,
        created_by="Nadia Exploit",
    )
    return {"feed_message_id": message.pk, "route_id": route.pk}


def _mails(world: World, patient_id: int) -> dict[str, Any]:
    """Return what the doctor's mailbox received and sent about the person."""
    now, gp = world.now, world.roles["gp"]
    mailbox = Mailbox.objects.create(
        practitioner_role=gp,
        owner=gp.key,
        address=f"{patient_id}@cabinet.mssante.example",
        updated_at=now,
        updated_by_name="Yann Le Bihan",
        gesture=uuid.uuid4(),
    )
    mail = IncomingMail.objects.create(
        mailbox=mailbox,
        owner=gp.key,
        received_at=now,
        uid=1,
        uid_validity=1,
        digest="0" * 64,
        size=1,
        sender="a@chu.mssante.example",
        status="to_file",
        due_at=now,
    )
    RawMail.objects.create(mail=mail, data=b"Subject: S\r\n\r\nB", recorded_at=now)
    sent = OutgoingMail.objects.create(
        mailbox=mailbox,
        owner=gp.key,
        patient_id=patient_id,
        document=Document.objects.filter(patient_id=patient_id).first(),
        number=1,
        title="Lettre",
        recipients=["a@chu.mssante.example"],
        message_id=f"<{patient_id}@cabinet.mssante.example>",
        requested_at=now,
        author_name="Yann Le Bihan",
        gesture=uuid.uuid4(),
    )
    return {"mailbox_id": mailbox.pk, "mail_id": mail.pk, "sent_id": sent.pk}


def _planned(world: World, patient_id: int) -> dict[str, Any]:
    """Return what the agenda holds of the person, and what the nurse opens in her own."""
    now, nurse = world.now, world.roles["nurse"]
    start, end = now + timedelta(days=1), now + timedelta(days=1, minutes=30)
    written = {"author_role": nurse, "author_name": "Inès Robeiri", "created_at": now}
    series = AppointmentSeries.objects.create(
        patient_id=patient_id,
        rule="FREQ=DAILY",
        first_start=start,
        minutes=30,
        zone="America/Cayenne",
        kind="HH",
        role_ids=[nurse.pk],
        written_until=end,
        **written,
    )
    appointment = Appointment.objects.create(
        patient_id=patient_id,
        status="booked",
        start=start,
        end=end,
        series=series,
        recurrence_id=start,
        updated_at=now,
        **written,
    )
    AppointmentParticipant.objects.create(
        appointment=appointment,
        patient_id=patient_id,
        practitioner_role=nurse,
        organization_id=nurse.organization_id,
        status="accepted",
        start=start,
        end=end,
    )
    schedule, _ = Schedule.objects.get_or_create(
        practitioner_role=nurse,
        kind="AMB",
        declared_by="",
        defaults={"organization_id": nurse.organization_id, "updated_at": now},
    )
    hours = timedelta(hours=Slot.objects.count())
    slot = Slot.objects.create(
        schedule=schedule, start=start + hours, end=end + hours, updated_at=now
    )
    absence = Absence.objects.create(
        practitioner_role=nurse, start=end, end=end + timedelta(hours=1), created_at=now
    )
    CalendarFeed.objects.get_or_create(
        account=world.accounts["nurse"],
        practitioner_role=nurse,
        revoked_at=None,
        defaults={"digest": digest_of(FEED_SECRET), "created_at": now},
    )
    return {
        "appointment_id": appointment.pk,
        "slot_id": slot.pk,
        "absence_id": absence.pk,
        "secret": FEED_SECRET,
    }
