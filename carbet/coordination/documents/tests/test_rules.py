"""What a file really is, what it may be called, and what a photo keeps of its journey."""

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from carbet.coordination.documents.rules import content, receiving
from carbet.coordination.documents.tests.factories import (
    PDF,
    TEXT,
    located_photo,
    photo,
    received,
    zipped,
)

CDA = b'<?xml version="1.0"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3"/>'
ODT = "application/vnd.oasis.opendocument.text"
KEPT = [
    (photo(), "image/jpeg"),
    (photo("PNG"), "image/png"),
    (photo("GIF"), "image/png"),
    (photo("WEBP"), "image/jpeg"),
    (PDF, "application/pdf"),
    (TEXT, "text/plain"),
    (b"\xef\xbb\xbfnom;valeur\npoids;68\n", "text/plain"),
    ("مريض بخير".encode(), "text/plain"),
    (CDA, "application/xml"),
    (b"\x00" * 128 + b"DICM" + b"\x00" * 40, "application/dicom"),
    (zipped(**{"mimetype": ODT, "content.xml": "x"}), ODT),
    (
        zipped(**{"[Content_Types].xml": "x", "word/document.xml": "x"}),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
]


@pytest.mark.parametrize(("sent", "media_type"), KEPT)
def test_a_file_is_known_by_its_bytes(sent, media_type):
    assert received(sent, "facture.exe").media_type == media_type


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
REFUSED = {
    "nothing": (b"", "vide"),
    "a page": (b"<!doctype html><script>alert(1)</script>", "pages web"),
    "a page after spaces": (b"\n \t<html><body>", "pages web"),
    "a page inside a text": (b"Bonjour\n<script src=//x></script>", "pages web"),
    "a drawing": (SVG, "SVG"),
    "a drawing after its prolog": (b'<?xml version="1.0"?>' + SVG, "SVG"),
    "a drawing with a prefix": (b"salut <a:svg xmlns:a='http://www.w3.org/2000/svg'>", "SVG"),
    "a program": (b"MZ\x90\x00\x03" + b"\x00" * 200, "pas reçu"),
    "a script": (b"\x7fELF" + b"\x00" * 100, "pas reçu"),
    "entities": (b"<!DOCTYPE x [<!ENTITY a 'b'>]><ClinicalDocument >", "entité"),
    "an archive": (zipped(**{"a.txt": "x"}), "archives"),
    "macros": (zipped(**{"word/document.xml": "x", "word/vbaProject.bin": "x"}), "macros"),
    "a bomb": (zipped(**{f"{n}.txt": "x" for n in range(5_100)}), "trop de choses"),
    "half a zip": (zipped(**{"word/document.xml": "x" * 90})[:60], "abîmé"),
    "half a photo": (photo()[:300], "abîmée"),
    "a photo by name": (b"\xff\xd8\xffnot a photo at all", "abîmée"),
    "an iPhone's photo": (b"\x00\x00\x00\x18ftypheic" + b"\x00" * 40, "HEIC"),
    "latin-1": ("déjà".encode("latin-1"), "pas reçu"),
    "too many points": (photo("PNG", (9000, 9000), mode="1"), "points"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_kept_is_refused_with_a_sentence(case):
    sent, sentence = REFUSED[case]
    with pytest.raises(content.UnknownContent, match=sentence):
        received(sent, "photo.jpg")


def test_a_file_too_long_is_refused_before_it_is_read():
    class Unread(io.BytesIO):
        def read(self, *_):
            raise AssertionError("read")

    with pytest.raises(content.UnknownContent, match=r"200,0 Mo : 25 Mo au plus"):
        receiving.receive("film.mp4", Unread(), 200 * 1024 * 1024)


def test_a_photo_keeps_nothing_of_its_journey_and_stands_upright():
    sent = located_photo()
    assert b"secret-du-telephone" in sent
    kept = received(sent, "IMG_2041.JPG")
    drawn = kept.content.read()
    with Image.open(io.BytesIO(drawn)) as picture:
        assert not dict(picture.getexif())
        assert "icc_profile" not in picture.info
        assert picture.size == (480, 640) == (kept.width, kept.height)
    assert b"secret" not in drawn
    assert b"Exif" not in drawn
    assert b"secret" not in kept.small


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_what_hides_behind_a_photo_is_left_out(kind):
    hidden = b"<script>alert(1)</script>" + zipped(**{"a.js": "alert(1)"}) + PDF
    kept = received(photo(kind, after=hidden), "photo.html")
    drawn = kept.content.read()
    assert b"<script>" not in drawn
    assert b"PK\x03\x04" not in drawn
    assert b"%PDF" not in drawn
    assert kept.name in ("photo.jpg", "photo.png")


def test_a_large_photo_is_made_smaller():
    kept = received(photo(size=(6000, 3000)), "grande.jpg")
    assert (kept.width, kept.height) == (2560, 1280)
    assert len(kept.small) < 20_000


NAMES = {
    "lettre.pdf": "lettre.pdf",
    "Lettre du Dr Ögé 🌴.PDF": "Lettre du Dr Ögé 🌴.pdf",
    "../../etc/passwd": "passwd.pdf",
    "..\\..\\windows\\system32\\cmd.exe": "cmd.pdf",
    "facture.pdf.exe": "facture.pdf.pdf",
    "\u202efdp.exe": "fdp.pdf",
    'a"; filename="evil.html': "a filename= evil.pdf",
    "a\r\nSet-Cookie: x=1.pdf": "aSet-Cookie x=1.pdf",
    "": "document.pdf",
    "....": "document.pdf",
    ".htaccess": "htaccess.pdf",
    "con.pdf": "_con.pdf",
    "a" * 300 + ".pdf": "a" * 120 + ".pdf",
    "<img src=x onerror=alert(1)>.pdf": "img src=x onerror=alert(1).pdf",
    "version 2.1": "version 2.pdf",
    "مريض.pdf": "مريض.pdf",
    "e\u0301.pdf": "é.pdf",
}


@pytest.mark.parametrize(("sent", "kept"), NAMES.items())
def test_a_name_is_only_a_name(sent, kept):
    assert content.clean_name(sent, "application/pdf") == kept


@given(st.text(max_size=400))
def test_no_name_is_ever_a_path_nor_hides_anything(sent):
    kept = content.clean_name(sent, "application/pdf")
    assert kept.endswith(".pdf")
    assert len(kept) <= 130
    assert not set(kept) & set('/\\\r\n\0"<>|\u202e\u2066')
    assert not kept.startswith(".")
    assert content.clean_name(kept, "application/pdf") == kept


@given(st.binary(max_size=300))
def test_any_bytes_are_kept_or_refused_with_a_sentence(sent):
    with suppress(content.UnknownContent):
        assert received(sent, "x").media_type in content.KINDS


@pytest.mark.parametrize(
    ("size", "words"), [(1, "1 Ko"), (860_160, "840 Ko"), (2_516_582, "2,4 Mo")]
)
def test_a_weight_in_words(size, words):
    assert content.write_size(size) == words
