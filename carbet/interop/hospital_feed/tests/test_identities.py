"""What hospitals say of identities: told, merged, linked, parted, renumbered; in any order."""

import itertools

import pytest
from django.urls import reverse

from carbet.core import clock
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableToAct
from carbet.interop.hospital_feed import access, operations
from carbet.interop.hospital_feed.operations import UnableToMend
from carbet.interop.hospital_feed.tests.messages import INS, adt, msh, pid
from carbet.registries.identity import operations as identity
from carbet.registries.identity.models import (
    DomainNotice,
    IdentityDomain,
    LocalIdentity,
    Pair,
    Reconciliation,
)

pytestmark = pytest.mark.django_db


def told(event, *, control, number="000451", merged="", second=None, at="20261122110000", **person):
    """Return a message of identity (ITI-30)."""
    person = {"ins": ""} | person
    lines = [
        msh(f"ADT^{event}^ADT_{event}", control=control).replace("20261122110000", at),
        f"EVN||{at}||||{at}",
        pid("", number=number, **person),
    ]
    if merged:
        lines.append(f"MRG|{merged}^^^CHC&970300026&N^PI")
    if second:
        lines.append(pid("", number=second, **person))
    return ("\r".join(lines) + "\r").encode()


def identities(feed):
    with feed.as_house():
        rows = LocalIdentity.objects.filter(domain__organization=feed.hospital).order_by("number")
        return {row.number: row for row in rows.select_related("survivor")}


OTHER = {"family": "KWASI", "given": "JOHANES", "birth": "19881102", "sex": "M"}


@pytest.mark.parametrize("event", ["A08", "A28", "A31"])
def test_an_identity_is_kept_in_the_domain_of_its_hospital(feed, event):
    [row] = feed.send(told(event, control="1", reliability="PROV", **OTHER))
    assert (row.status, row.reason) == ("done", "Identité enregistrée.")
    [(number, kept)] = identities(feed).items()
    assert (number, kept.birth_family, kept.birth_given) == ("000451", "KWASI", ["JOHANES"])
    assert (kept.gender, kept.birth_date.isoformat()) == ("male", "1988-11-02")
    with feed.as_house():
        [domain] = IdentityDomain.objects.filter(organization=feed.hospital)
    assert domain.name == "Hôpital du Larivot"


def test_a_number_that_was_told_leads_to_the_record_without_an_ins(feed):
    [first] = feed.send(adt("A01", control="1", ins="", number="000777"))
    assert first.status == "held"
    operations.abandon(
        actor=feed.world.actor("operator"),
        now=feed.world.now,
        message_id=first.pk,
        reason="renvoyé par l’hôpital",
    )
    feed.send(told("A28", control="2", number="000777", ins=INS))
    assert identities(feed)["000777"].regional_id == carbet_group(feed)
    [row] = feed.send(adt("A01", control="3", ins="", number="000777"))
    assert (row.status, row.patient_id) == ("done", feed.patient.pk)


@pytest.mark.parametrize("event", ["A01", "A04", "A05"])
def test_the_number_of_who_comes_is_kept_like_that_of_an_identity(feed, event):
    [row] = feed.send(adt(event, control="1", patient_class="I"))
    assert row.status == "done"
    [(number, kept)] = identities(feed).items()
    assert (number, kept.birth_family, kept.regional_id) == ("000451", "REGIS", carbet_group(feed))


def test_who_is_held_is_known_to_the_identity_cell_all_the_same(feed):
    [row] = feed.send(adt("A01", control="1", ins="", number="9", **OTHER))
    assert row.status == "held"
    [kept] = identities(feed).values()
    assert (kept.number, kept.birth_family, kept.birth_given) == ("9", "KWASI", ["JOHANES"])


def test_a_movement_takes_no_trait_away(feed):
    home = b"|F|||3 rue des Palmes^^Matoury^^97351|||"
    known = told("A28", control="1", ins=INS).replace(b"|F||||||", home)
    feed.send(known)
    [before] = identities(feed).values()
    assert before.city == "Matoury"
    feed.send(adt("A01", control="2"))
    # Nor does a merge, whose PID often says the name alone.
    feed.send(told("A40", control="3", merged="7"))
    after = identities(feed)["000451"]
    assert (after.city, after.address_line) == ("Matoury", "3 rue des Palmes")


