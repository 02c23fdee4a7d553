"""The desk: what waits, two side by side, decided at the keyboard, undone, verified."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse

from carbet.connectors import insi_stand_in
from carbet.core import row_security
from carbet.core.identifiers import make_ins, short_id
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableToAct
from carbet.registries.identity import operations, presenters, queries
from carbet.registries.identity.models import (
    DomainNotice,
    IdentityMark,
    LocalIdentity,
    Pair,
    Reconciliation,
)
from carbet.registries.identity.tests.factories import HOUSE, claire, domain, somebody, told
from carbet.registries.patients import operations as patients
from carbet.registries.patients.choices import INS_TEST
from carbet.registries.patients.models import Patient
from tests.world import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(world, sign_in):
    return sign_in(world.accounts["identity_agent"], role=world.roles["identity_agent"])


def seen(model, **more):
    with row_security.acting_as(HOUSE, now=NOW):
        return list(model.objects.filter(**more).order_by("pk"))


def doubtful(number="1"):
    """Tell two identities alike but not enough: a doubtful pair."""
    told(domain("chc"), number, claire(birth_given=("CLAIRE",)))
    told(domain("chog"), number, claire(birth_given=("CLÉA",), birth_family="RÉJIS"))
    return seen(Pair)[-1]


def test_what_waits_is_listed_riskiest_first(agent):
    doubtful()
    place = domain("chc")
    told(place, "9", somebody())
    told(place, "9", claire(birth_family="LETARD", birth_given=("PAUL",), gender="male"))
    page = agent.get(reverse("identity:list")).content.decode()
    assert page.index("Collision</span>") < page.index("Doublon potentiel</span>")
    filtered = agent.get(reverse("identity:list"), {"nature": "collision"}).content.decode()
    assert "Doublon potentiel</span>" not in filtered
    assert (
        "Rien pour ce choix"
        in agent.get(reverse("identity:list") + "?nature=domain").content.decode()
    )


def test_what_nobody_weighed_comes_after_what_is_likely_wherever_it_is_listed(agent, world):
    told(domain("chc"), "1", claire(birth_given=("CLAIRE",)))
    told(domain("chog"), "1", claire(birth_given=("CLÉA",), birth_family="RÉJIS"))
    told(domain("chk"), "1", somebody())
    likely, rows = seen(Pair)[0], seen(LocalIdentity)
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        unweighed = Pair.objects.create(
            first=rows[0], second=rows[2], kind=likely.kind, risk=likely.risk, found_at=NOW
        )
        assert queries.next_waiting(after=0, account_id=None) == likely
    actor = world.actor("identity_agent")
    with row_security.acting_as(actor, now=NOW):
        listed = [row["pk"] for row in presenters.home_rows(actor=actor, now=NOW)]
    assert listed == [likely.pk, unweighed.pk]
    page = agent.get(reverse("identity:list"), {"apres": short_id(likely.pk)}).content.decode()
    assert reverse("identity:compare", args=[unweighed.pk]) in page
    assert reverse("identity:compare", args=[likely.pk]) not in page


def test_differences_are_marked_and_said(agent):
    pair = doubtful()
    page = agent.get(reverse("identity:compare", args=[pair.pk])).content.decode()
    assert page.count("Différent") >= 2
    assert "Prénoms différents" in page or "Prénom presque le même" in page
    assert "<title>Comparer deux identités" in page


def decide(agent, pair, **data):
    return agent.post(
        reverse("identity:compare", args=[pair.pk]), {"version": pair.version, **data}, follow=True
    )


def test_the_same_links_and_leads_to_the_next(agent):
    pair = doubtful()
    page = decide(agent, pair, verdict="same", reason="Même pièce").content.decode()
    assert "Décidé : même personne" in page
    assert len(seen(Reconciliation)) == 1
    one, two = seen(LocalIdentity)
    assert one.regional_id == two.regional_id


def test_the_next_question_is_the_next_of_the_same_list(agent):
    first = doubtful("1")
    told(domain("chk"), "1", somebody())
    told(domain("chk"), "2", somebody(birth_given=("JOHANNES",)))
    domestic = seen(Pair)[-1]
    assert (first.kind, domestic.kind) == ("doubtful", "domain")
    rows = seen(LocalIdentity)
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        other = Pair.objects.create(
            first=rows[0], second=rows[-1], kind="doubtful", risk=4, probability=0.1, found_at=NOW
        )
    lower, higher = sorted((first, other), key=lambda pair: -(pair.probability or 0))
    url = reverse("identity:list") + "?nature=doubtful"
    page = agent.get(url).content.decode()
    assert reverse("identity:compare", args=[lower.pk]) + "?nature=doubtful" in page
    for asked, following in ((lower, higher), (higher, None)):
        url = reverse("identity:compare", args=[asked.pk]) + "?nature=doubtful"
        answer = agent.post(url, {"version": asked.version, "verdict": "different"})
        address = (
            reverse("identity:compare", args=[following.pk])
            if following
            else reverse("identity:list")
        )
        assert answer["Location"] == address + "?nature=doubtful"


def test_what_happened_to_both_is_read_beside_them(agent):
    pair = doubtful()
    told(domain("chog"), "1", claire(birth_given=("CLÉA",), city="Kourou"), now=NOW)
    told(domain("chk"), "4", claire(birth_given=("CLAIRE",)))
    page = agent.get(reverse("identity:compare", args=[pair.pk])).content.decode()
    assert "<del>RÉJIS</del>" in page
    assert "<ins>Kourou</ins>" in page
    assert "Rapprochement automatique" in page
    # The first traits of a number take nobody's place.
    assert '<del>vide</del> <span aria-hidden="true">→</span> <ins>CLÉA</ins>' not in page


def test_whoever_reads_names_at_the_desk_is_traced(agent):
    pair = doubtful()
    decide(agent, pair, verdict="same")
    [decision] = seen(Reconciliation)
    doubtful("2")
    waits = len(seen(Pair, state="open"))
    for url in (
        reverse("identity:list"),
        reverse("identity:decisions"),
        reverse("identity:decision", args=[decision.pk]),
    ):
        agent.get(url)
    with row_security.acting_as(HOUSE, now=NOW):
        traced = AuditEvent.objects.filter(action="R").values_list("operation", "entity")
        assert {
            ("identity.worklist", f"Pair x{waits}"),
            ("identity.decisions", "Reconciliation x1"),
            ("identity.decision", f"LocalIdentity/{pair.first_id}"),
            ("identity.decision", f"LocalIdentity/{pair.second_id}"),
        } <= set(traced)


def test_different_is_remembered(agent):
    pair = doubtful()
    decide(agent, pair, verdict="different")
    assert seen(Pair)[0].state == "different"
    assert "Ida Vigile" in seen(Pair)[0].decided_by_name


def test_what_was_said_different_by_mistake_is_taken_back(agent):
    pair = doubtful()
    decide(agent, pair, verdict="different")
    page = agent.get(reverse("identity:compare", args=[pair.pk])).content.decode()
    assert "Rouvrir la question" in page
    url = reverse("identity:reopen", args=[pair.pk])
    refused = agent.post(url, {"reason": ""})
    assert refused.status_code == 422
    assert "Ce champ est obligatoire" in refused.content.decode()
    assert seen(Pair)[0].state == "different"
    page = agent.post(url, {"reason": "Mauvaise touche"}, follow=True).content.decode()
    assert "attend de nouveau" in page
    [again] = seen(Pair)
    assert (again.state, again.decided_by_name, again.reason) == ("open", "", "Mauvaise touche")
    assert agent.post(url, {"reason": "Encore"}).status_code == 422
    decide(agent, again, verdict="same")
    one, two = seen(LocalIdentity)
    assert one.regional_id == two.regional_id


def test_what_a_decision_separated_goes_back_by_that_decision(agent, world):
    told(domain("chc"), "1")
    told(domain("chog"), "7")
    one, two = seen(LocalIdentity)
    agent.post(reverse("identity:part", args=[one.pk]), {"autre": two.pk, "reason": "Homonymes"})
    [pair] = seen(Pair)
    answer = agent.post(reverse("identity:reopen", args=[pair.pk]), {"reason": "Erreur"})
    assert answer.status_code == 422
    assert "depuis sa page" in answer.content.decode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Dites si c’est la même personne"),
        ({"verdict": "perhaps"}, "Sélectionnez un choix valide"),
        ({"verdict": "same", "reason": "a" * 501}, "500"),
        ({"verdict": "same", "reason": "a\x00b"}, "nul"),
    ],
)
def test_a_wrong_answer_is_said_at_the_field_and_nothing_moves(agent, data, said):
    pair = doubtful()
    answer = agent.post(
        reverse("identity:compare", args=[pair.pk]), {"version": pair.version, **data}
    )
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not seen(Reconciliation)


def test_two_agents_at_once_the_second_is_told(agent, world):
    pair = doubtful()
    operations.decide(
        actor=world.actor("second_agent"),
        now=NOW,
        pair_id=pair.pk,
        version=pair.version,
        verdict="different",
    )
    answer = agent.post(
        reverse("identity:compare", args=[pair.pk]), {"version": pair.version, "verdict": "same"}
    )
    assert answer.status_code == 422
    assert "Déjà décidé par Ana Double" in answer.content.decode()


def test_a_decision_is_undone_from_its_page(agent):
    pair = doubtful()
    decide(agent, pair, verdict="same")
    decision = seen(Reconciliation)[0]
    url = reverse("identity:decision", args=[decision.pk])
    assert agent.post(url, {"reason": ""}).status_code == 422
    page = agent.post(url, {"reason": "Deux cousines"}, follow=True).content.decode()
    assert "Décision annulée" in page
    assert "Deux cousines" in page
    one, two = seen(LocalIdentity)
    assert one.regional_id != two.regional_id


def test_an_identity_shows_whom_it_is_one_with_and_is_separated(agent):
    told(domain("chc"), "1")
    told(domain("chog"), "7")
    one, two = seen(LocalIdentity)
    url = reverse("identity:identity", args=[one.pk])
    assert "CH chog" in agent.get(url).content.decode()
    part = reverse("identity:part", args=[one.pk])
    assert agent.post(part, {"autre": two.pk, "reason": ""}).status_code == 422
    assert agent.post(part, {"autre": "x" * 30, "reason": "a"}).status_code == 422
    agent.post(part, {"autre": two.pk, "reason": "Homonymes"})
    one, two = seen(LocalIdentity)
    assert one.regional_id != two.regional_id


def find(agent, text):
    return agent.post(reverse("identity:find"), {"q": text}).content.decode()


@pytest.mark.parametrize(
    "text",
    [
        *("KC-1", "Claire Régis", "RÉGIS", "Montgénie Claire", "regis", "marie regis"),
        *("claire montgenie", "regis claire 1951", "Régis Claire 14/03/1951"),
        # Written a little otherwise, with the whole date.
        *("Clere Regisse 14/03/1951", "Réjis Claire 14.03.1951"),
    ],
)
def test_found_by_number_or_name(agent, text):
    told(domain("chc"), "KC-1")
    told(domain("chc"), "KC-2", somebody(birth_family="MAUREL-DA SILVA", used_family=""))
    assert "1\N{NO-BREAK SPACE}identité trouvée" in find(agent, text)


@pytest.mark.parametrize("text", ["maurel da silva johanes", "Johanes Maurel-Dâ Silva"])
def test_found_by_a_name_of_several_words(agent, text):
    told(domain("chc"), "1")
    told(domain("chc"), "2", somebody(birth_family="MAUREL-DA SILVA", used_family=""))
    assert "Johanes" in find(agent, text) or "JOHANES" in find(agent, text)
    assert "1\N{NO-BREAK SPACE}identité trouvée" in find(agent, text)


@pytest.mark.parametrize(
    "text",
    ["regis claire 1952", "regis paul", "regis anne 02/02/1999", "山田", "31/02/1951 x", "'"],
)
def test_who_is_not_there_is_not_found(agent, text):
    told(domain("chc"), "KC-1", claire(birth_given=("CLAIRE",)))
    assert "0\N{NO-BREAK SPACE}identité trouvée" in find(agent, text)


def costly(world, count):
    """Return the address of every page of the desk, with so much to show on each."""
    place, other = domain("chc"), domain("chog")
    for number in map(str, range(count)):
        named = somebody(birth_family=f"NOM{number}", birth_given=("ANA",))
        told(place, number, named)
        told(other, number, replace(named, birth_given=("ANE",)))
        told(place, number, replace(named, city="Cayenne"), now=NOW + timedelta(hours=1))
    told(place, "0", claire(birth_family="LETARD", birth_given=("PAUL",)), now=NOW)
    one, two = (world.register(birth_given=[given]) for given in ("Claire", "Claires"))
    records = {each.patient_id: each for each in seen(LocalIdentity, patient__isnull=False)}
    agent = world.actor("identity_agent")
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        pairs = list(Pair.objects.order_by("pk"))
        first, second = records[one.pk], records[two.pk]
        pairs.append(
            Pair.objects.filter(first=first, second=second).first()
            or Pair.objects.create(first=first, second=second, kind="records", risk=2, found_at=NOW)
        )
        pairs.append(
            Pair.objects.create(
                first=first, kind="collision", risk=1, found_at=NOW, told={}, told_at=NOW
            )
        )
    some = next(pair for pair in pairs if pair.second_id is not None)
    decided = operations.decide(
        actor=agent, now=NOW, pair_id=some.pk, version=some.version, verdict="same"
    )
    names = ("list", "decisions", "find", "statistics", "statistics_csv", "learning", "notices")
    return [
        *(reverse(f"identity:{name}") for name in names),
        *(reverse("identity:compare", args=[pair.pk]) for pair in pairs),
        reverse("identity:decision", args=[decided.reconciliation_id]),
        *(reverse("identity:identity", args=[pk]) for pk in (some.first_id, second.pk)),
    ]


@pytest.mark.parametrize("count", [1, 6])
def test_every_page_of_the_desk_costs_eight_statements_at_most(
    agent, world, count, django_assert_max_num_queries
):
    for url in costly(world, count):
        # The savepoint of the test's transaction counts for two.
        with django_assert_max_num_queries(8 + 2):
            assert agent.get(url).status_code == 200, url
    for text in ("ANA NOM0", "0", "RIEN DU TOUT"):
        with django_assert_max_num_queries(8 + 2):
            agent.post(reverse("identity:find"), {"q": text})


def test_a_domain_reads_what_was_decided_and_says_so(world, sign_in):
    place = domain("chc", organization_id=world.places["nursing"].pk)
    told(place, "1")
    told(place, "1", somebody())
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    page = nurse.get(reverse("identity:notices")).content.decode()
    assert "Deux personnes sous un même numéro" in page
    notice = seen(DomainNotice)[0]
    nurse.post(reverse("identity:notices"), {"avis": notice.pk})
    assert seen(DomainNotice)[0].seen_by_name == "Inès Robeiri"
    other = sign_in(world.accounts["other_gp"], role=world.roles["other_gp"])
    assert "Aucun avis" in other.get(reverse("identity:notices")).content.decode()


class TestNoticesOfADomain:
    def hospital(self, world):
        return domain("chc", organization_id=world.places["nursing"].pk)

    def decide(self, world, pair, verdict):
        operations.decide(
            actor=world.actor("identity_agent"),
            now=NOW,
            pair_id=pair.pk,
            version=pair.version,
            verdict=verdict,
        )

    def read(self, world, sign_in):
        reader = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
        return reader.get(reverse("identity:notices")).content.decode()

    @pytest.mark.parametrize(
        ("verdict", "said", "lines"),
        [
            ("same", "Fusion faite, comme demandé", 1),
            ("different", "ce sont deux personnes", 2),
        ],
    )
    def test_what_became_of_the_merge_that_it_asked_for(self, world, sign_in, verdict, said, lines):
        hospital = self.hospital(world)
        told(hospital, "1")
        told(hospital, "2", somebody())
        _, pair = operations.request_merge(
            actor=HOUSE, now=NOW, domain=hospital, survivor="1", absorbed="2"
        )
        self.decide(world, pair, verdict)
        page = self.read(world, sign_in)
        assert page.count(said) == lines
        assert len(seen(DomainNotice)) == lines
        if verdict == "same":
            assert '<span class="num">1</span>' in page
            assert 'et numéro <span class="num">2</span>' in page

    def test_that_its_identity_was_linked_by_people_without_the_number_elsewhere(
        self, world, sign_in
    ):
        pair = doubtful("KZ-4471")
        self.hospital(world)
        self.decide(world, pair, "same")
        page = self.read(world, sign_in)
        assert page.count("Identité rattachée") == 1
        assert page.count('class="num">KZ-4471') == 1
        assert len(seen(DomainNotice, kind="linked")) == 2


def doubt(cell, row, attribute="DOUT"):
    return operations.mark_identity(
        actor=cell, now=NOW, identity_id=row.pk, attribute=attribute, reason="Usurpation"
    )


def lift(cell, row, attribute="DOUT", **more):
    return operations.lift_mark(
        actor=cell, now=NOW, identity_id=row.pk, attribute=attribute, reason="Pièce vue", **more
    )


class TestAttributes:
    """Those that the cell sets and lifts: who, when, why, and what follows."""

    @pytest.fixture
    def cell(self, world):
        return world.actor("identity_agent")

    def test_who_when_and_why_stay_written(self, cell):
        told(domain("chc"), "1")
        [row] = seen(LocalIdentity)
        doubt(cell, row, "HOMA")
        lift(cell, row, "HOMA", mistaken=True)
        [mark] = seen(IdentityMark)
        assert (mark.attribute, mark.marked_at, mark.reason) == ("HOMA", NOW, "Usurpation")
        assert mark.marked_by_name == mark.lifted_by_name == cell.display_name
        assert (mark.lifted_reason, mark.mistaken) == ("Pièce vue", True)

    @pytest.mark.parametrize("attribute", ["DOUT", "FICT"])
    def test_what_forbids_stops_the_ins_and_set_wrongly_gives_all_back(self, cell, attribute):
        sure = claire(ins_recovered=True, identity_checked=True)
        row = told(domain("chc"), "1", sure)
        assert doubt(cell, row, attribute).ins_may_leave is False
        [after] = seen(LocalIdentity)
        assert (after.identity_status, after.ins_may_leave) == ("PROV", False)
        lift(cell, row, attribute, mistaken=True)
        [back] = seen(LocalIdentity)
        assert (back.attributes, back.identity_status, back.ins_may_leave) == ([], "QUAL", True)

    def test_lifted_as_true_in_its_time_it_is_verified_anew(self, cell):
        row = told(domain("chc"), "1", claire(ins_recovered=True, identity_checked=True))
        doubt(cell, row)
        lift(cell, row)
        assert seen(LocalIdentity)[0].identity_status == "PROV"

    def test_of_two_that_forbid_the_last_lifted_gives_back(self, cell):
        row = told(domain("chc"), "1", claire(ins_recovered=True, identity_checked=True))
        doubt(cell, row, "DOUT")
        doubt(cell, row, "FICT")
        lift(cell, row, "FICT", mistaken=True)
        assert seen(LocalIdentity)[0].identity_status == "PROV"
        lift(cell, row, "DOUT", mistaken=True)
        assert seen(LocalIdentity)[0].identity_status == "QUAL"

    @pytest.mark.parametrize("attribute", ["HOMA", "HOMD", "USUR", "DOUT", "FICT"])
    def test_no_machine_links_it_alone_any_more(self, cell, attribute):
        row = told(domain("chc"), "1")
        doubt(cell, row, attribute)
        told(domain("chog"), "7")
        one, other = seen(LocalIdentity)
        assert one.regional_id != other.regional_id
        assert [pair.state for pair in seen(Pair)] == ["open"]

    def test_a_message_takes_none_away_and_what_it_tells_may_be_lifted(self, cell):
        place = domain("chc")
        row = told(place, "1", claire(attributes=("HOMA",)))
        doubt(cell, row, "DPOT")
        told(place, "1", claire(city="Kourou"), now=NOW + timedelta(hours=1))
        [row] = seen(LocalIdentity)
        assert row.attributes == ["DPOT"]
        told(place, "1", claire(attributes=("HOMA",)), now=NOW + timedelta(hours=2))
        lift(cell, seen(LocalIdentity)[0], "HOMA")
        assert seen(LocalIdentity)[0].attributes == ["DPOT"]
        assert {mark.marked_by_name for mark in seen(IdentityMark)} == {
            cell.display_name,
            place.name,
        }

    @pytest.mark.parametrize("attribute", ["COLP", "QUOI", "", "IDVER"])
    def test_what_is_not_the_cell_s_to_set_is_refused(self, cell, attribute):
        row = told(domain("chc"), "1")
        with pytest.raises(operations.UnableToVerify):
            doubt(cell, row, attribute)
        with pytest.raises(operations.UnableToVerify):
            lift(cell, row, attribute)

    def test_nobody_else_sets_any(self, world):
        row = told(domain("chc"), "1")
        with pytest.raises(UnableToAct):
            doubt(world.actor("nurse"), row)

    def test_its_domain_is_told_and_reads_what_stands(self, cell, world, sign_in):
        place = domain("chc", organization_id=world.places["office"].pk)
        row = told(place, "1")
        doubt(cell, row, "FICT")
        client = sign_in(world.accounts["gp"])
        page = client.get(reverse("identity:notices")).content.decode()
        assert "Attribut posé par la cellule régionale" in page
        assert "Identité fictive." in page
        # Why, its people and nobody else say.
        assert "Usurpation" not in page
        lift(cell, row, "FICT")
        page = client.get(reverse("identity:notices")).content.decode()
        assert "Attribut levé par la cellule régionale" in page
        assert "aucun attribut." in page

    def test_twice_is_refused(self, cell):
        row = told(domain("chc"), "1")
        doubt(cell, row, "HOMA")
        with pytest.raises(operations.UnableToVerify):
            doubt(cell, row, "HOMA")

    def test_a_homonym_is_said_before_creating_of_a_closed_record_too(self, cell, world, sign_in):
        patient = world.register(gender="female", birth_place_code="97302")
        [row] = seen(LocalIdentity, patient_id=patient.pk)
        asked = {
            "birth_family": patient.birth_family,
            "birth_given": patient.birth_given[0],
            "birth_date_0": patient.birth_date.day,
            "birth_date_1": patient.birth_date.month,
            "birth_date_2": patient.birth_date.year,
        }
        nurse = sign_in(world.accounts["physio"])
        page = nurse.post(reverse("patients:find"), asked).content.decode()
        assert patient.birth_family in page
        assert "Homonyme connu" not in page
        doubt(cell, row, "HOMA")
        doubt(cell, row, "DPOT")
        page = nurse.post(reverse("patients:find"), asked).content.decode()
        assert "Homonyme connu" in page
        assert "Double possible" in page


class TestDoubtOfPeople:
    """What the cell doubts, no message takes away."""

    @pytest.fixture
    def cell(self, world):
        return world.actor("identity_agent")

    def test_a_later_message_of_its_domain_keeps_it(self, cell):
        place = domain("chc")
        told(place, "1", claire(ins_recovered=True, identity_checked=True))
        [row] = seen(LocalIdentity)
        doubt(cell, row)
        sure = claire(ins_recovered=True, identity_checked=True, city="Kourou")
        told(place, "1", sure, now=NOW + timedelta(hours=1))
        [row] = seen(LocalIdentity)
        assert (row.city, row.attributes) == ("Kourou", ["DOUT"])
        assert (row.identity_status, row.ins_may_leave) == ("PROV", False)
        lift(cell, row)
        told(place, "1", replace(sure, city="Matoury"), now=NOW + timedelta(hours=2))
        [row] = seen(LocalIdentity)
        assert (row.attributes, row.identity_status) == ([], "QUAL")

    def test_a_later_writing_of_the_record_keeps_it(self, cell, world):
        patient = world.register(gender="female", birth_place_code="97302")
        [row] = seen(LocalIdentity, patient_id=patient.pk)
        doubt(cell, row)

        def record():
            with row_security.acting_as(HOUSE, now=NOW):
                return Patient.objects.get(pk=patient.pk)

        patients.update_patient(
            actor=HOUSE,
            now=NOW,
            patient=record(),
            version=record().version,
            changes={"identity_attributes": [], "ins_recovered": True, "identity_checked": True},
        )
        assert record().identity_attributes == ["DOUT"]
        assert record().identity_status == "PROV"
        lift(cell, row)
        assert record().identity_attributes == []

    def test_a_collision_that_is_decided_keeps_it(self, cell, agent):
        place = domain("chc")
        told(place, "1")
        [row] = seen(LocalIdentity)
        doubt(cell, row)
        told(place, "1", somebody(), now=NOW + timedelta(hours=1))
        [pair] = seen(Pair)
        decide(agent, pair, verdict="different", reason="deux")
        assert seen(LocalIdentity, number="1")[0].attributes == ["DOUT"]


@pytest.mark.parametrize("attribute", ["DOUT", "FICT"])
def test_a_doubtful_or_fictive_identity_is_provisional_whatever_its_domain_says(attribute):
    sure = claire(ins_recovered=True, identity_checked=True, attributes=(attribute,))
    assert told(domain("chc"), "1", sure).identity_status == "PROV"
    [figures] = [each for each in run(queries.figures) if each.domain.slug == "chc"]
    assert figures.statuses == {"PROV": 1, "VALI": 0, "RECUP": 0, "QUAL": 0}


def run(query):
    with row_security.acting_as(HOUSE, now=NOW):
        return query()


class TestVerifying:
    @pytest.fixture(autouse=True)
    def stand_in(self, settings):
        settings.DEMONSTRATION = True

    def ask(self, agent, traits, gesture="demander"):
        told(domain("chc"), "1", traits)
        row = seen(LocalIdentity)[0]
        url = reverse("identity:verify", args=[row.pk])
        return agent.post(url, {"geste": gesture}, follow=True), url

    def test_the_ins_comes_and_with_a_document_qualifies(self, agent):
        self.ask(agent, claire())
        row = seen(LocalIdentity)[0]
        assert row.identity_status == "RECUP"
        assert not row.ins_may_leave
        agent.post(reverse("identity:prove", args=[row.pk]), {"kind": "CN", "number_end": "12AB"})
        row = seen(LocalIdentity)[0]
        assert row.identity_status == "QUAL"
        assert row.ins_may_leave

    @pytest.mark.parametrize("oid", ["", "1.2.3"])
    def test_an_ins_of_nobody_knows_whom_is_not_taken_for_a_test_one(
        self, agent, world, monkeypatch, oid
    ):
        monkeypatch.setattr(insi_stand_in, "TEST_OID", oid)
        patient = world.register(gender="female", birth_place_code="97302")
        row = seen(LocalIdentity, patient_id=patient.pk)[0]
        answer = agent.post(reverse("identity:verify", args=[row.pk]), {"geste": "demander"})
        assert answer.status_code == 422
        assert "autorité inconnue" in answer.content.decode()
        with row_security.acting_as(HOUSE, now=NOW):
            assert not patient.identifiers.exists()

    def test_an_ins_that_became_another_one_is_replaced_and_kept(self, agent, world, monkeypatch):
        former = make_ins(gender="female", year=1951, month=3, birth_place="97302", order=1)
        answer = insi_stand_in.answer

        def told_anew(asked):
            said = answer(asked).decode()
            past = (
                f"</INSACTIF><INSHISTO><IdIndividu><NumIdentifiant>{former[:13]}</NumIdentifiant>"
                f"<Cle>{former[13:]}</Cle></IdIndividu><OID>1.2.250.1.213.1.4.10</OID></INSHISTO>"
            )
            return said.replace("</INSACTIF>", past).encode()

        patient = world.register(
            gender="female", birth_place_code="97302", ins=former, ins_system=INS_TEST
        )
        [row] = seen(LocalIdentity, patient_id=patient.pk)
        url = reverse("identity:verify", args=[row.pk])
        # Another one, that the service does not say it became: refused, nothing changes.
        refused = agent.post(url, {"geste": "demander"})
        assert refused.status_code == 422
        assert "Un autre INS est déjà rattaché" in refused.content.decode()
        monkeypatch.setattr(insi_stand_in, "answer", told_anew)
        for _ in range(2):
            assert agent.post(url, {"geste": "demander"}).status_code == 302
        with row_security.acting_as(HOUSE, now=NOW):
            [held] = patient.identifiers.all()
            borne = [(each.value, each.until is None) for each in row.ins.all()]
        assert held.value != former
        assert sorted(borne) == sorted([(former, False), (held.value, True)])
        page = agent.get(reverse("identity:identity", args=[row.pk])).content.decode()
        assert page.index(held.value) < page.index(former)
        assert "ancien, jusqu’au" in page

    def test_an_official_date_is_known_as_far_as_it_is_told(self, agent, monkeypatch):
        stands_in = insi_stand_in.answer

        def answer(asked):
            assert b"1951-00-00" in asked
            return stands_in(asked).replace(b"1951-00-00", b"1951-03-14")

        monkeypatch.setattr(insi_stand_in, "answer", answer)
        self.ask(agent, claire(birth_date_precision="year"))
        assert seen(LocalIdentity)[0].birth_date_precision == "day"

    def test_somebody_else_s_traits_cast_doubt_and_keep_nothing(self, agent):
        self.ask(agent, claire(birth_family="AUTRE", identity_checked=True))
        row = seen(LocalIdentity)[0]
        assert "DOUT" in row.attributes
        assert row.identity_status == "PROV"
        with row_security.acting_as(HOUSE, now=NOW):
            assert not row.ins.exists()

    def test_a_verification_is_one_call_and_no_search(self, agent, monkeypatch):
        _, url = self.ask(agent, claire())
        stands_in, asked = insi_stand_in.answer, []

        def answer(message):
            asked.append(message)
            return stands_in(message)

        monkeypatch.setattr(insi_stand_in, "answer", answer)
        page = agent.post(url, {"geste": "verifier"}, follow=True).content.decode()
        assert "INSi confirme cet INS." in page
        [message] = asked
        assert b"verifierInsAvecTraitsIdentite" in message
        assert b"RECSANSVITALE" not in message

    def test_an_ins_no_longer_confirmed_drops_the_status(self, agent):
        _, url = self.ask(agent, claire())
        with row_security.acting_as(HOUSE, now=NOW, operation="test"):
            LocalIdentity.objects.update(birth_family="INCONNU")
        page = agent.post(url, {"geste": "verifier"}, follow=True).content.decode()
        assert "ne confirme pas" in page
        assert seen(LocalIdentity)[0].identity_status == "PROV"

    @pytest.mark.parametrize(
        ("family", "said"),
        [("INCONNUS", "ne connaît personne"), ("PLUSIEURS", "en connaît plusieurs")],
    )
    def test_nobody_or_several_are_said(self, agent, family, said):
        answer, _ = self.ask(agent, claire(birth_family=family))
        assert said in answer.content.decode()

    def test_doubt_is_set_with_a_reason_and_lifted(self, agent):
        self.ask(agent, claire())
        row = seen(LocalIdentity)[0]
        url = reverse("identity:mark", args=[row.pk])
        assert agent.post(url, {"attribute": "DOUT", "reason": " "}).status_code == 422
        agent.post(url, {"attribute": "DOUT", "reason": "Usurpation signalée"})
        assert "DOUT" in seen(LocalIdentity)[0].attributes
        page = agent.get(reverse("identity:identity", args=[row.pk])).content.decode()
        assert "Usurpation signalée" in page
        lifts = {"attribute": "DOUT", "geste": "lever"}
        assert agent.post(url, lifts).status_code == 422
        agent.post(url, lifts | {"reason": "Pièce vue"})
        assert "DOUT" not in seen(LocalIdentity)[0].attributes
        page = agent.get(reverse("identity:identity", args=[row.pk])).content.decode()
        assert "Attributs levés (1)" in page
        assert "Pièce vue" in page

    def test_without_a_teleservice_it_says_so_and_nothing_changes(self, agent, settings):
        settings.DEMONSTRATION = False
        answer, _ = self.ask(agent, claire())
        assert answer.status_code == 422
        assert "INSi ne répond pas" in answer.content.decode()

    def test_a_record_of_carbet_is_corrected_with_it(self, agent, world):
        patient = world.register(gender="female", birth_place_code="97302")
        row = seen(LocalIdentity, patient_id=patient.pk)[0]
        agent.post(reverse("identity:verify", args=[row.pk]), {"geste": "demander"})
        with row_security.acting_as(HOUSE, now=NOW):
            patient.refresh_from_db()
            assert patient.ins_recovered
            assert patient.identifiers.filter(type_code="INS-NIR-TEST").exists()


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        ("CELESTINE", "Célestine", False),
        ("CELESTINE", "Célestin", True),
        ("02/07/1949", "01/01/1951", True),
        ("97302", "97302", False),
        ("3 rue des Palmes", "5 rue des Palmes", True),
        ("oui", "non", True),
        ("山田", "山口", True),
    ],
)
def test_what_is_written_otherwise_is_no_difference(one, other, differs):
    assert presenters._differ(one, other) is differs
