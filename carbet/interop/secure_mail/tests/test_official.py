"""Official examples (ANS), each through the true mail path: filed, or waiting with its reason."""

from datetime import date

import pytest

from carbet.coordination.documents.models import Document
from carbet.interop import cda
from carbet.interop.cda.tests.official import DATA, EXAMPLES, needed
from carbet.interop.secure_mail.tests import mails
from carbet.registries.patients.choices import INS_TEST

pytestmark = [pytest.mark.django_db, needed]
# The person of most examples.
INS, BORN = "279035121518989", date(1979, 3, 28)


@needed
def test_every_official_document_is_filed_or_waits_with_its_reason(office):
    office.world.circle(
        "nurse",
        birth_family="PAT-TROIS",
        used_family="",
        birth_given=["DOMINIQUE", "MARIE-LOUISE"],
        birth_date=BORN,
        ins=INS,
        ins_system=INS_TEST,
        ins_recovered=True,
        identity_checked=True,
    )
    sent = {path.name: path.read_bytes() for path in EXAMPLES}
    rows = office.receive(
        *(
            mails.mail(
                mails.rough_archive(data),
                subject=f"XDM/1.0/DDM+{name} PAT-TROIS DOMINIQUE 28/03/1979",
            )
            for name, data in sent.items()
        )
    )
    assert len(rows) == len(sent)
    assert office.inbox() == 0
    wrong = []
    filed = 0
    for row, (name, data) in zip(rows, sent.items(), strict=True):
        person = cda.read(data).header.patient
        ins = person.ins.extension if person.ins else ""
        expected, code = ("filed", "") if ins == INS else ("to_file", "902" if ins else "903")
        if ins == INS and person.birth_date not in (None, BORN):
            # One of them gives this INS to somebody born another day.
            expected, code = "quarantined", "904"
        if (row.status, row.code) != (expected, code):
            wrong.append((name, row.status, row.code, row.reason, ins))
        filed += row.status == "filed"
    assert wrong == []
    assert filed > 10
    with office.as_house():
        # Several examples are versions of one document, or bear one number.
        assert 10 < Document.objects.filter(origin="mss").count() <= filed


def test_the_official_receipt_is_read(office):
    path = DATA / "mss" / "exemple-MDN-integration-KO.txt"
    if not path.exists():
        pytest.skip(f"{path} manque")
    [row] = office.receive(path.read_bytes())
    assert (row.status, row.code) == ("receipt", "902")