def carbet_group(feed):
    with feed.as_house():
        return LocalIdentity.objects.get(patient_id=feed.patient.pk).regional_id


def test_an_older_message_overwrites_nothing_and_the_same_twice_changes_nothing(feed):
    new = told("A31", control="1", at="20261122105900", **OTHER)
    old = told("A31", control="2", at="20261120110000", **(OTHER | {"given": "JOANES"}))
    for data in (new, old, new.replace(b"|1|D|", b"|3|D|")):
        [row] = feed.send(data)
        assert row.status == "done"
    [kept] = identities(feed).values()
    assert (kept.birth_given, kept.version) == (["JOHANES"], 1)


def test_the_traits_of_somebody_else_under_a_number_wait_for_people(feed):
    feed.send(told("A28", control="1", **OTHER))
    [row] = feed.send(told("A31", control="2"))
    assert row.status == "done"
    assert "cellule" in row.reason
    [kept] = identities(feed).values()
    assert (kept.birth_family, kept.attributes) == ("KWASI", ["COLP", "DOUT"])
    with feed.as_house():
        assert Pair.objects.filter(kind="collision", state="open").count() == 1


def test_a_merge_of_two_persons_is_asked_of_people_who_alone_do_it(feed):
    feed.send(
        told("A28", control="1", number="1", **OTHER),
        told("A28", control="2", number="2", family="BRIAND", given="ODILE", birth="19700505"),
    )
    merge = told("A40", control="3", number="1", merged="2", **OTHER)
    for control in ("3", "4"):
        [row] = feed.send(merge.replace(b"|3|D|", f"|{control}|D|".encode()))
        assert (row.status, row.reason) == ("done", "Fusion demandée à la cellule d’identité.")
    rows = identities(feed)
    assert rows["2"].state == "active"
    assert rows["1"].regional_id != rows["2"].regional_id
    with feed.as_house():
        [pair] = Pair.objects.filter(kind="domain")
        assert Reconciliation.objects.filter(kind="merge").count() == 0
    identity.decide(
        actor=internal("Cellule"),
        now=feed.world.now,
        pair_id=pair.pk,
        version=pair.version,
        verdict="same",
    )
    rows = identities(feed)
    assert (rows["2"].state, rows["2"].survivor_id) == ("merged", rows["1"].pk)
    [row] = feed.send(merge.replace(b"|3|D|", b"|5|D|"))
    assert (row.status, row.reason) == ("done", "Numéros fusionnés.")


def test_a_merge_of_numbers_never_heard_of_is_kept_until_they_are(feed):
    [row] = feed.send(told("A40", control="1", number="1", merged="2", **OTHER))
    assert (row.status, row.reason) == ("done", "Numéros fusionnés.")
    [row] = feed.send(told("A28", control="2", number="2", **OTHER))
    rows = identities(feed)
    assert (rows["2"].state, rows["2"].survivor_id) == ("merged", rows["1"].pk)


def test_a_chain_that_loops_is_refused_with_its_place(feed):
    bare = {"family": "", "given": ""}
    feed.send(
        told("A40", control="1", number="2", merged="1", **bare),
        told("A40", control="2", number="3", merged="2", **bare),
    )
    [row] = feed.send(told("A40", control="3", number="1", merged="3", **bare))
    assert (row.status, row.error_code, row.error_place) == ("dead", "204", "MRG-1")
    assert "boucle" in row.reason


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_in_whatever_order_they_come_nothing_is_lost(feed, order):
    said = [
        told("A28", control="1", number="1", at="20261122080000", **OTHER),
        told("A28", control="2", number="2", at="20261122081000", **OTHER),
        told("A40", control="3", number="1", merged="2", at="20261122082000", **OTHER),
    ]
    rows = feed.send(*(said[rank] for rank in order))
    assert {row.status for row in rows} == {"done"}
    kept = identities(feed)
    assert set(kept) == {"1", "2"}
    with feed.as_house():
        asked = Pair.objects.filter(told__absorbed=kept["2"].pk).exists()
    assert asked or kept["2"].survivor_id == kept["1"].pk


