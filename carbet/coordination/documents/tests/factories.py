"""Files as people send them, and as hostile people do."""

import io
import zipfile

from PIL import Image

from carbet.coordination.documents.rules import receiving

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
TEXT = "Lettre de liaison\nTout va bien 🌴\n".encode()


def photo(kind="JPEG", size=(640, 480), *, exif=None, after=b"", mode="RGB"):
    """Return a picture as bytes; `after` is what somebody hides behind it."""
    written = io.BytesIO()
    options = {"exif": exif} if exif is not None else {}
    Image.new(mode, size, "teal").save(written, kind, **options)
    return written.getvalue() + after


def located_photo():
    """Return a photo that says where, when and with what it was taken, lying on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter turn
    exif[0x0110] = "Telephone de test"
    exif[0x9286] = "secret-du-telephone"
    exif.get_ifd(0x8825)[1] = "N"
    return photo(exif=exif)


def zipped(**files):
    """Return a zip of these files, by name."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def received(content=PDF, name="lettre.pdf"):
    """Return what is let in of these bytes."""
    return receiving.receive(name, io.BytesIO(content), len(content))
