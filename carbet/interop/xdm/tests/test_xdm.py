"""What is written is read back; what is hostile, spoilt or false in an archive is refused."""

import contextlib
import dataclasses
import hashlib
import io
import stat
import struct
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbet.interop import cda, xdm
from carbet.interop.cda.tests import official
from carbet.interop.cda.tests.factories import CLAIRE, header, letter

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def packed(**changed):
    data = letter(**changed)
    return xdm.Packed(data, cda.read(data).header)


def archive(*documents, **options):
    return xdm.write(documents or (packed(),), at=AT, **options)


def files_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as held:
        return {name: held.read(name) for name in held.namelist()}


def rezipped(files, method=zipfile.ZIP_DEFLATED):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return written.getvalue()


def test_an_archive_has_what_the_profile_asks():
    files = files_of(archive(source="Cabinet <b> & co"))
    assert list(files) == [
        "INDEX.HTM",
        "README.TXT",
        "IHE_XDM/SUBSET01/METADATA.XML",
        "IHE_XDM/SUBSET01/DOC00001.XML",
    ]
    assert b"Cabinet &lt;b&gt; &amp; co" in files["INDEX.HTM"]
    said = files["IHE_XDM/SUBSET01/METADATA.XML"].decode()
    document = files["IHE_XDM/SUBSET01/DOC00001.XML"]
    assert hashlib.sha1(document, usedforsecurity=False).hexdigest() in said
    for part in (
        f"<Value>{len(document)}</Value>",
        "<Value>DOC00001.XML</Value>",
        "251039730200722^^^&amp;1.2.250.1.213.1.4.10&amp;ISO^NH",
        "PID-5|RÉGIS^CLAIRE MARIE^^^^^L",
        "PID-5|MONTGÉNIE^CLAIRE^^^^^D",
        "PID-7|19510314",
        'nodeRepresentation="11490-0"',
        'nodeRepresentation="SA01"',
        'nodeRepresentation="ETABLISSEMENT"',
        "899900000011^SOULIER^Anne",
        'value="2.25.4000000"',
        "urn:ihe:iti:xds-sd:pdf:2008",
    ):
        assert part in said


def test_several_documents_are_read_back():
    documents = (packed(seed=1), packed(seed=2, title="Ordonnance"))
    package = xdm.read(archive(*documents))
    assert [entry.data for entry in package.entries] == [each.data for each in documents]
    assert [entry.title for entry in package.entries] == ["Lettre de sortie", "Ordonnance"]
    assert package.entries[1].unique_id == "2.25.2"
    assert package.entries[0].type.code == "11490-0"
    assert package.entries[0].patient.startswith("251039730200722^")
    assert package.submission_id.startswith("2.25.")


def test_the_same_documents_give_the_same_bytes():
    assert archive() == archive()


def test_who_must_not_see_travels():
    hidden = dataclasses.replace(packed(), hidden_from=("INVISIBLE_PATIENT",))
    assert xdm.read(archive(hidden)).entries[0].confidentialities == ("N", "INVISIBLE_PATIENT")


def test_nothing_or_several_persons_are_not_written():
    other = packed(
        patient=dataclasses.replace(CLAIRE, identifiers=(cda.Identifier("2.25.9", "9"),))
    )
    for documents in ((), (packed(), other)):
        with pytest.raises(ValueError):
            xdm.write(documents, at=AT)


@official.needed
@pytest.mark.parametrize("path", official.EXAMPLES, ids=lambda path: path.stem)
def test_every_official_example_travels(path):
    data = path.read_bytes()
    package = xdm.read(archive(xdm.Packed(data, cda.read(data).header)))
    assert package.entries[0].data == data


def with_name(name, content=b"x"):
    return rezipped(files_of(archive()) | {name: content})