@pytest.mark.parametrize(
    ("said", "encoding", "status"),
    [
        ("8859/15", "iso8859-15", "done"),
        ("UNICODE UTF-8", "utf-8", "done"),
        ("", "iso8859-15", "done"),
        ("UNICODE UTF-8", "iso8859-15", "dead"),
        ("8859/15", "utf-8", "dead"),
        ("8859/1", "utf-8", "dead"),
    ],
)
def test_traits_in_latin_9_are_kept_whole_or_said_unreadable(feed, said, encoding, status):
    traits = OTHER | {"family": "BŒUF-NOËL", "given": "ŽOÉ"}
    text = told("A28", control="1", **traits).decode().replace("UNICODE UTF-8", said)
    [row] = feed.send(text.encode(encoding))
    assert row.status == status
    kept = [(each.birth_family, each.birth_given) for each in identities(feed).values()]
    if status == "done":
        assert kept == [("BŒUF-NOËL", ["ŽOÉ"])]
    else:
        assert (row.error_place, kept) == ("MSH-18", [])


def test_a_number_is_changed_once_and_the_former_one_still_leads_there(feed):
    feed.send(told("A28", control="1", number="1", **OTHER))
    change = told("A47", control="2", number="7", merged="1", **OTHER)
    for data in (change, change.replace(b"|2|D|", b"|3|D|")):
        [row] = feed.send(data)
        assert (row.status, row.reason) == ("done", "Numéro changé.")
    rows = identities(feed)
    assert (rows["7"].birth_family, rows["1"].survivor_id) == ("KWASI", rows["7"].pk)
    feed.send(told("A28", control="4", number="8", family="BRIAND", birth="19700505"))
    [row] = feed.send(told("A47", control="5", number="8", merged="7", **OTHER))
    assert (row.status, row.error_code, row.error_place) == ("dead", "205", "PID-3")


def test_numbers_are_linked_and_parted(feed):
    feed.send(
        told("A28", control="1", number="1", **OTHER),
        told("A28", control="2", number="2", family="BRIAND", given="ODILE", birth="19700505"),
    )
    [row] = feed.send(told("A24", control="3", number="1", second="2", **OTHER))
    assert (row.status, row.reason) == ("done", "Identités rattachées.")
    rows = identities(feed)
    assert rows["1"].regional_id == rows["2"].regional_id
    [row] = feed.send(told("A24", control="4", number="1", second="2", **OTHER))
    assert row.status == "ignored"
    [row] = feed.send(told("A37", control="5", number="1", second="2", **OTHER))
    assert (row.status, row.reason) == ("done", "Identités séparées.")
    rows = identities(feed)
    assert rows["1"].regional_id != rows["2"].regional_id
    # Nobody but the domain said so: it takes its word back.
    [row] = feed.send(told("A24", control="6", number="1", second="2", **OTHER))
    assert (row.status, row.reason) == ("done", "Identités rattachées.")
    rows = identities(feed)
    assert rows["1"].regional_id == rows["2"].regional_id


