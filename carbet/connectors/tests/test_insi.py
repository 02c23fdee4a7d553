"""INSi: the published messages, written and read; what is hostile or broken is refused."""

from datetime import UTC, date, datetime

import pytest
from lxml import etree

from carbet.connectors import insi, insi_stand_in

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CLAIRE = insi.Question(
    family="RÉGIS <&>",
    given="CLAIRE",
    gender="female",
    birth_date=date(1951, 3, 14),
    birth_place_code="97302",
)


def test_the_question_is_the_published_message():
    root = etree.fromstring(insi.envelope(CLAIRE, now=NOW))
    body = root.find(".//{http://www.cnamts.fr/INSiRecSans}RECSANSVITALE")
    said = [(each.tag.split("}")[1], each.text) for each in body]
    assert said == [
        ("NomNaissance", "RÉGIS <&>"),
        ("Prenom", "CLAIRE"),
        ("Sexe", "F"),
        ("DateNaissance", "1951-03-14"),
        ("LieuNaissance", "97302"),
    ]
    action = root.findtext(".//{http://www.w3.org/2005/08/addressing}Action")
    assert action == insi.ACTION


def test_found_with_its_traits_and_former_numbers():
    content = insi_stand_in.answer(insi.envelope(CLAIRE, now=NOW)).replace(
        b"</INSACTIF>",
        b"</INSACTIF><INSHISTO><IdIndividu><NumIdentifiant>8510397302001</NumIdentifiant>"
        b"<Cle>11</Cle></IdIndividu><OID>1.2.250.1.213.1.4.9</OID></INSHISTO>",
    )
    answer = insi.read(content)
    assert (answer.report, answer.system) == ("00", "urn:oid:1.2.250.1.213.1.4.10")
    assert answer.ins.startswith("2510397302")
    assert len(answer.ins) == 15
    assert (answer.gender, answer.birth_date) == ("female", date(1951, 3, 14))
    assert answer.former == (("851039730200111", "1.2.250.1.213.1.4.9"),)


@pytest.mark.parametrize(("family", "report"), [("INCONNU", "01"), ("PLUSIEURS", "02")])
def test_nobody_and_several(family, report):
    question = insi.Question(family=family, given="A", gender="male", birth_date=date(2000, 1, 1))
    answer = insi.recover(question, now=NOW, stand_in=True)
    assert (answer.report, answer.ins) == (report, "")


@pytest.mark.parametrize(
    ("born", "first", "precision"),
    [
        ("1951-00-00", date(1951, 1, 1), "year"),
        ("1951-03-00", date(1951, 3, 1), "month"),
        ("1951-03-14", date(1951, 3, 14), "day"),
    ],
)
def test_a_lunar_date_is_its_first_day_and_says_so(born, first, precision):
    content = insi_stand_in.answer(insi.envelope(CLAIRE, now=NOW))
    answer = insi.read(content.replace(b"1951-03-14", born.encode()))
    assert (answer.birth_date, answer.birth_date_precision) == (first, precision)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not xml",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<RESULTAT xmlns="http://www.cnamts.fr/INSiResultat"><CR/></RESULTAT>',
    ],
)
def test_what_cannot_be_read_is_refused(content):
    with pytest.raises(insi.Unreadable):
        insi.read(content)


def test_without_a_teleservice_nobody_is_asked(settings):
    settings.INSI_URL = ""
    with pytest.raises(insi.NotConnected):
        insi.recover(CLAIRE, now=NOW, stand_in=False)


def test_a_verification_is_one_message_with_the_number_and_the_traits():
    root = etree.fromstring(insi.verification(CLAIRE, ins="251039730200156", oid="1.2", now=NOW))
    space = "{http://www.cnamts.fr/INSiLot2/REQUnitaire}"
    said = {
        each.tag.removeprefix(space): each.text
        for each in root.find(f".//{space}IndividuVerifie").iter("{*}*")
        if not len(each)
    }
    assert said == {
        "NumIdentifiant": "2510397302001",
        "Cle": "56",
        "OID": "1.2",
        "NomNaissance": "RÉGIS <&>",
        "Prenom": "CLAIRE",
        "Sexe": "F",
        "DateNaissance": "1951-03-14",
        "LieuNaissance": "97302",
    }
    action = root.findtext(".//{http://www.w3.org/2005/08/addressing}Action")
    assert action.endswith(":verifierInsAvecTraitsIdentite")


def test_the_number_that_was_given_is_confirmed_and_another_is_not():
    found = insi.recover(CLAIRE, now=NOW, stand_in=True)

    def verified(ins=found.ins, oid=found.oid):
        return insi.verify(CLAIRE, ins=ins, oid=oid, now=NOW, stand_in=True)

    assert verified()
    assert not verified(ins="279035121518989")
    assert not verified(oid="1.2.250.1.213.1.4.8")


def test_neither_yes_nor_no_changes_nothing(monkeypatch):
    for content in (b"<a/>", insi_stand_in._result("99", "?", space=insi_stand_in._VERIFIED)):
        monkeypatch.setattr(insi_stand_in, "answer", lambda _, content=content: content)
        with pytest.raises(insi.Unreadable):
            insi.verify(CLAIRE, ins="279035121518989", oid="1.2", now=NOW, stand_in=True)


@pytest.mark.parametrize(
    ("precision", "said"), [("day", "1951-03-14"), ("month", "1951-03-00"), ("year", "1951-00-00")]
)
def test_what_is_unknown_of_a_date_is_asked_as_unknown(precision, said):
    question = insi.Question(
        family="RÉGIS",
        given="CLAIRE",
        gender="female",
        birth_date=date(1951, 3, 14),
        birth_date_precision=precision,
    )
    assert f"<r:DateNaissance>{said}<".encode() in insi.envelope(question, now=NOW)