def lying():
    """Return an archive whose directory says that a file of 80 MB has ten bytes."""
    data = bytearray(rezipped(files_of(archive()) | {"BIG.TXT": b"\0" * (80 * 1024 * 1024)}))
    place = data.rindex(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", 10)
    return bytes(data)


def linked():
    written = io.BytesIO(archive())
    with zipfile.ZipFile(written, "a") as made:
        said = zipfile.ZipInfo("LINK")
        said.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(said, "/etc/passwd")
    return written.getvalue()


def twice():
    files = files_of(archive())
    return rezipped(files | {"index.htm": b"x"})


def locked():
    data = bytearray(archive())
    place = data.rindex(b"PK\x01\x02")
    data[place + 8] |= 1
    return bytes(data)


def changed(old, new, name="IHE_XDM/SUBSET01/METADATA.XML"):
    files = files_of(archive())
    assert old in files[name]
    return rezipped(files | {name: files[name].replace(old, new)})


def without(name):
    files = files_of(archive())
    del files[name]
    return rezipped(files)


REFUSED = {
    "no zip": (lambda: b"PK nothing", "n’est pas une archive"),
    "empty": (lambda: b"", "n’est pas une archive"),
    "cut": (lambda: archive()[:-200], "n’est pas une archive"),
    "climbing": (lambda: with_name("../../etc/cron.d/x"), "qui en sort"),
    "absolute": (lambda: with_name("/etc/passwd"), "qui en sort"),
    "windows": (lambda: with_name("..\\..\\x"), "qui en sort"),
    "drive": (lambda: with_name("C:/x"), "qui en sort"),
    "dots inside": (lambda: with_name("IHE_XDM/./../../x"), "qui en sort"),
    "zip inside": (lambda: with_name("IHE_XDM/SUBSET01/A.ZIP", archive()), "autre archive"),
    "zip under another name": (lambda: with_name("A.TXT", archive()), "autre archive"),
    "bomb": (lambda: with_name("BIG.TXT", b"\0" * (80 * 1024 * 1024)), "60 Mo"),
    "lying bomb": (lying, "60 Mo|abîmée"),
    "many files": (
        lambda: rezipped(files_of(archive()) | {f"F{n}": b"" for n in range(300)}),
        "plus de 200",
    ),
    "link": (linked, "un lien"),
    "two of one name": (twice, "même nom"),
    "password": (locked, "mot de passe"),
    "no metadata": (lambda: without("IHE_XDM/SUBSET01/METADATA.XML"), "METADATA"),
    "document missing": (lambda: without("IHE_XDM/SUBSET01/DOC00001.XML"), "n’est pas dans"),
    "wrong hash": (
        lambda: changed(b"<Value>DOC", b"<Value>../../INDEX.HTM</Value><Value>"),
        "n’est pas dans|taille|empreinte",
    ),
    "spoilt document": (
        lambda: changed(b"Anne", b"Yann", "IHE_XDM/SUBSET01/DOC00001.XML"),
        "empreinte",
    ),
    "longer document": (
        lambda: changed(b"Anne", b"Annette", "IHE_XDM/SUBSET01/DOC00001.XML"),
        "taille",
    ),
    "no hash": (lambda: changed(b'name="hash"', b'name="x"'), "empreinte"),
    "no document said": (lambda: changed(b"ExtrinsicObject", b"Other"), "aucun document"),
    "doctype": (
        lambda: changed(b"<lcm:SubmitObjectsRequest", b"<!DOCTYPE a><lcm:SubmitObjectsRequest"),
        "DOCTYPE",
    ),
}


@pytest.mark.parametrize(("make", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_false_or_hostile_is_refused(make, why):
    with pytest.raises(xdm.UnreadablePackage, match=why):
        xdm.read(make())


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_no_spoilt_byte_crashes_the_reader(data):
    whole = bytearray(archive())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(xdm.UnreadablePackage):
        xdm.read(bytes(whole))


@given(st.text(max_size=60), st.text(max_size=40))
@settings(max_examples=40, deadline=None)
def test_no_text_of_a_header_breaks_the_metadata(title, family):
    said = header(title=title or "T", patient=dataclasses.replace(CLAIRE, birth_family=family))
    data = letter()
    assert xdm.read(archive(xdm.Packed(data, said))).entries[0].data == data