class TestADomainThatCorrectsItself:
    """Its last word on its own numbers counts (ITI-30); against people's word, none does."""

    TWO = (
        told("A28", control="1", number="1", **OTHER),
        told("A28", control="2", number="2", **OTHER | {"given": "JOHANNES"}),
    )
    LINK = told("A24", control="a", number="1", second="2", **OTHER)
    PART = told("A37", control="b", number="1", second="2", **OTHER)
    MERGE = told("A40", control="c", number="1", merged="2", **OTHER)

    def again(self, data, control):
        fields = data.split(b"|")
        return b"|".join([*fields[:9], control, *fields[10:]])

    def test_parted_before_anything_then_linked(self, feed):
        rows = feed.send(*self.TWO, self.PART, self.LINK)
        assert [row.status for row in rows] == ["done"] * 4
        kept = identities(feed)
        assert kept["1"].regional_id == kept["2"].regional_id
        with feed.as_house():
            kinds = list(Reconciliation.objects.order_by("pk").values_list("kind", "reason"))
        assert [kind for kind, _ in kinds] == ["unlink", "link"]
        assert "revient sur la séparation du" in kinds[1][1]

    def test_linked_then_parted_then_linked(self, feed):
        rows = feed.send(*self.TWO, self.LINK, self.PART, self.again(self.LINK, b"d"))
        assert [row.status for row in rows] == ["done"] * 5
        kept = identities(feed)
        assert kept["1"].regional_id == kept["2"].regional_id

    def test_parted_then_merged_is_asked_of_people_with_both_words(self, feed):
        rows = feed.send(*self.TWO, self.PART, self.MERGE)
        assert [row.status for row in rows] == ["done"] * 4
        assert rows[-1].reason == "Fusion demandée à la cellule d’identité."
        with feed.as_house():
            [pair] = Pair.objects.filter(state="open")
        assert "Fusion demandée par" in pair.reason
        assert "il les disait deux personnes" in pair.reason

    def test_merged_then_parted_then_merged(self, feed):
        # Numbers never heard of are merged at once.
        rows = feed.send(self.MERGE, self.PART, self.again(self.MERGE, b"e"))
        assert [row.status for row in rows] == ["done"] * 3
        kept = identities(feed)
        with feed.as_house():
            asked = Pair.objects.filter(state="open", told__absorbed=kept["2"].pk).exists()
        assert asked or kept["2"].survivor_id == kept["1"].pk

    def test_asked_to_merge_then_parted_takes_the_request_back(self, feed):
        feed.send(*self.TWO, self.MERGE)
        [row] = feed.send(self.PART)
        assert row.status == "done"
        with feed.as_house():
            [pair] = Pair.objects.all()
        assert pair.state == "different"

    @pytest.mark.parametrize("event", ["A24", "A40"])
    def test_a_parting_that_comes_late_does_not_come_back_on_what_was_said_after(self, feed, event):
        feed.send(*self.TWO)
        second = {"second": "2"} if event == "A24" else {"merged": "2"}
        after = told(event, control="p", number="1", at="20261122083000", **second, **OTHER)
        before = told("A37", control="q", number="1", second="2", at="20261122081500", **OTHER)
        [row] = feed.send(after)
        assert row.status == "done"
        [row] = feed.send(before)
        assert (row.status, row.reason) == (
            "ignored", "L’établissement a dit autre chose de ces numéros depuis.",
        )  # fmt: skip
        with feed.as_house():
            assert not Pair.objects.filter(state="different").exists()

    @pytest.mark.parametrize("event", ["A24", "A40"])
    def test_nor_does_a_late_link_come_back_on_a_parting(self, feed, event):
        second = {"second": "2"} if event == "A24" else {"merged": "2"}
        after = told("A37", control="q", number="1", second="2", at="20261122083000", **OTHER)
        before = told(event, control="p", number="1", at="20261122081500", **second, **OTHER)
        first, late = feed.send(after, before)
        assert (first.status, late.status) == ("done", "ignored")
        kept = identities(feed)
        assert kept["1"].regional_id != kept["2"].regional_id

    @pytest.mark.parametrize("message", [LINK, MERGE])
    def test_people_s_word_stands_the_domain_is_told_and_what_follows_goes_on(self, feed, message):
        feed.send(*self.TWO, self.PART)
        kept = identities(feed)
        identity.keep_apart(
            actor=internal("cellule"),
            now=feed.world.now,
            first_id=kept["1"].pk,
            second_id=kept["2"].pk,
            reason="Jumeaux",
        )
        first, again, after = feed.send(
            message,
            self.again(message, b"f"),
            told("A31", control="g", number="1", **OTHER | {"birth": "19881103"}),
        )
        assert first.status == again.status == "ignored"
        assert first.reason.startswith("Refusé : la cellule")
        assert after.status == "done"
        kept = identities(feed)
        assert kept["1"].regional_id != kept["2"].regional_id
        assert kept["1"].birth_date.isoformat() == "1988-11-03"
        with feed.as_house():
            [notice] = DomainNotice.objects.filter(kind="refused").select_related(
                "identity", "other"
            )
        assert {notice.identity.number, notice.other.number} == {"1", "2"}


# What is wrong with a message of identity, and where it is said.
WRONG = [
    (told("A40", control="1"), "100", "MRG"),
    (told("A47", control="1"), "100", "MRG"),
    (told("A24", control="1"), "100", "PID"),
    (told("A40", control="1", merged="000451"), "103", "MRG-1"),
    (told("A40", control="1", merged="7").replace(b"MRG|7^^^CHC&970300026", b"MRG|7^^^X&1.2.3"),
     "103", "MRG-1"),
    (told("A28", control="1", family=""), "101", "PID-5"),
    (told("A28", control="1", family="N" * 300), "102", "PID-5"),
    (told("A28", control="1", birth="19511340"), "102", "PID-7"),
    (told("A28", control="1", birth="demain"), "102", "PID-7"),
    (told("A28", control="1", birth="20990101"), "102", "PID-7"),
    (told("A28", control="1", ins="279035121518980"), "102", "PID-3"),
    (told("A28", control="1", number="", ins="279035121518989"), "101", "PID-3"),
    (told("A28", control="1", number="9" * 101), "102", "PID-3"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "code", "place"), WRONG)
def test_what_cannot_be_kept_waits_with_its_place_and_leaves_nothing(feed, data, code, place):
    [row] = feed.send(data)
    assert (row.status, row.error_code, row.error_place) == ("dead", code, place)
    assert identities(feed) == {}


# How a date of birth is told, and how far it is then known.
DATES = [
    ("19511100", "1951-11-01", "month"),
    ("195111", "1951-11-01", "month"),
    ("1951", "1951-01-01", "year"),
    ("19510000", "1951-01-01", "year"),
    ("195111021530", "1951-11-02", "day"),
]


@pytest.mark.parametrize(("birth", "kept", "precision"), DATES)
def test_a_birth_date_known_in_part_is_kept_so(feed, birth, kept, precision):
    feed.send(told("A28", control="1", **(OTHER | {"birth": birth})))
    [row] = identities(feed).values()
    assert (row.birth_date.isoformat(), row.birth_date_precision) == (kept, precision)


@pytest.mark.parametrize(
    ("family", "given", "attributes"),
    [("X SE DISANT DUPONT", "JEAN", ["DOUT"]), ("BRIAND", "", []), ("BRIAND", "BEBE", [])],
)
def test_a_claimed_name_is_doubtful_and_a_newborn_needs_no_first_name(
    feed, family, given, attributes
):
    [row] = feed.send(told("A28", control="1", family=family, given=given, birth="20261101"))
    assert row.status == "done"
    [kept] = identities(feed).values()
    assert kept.attributes == attributes


def plain(event, *, control, profile="", version="2.3.1", **person):
    """Return what IHE's plain identity feed sends (ITI-8): no movement."""
    data = told(event, control=control, **person).decode().replace("2.5^FRA^2.11", version)
    return data.replace("2.11^IHE_FRANCE-2.11-PAM", profile).encode()


@pytest.mark.parametrize("event", ["A01", "A04", "A05"])
@pytest.mark.parametrize("version", ["2.3.1", "2.5", "2.5^DEU&&HL70399"])
def test_the_plain_feed_of_ihe_says_who_somebody_is(feed, event, version):
    [row] = feed.send(plain(event, control="1", version=version, reliability="", **OTHER))
    assert (row.status, row.reason) == ("done", "Identité enregistrée.")
    [kept] = identities(feed).values()
    assert (kept.birth_family, kept.identity_status) == ("KWASI", "PROV")


@pytest.mark.parametrize(
    ("profile", "version"), [("", "2.5^FRA^2.11"), ("2.11^IHE_FRANCE-2.11-PAM", "2.5")]
)
def test_a_french_movement_without_its_segment_is_a_fault(feed, profile, version):
    [row] = feed.send(plain("A01", control="1", profile=profile, version=version, **OTHER))
    assert (row.status, row.error_code) == ("dead", "100")
    assert not identities(feed)


def test_a_number_without_authority_is_of_the_domain_beside_it(feed):
    feed.send(told("A28", control="1", number="1", **OTHER))
    data = told("A40", control="2", number="1", merged="2", **OTHER)
    [row] = feed.send(data.replace(b"MRG|2^^^CHC&970300026&N^PI", b"MRG|2"))
    assert (row.status, row.reason) == ("done", "Numéros fusionnés.")
    assert identities(feed)["2"].survivor.number == "1"
    # Beside two domains, it is of nobody knows which.
    data = told("A40", control="3", number="1", merged="3", **OTHER)
    data = data.replace(b"PID|1||1^^^CHC&970300026&N^PI", b"PID|1||1^^^CHC&970300026&N^PI~8^^^LABO")
    [row] = feed.send(data.replace(b"MRG|3^^^CHC&970300026&N^PI", b"MRG|3"))
    assert (row.status, row.error_place) == ("dead", "MRG-1")


def test_nobody_speaks_for_the_domain_of_another_hospital(feed):
    with feed.as_house():
        identity.open_domain(
            actor=access.HOUSE,
            now=feed.world.now,
            slug="other",
            name="Un autre",
            oid="1.2.250.1.973.9",
        )
    data = told("A28", control="1", **OTHER).replace(b"CHC&970300026&N", b"CHC&1.2.250.1.973.9&ISO")
    [row] = feed.send(data)
    assert (row.status, row.error_place) == ("dead", "PID-3.4")
    with feed.as_house():
        assert not LocalIdentity.objects.filter(domain__slug="other").exists()


def of(authority, *, control):
    data = told("A28", control=control, **OTHER)
    return data.replace(b"CHC&970300026&N", authority)


def test_a_sender_opens_a_few_domains_and_an_operator_the_next_ones(feed, sign_in):
    rows = feed.send(
        *(of(b"SITE%d&&" % rank, control=str(rank)) for rank in range(3)),
        *(of(b"HOSTILE%d&&" % rank, control=f"9{rank}") for rank in range(4)),
    )
    assert [row.status for row in rows] == ["done"] * 3 + ["dead"] * 4
    assert {(row.error_code, row.error_place) for row in rows[3:]} == {("204", "PID-3.4")}
    assert "HOSTILE0" in rows[3].reason
    with feed.as_house():
        assert IdentityDomain.objects.filter(organization=feed.hospital).count() == 3
    operator = sign_in(feed.world.accounts["operator"], role=feed.world.roles["operator"])
    page = operator.get(reverse("hospital_feed:message", args=[rows[3].pk])).content.decode()
    assert "Accepter ce domaine" in page
    assert "Corriger un champ" not in page
    address = reverse("hospital_feed:accept_domain", args=[rows[3].pk])
    assert operator.post(address).status_code == 302
    feed.world.now = clock.now()
    feed.work()
    assert [feed.row(row.pk).status for row in rows[3:]] == ["done", "dead", "dead", "dead"]
    with feed.as_house():
        assert IdentityDomain.objects.filter(organization=feed.hospital).count() == 4
        assert AuditEvent.objects.filter(operation="feed.accept_domain").exists()
    # Nothing waits for it any more.
    with pytest.raises(UnableToMend):
        operations.accept_domain(
            actor=feed.world.actor("operator"), now=feed.world.now, message_id=rows[3].pk
        )


def test_whoever_does_not_operate_the_house_accepts_no_domain(feed):
    [*_, row] = feed.send(*(of(b"SITE%d&&" % rank, control=str(rank)) for rank in range(4)))
    with pytest.raises(UnableToAct):
        operations.accept_domain(
            actor=feed.world.actor("nurse"), now=feed.world.now, message_id=row.pk
        )
    assert feed.row(row.pk).status == "dead"
