"""What is true of a file: what it really is, how it may be called, how it is shown."""

import re
import unicodedata
import zipfile
from typing import BinaryIO

from carbet.interop import cda

LARGEST_FILE = 25 * 1024 * 1024
LONGEST_NAME = 120
MOST_FILES = 8
_HEAD = 4096
_MOST_ZIPPED_FILES = 5_000
_MOST_UNZIPPED_BYTES = 500 * 1024 * 1024

JPEG, PNG, WEBP, GIF, PDF = "image/jpeg", "image/png", "image/webp", "image/gif", "application/pdf"
TEXT, CDA, DICOM = "text/plain", "application/xml", "application/dicom"
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."

# What is kept of each type: how its name ends, what a person calls it.
KINDS = {
    JPEG: ("jpg", "Photo"),
    PNG: ("png", "Image"),
    WEBP: ("webp", "Image"),
    GIF: ("gif", "Image"),
    PDF: ("pdf", "PDF"),
    TEXT: ("txt", "Texte"),
    CDA: ("xml", "Document CDA"),
    DICOM: ("dcm", "Image DICOM"),
    _OFFICE + "wordprocessingml.document": ("docx", "Document Word"),
    _OFFICE + "spreadsheetml.sheet": ("xlsx", "Tableur Excel"),
    _OPEN + "text": ("odt", "Document"),
    _OPEN + "spreadsheet": ("ods", "Tableur"),
}
IMAGES = frozenset({JPEG, PNG, WEBP, GIF})
# Only what we have drawn again ourselves is ever shown inside a page.
SHOWN_INLINE = frozenset({JPEG, PNG})
# What a page of ours shows without giving the file itself.
READ_HERE = frozenset({CDA, PDF, TEXT})
ACCEPTED = ",".join(f".{ending}" for ending, _ in KINDS.values()) + ",.jpeg,.csv"

_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]"
)
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_MARKUP = re.compile(
    rb"<\s*(!doctype\s+html|html|head|body|script|iframe|svg|img|object|embed|link|meta|style|"
    rb"form|[a-z0-9]+:svg)\b",
    re.IGNORECASE,
)
_CDA_ROOT = re.compile(rb"<(?:[\w.-]+:)?ClinicalDocument[\s/>]")


class UnknownContent(ValueError):
    """The content is of no type that we keep; the text is a French sentence."""


def sniff(content: BinaryIO) -> str:
    """Return the media type that the bytes themselves say, whatever their name or sender claims.

    Raises:
        UnknownContent: of no type that we keep.
    """
    content.seek(0)
    head = content.read(_HEAD)
    if not head:
        raise UnknownContent("Ce fichier est vide.")
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(b"%PDF-"):
        return PDF
    if head[128:132] == b"DICM":
        return DICOM
    if head.startswith(b"PK\x03\x04"):
        return _sniff_zip(content)
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"hevc", b"avif"):
        raise UnknownContent("Ce format de photo (HEIC) n’est pas lu ici : envoyez-la en JPEG.")
    return _sniff_text(content, head)


def _sniff_zip(content: BinaryIO) -> str:
    content.seek(0)
    try:
        with zipfile.ZipFile(content) as archive:
            held = archive.infolist()
            names = {each.filename for each in held}
            if len(held) > _MOST_ZIPPED_FILES or (
                sum(each.file_size for each in held) > _MOST_UNZIPPED_BYTES
            ):
                raise UnknownContent("Ce fichier compressé contient trop de choses.")
            if any(name.lower().endswith("vbaproject.bin") for name in names):
                raise UnknownContent("Les documents avec macros ne sont pas reçus.")
            if "word/document.xml" in names:
                return _OFFICE + "wordprocessingml.document"
            if "xl/workbook.xml" in names:
                return _OFFICE + "spreadsheetml.sheet"
            if held and held[0].filename == "mimetype" and held[0].file_size < 100:
                said = archive.read(held[0]).decode("ascii", "replace").strip()
                if said in KINDS and said.startswith(_OPEN):
                    return said
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError) as error:
        raise UnknownContent("Ce fichier est abîmé.") from error
    raise UnknownContent("Les archives ne sont pas reçues : envoyez chaque fichier.")


def _sniff_text(content: BinaryIO, head: bytes) -> str:
    refusal = UnknownContent(
        "Ce type de fichier n’est pas reçu. Sont reçus : photos JPEG ou PNG, PDF, documents Word,"
        " Excel ou LibreOffice, texte."
    )
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<") and _CDA_ROOT.search(head):
        content.seek(0)
        try:
            cda.read(content.read(LARGEST_FILE + 1), largest=LARGEST_FILE)
        except cda.UnreadableDocument as refusal:
            raise UnknownContent(str(refusal)) from refusal
        return CDA
    content.seek(0)
    try:
        text = content.read(LARGEST_FILE + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refusal from None
    if re.search("[\x00-\x08\x0b\x0e-\x1f\x7f]", text):
        raise refusal
    if start.startswith(b"<") or _MARKUP.search(text.encode()):
        raise UnknownContent(
            "Les pages web et les dessins SVG ne sont pas reçus : enregistrez-les en PDF."
        )
    return TEXT


def clean_name(name: str, media_type: str) -> str:
    """Return a name that is only a name: no path, no hidden sign, the ending of its true type."""
    ending, _ = KINDS[media_type]
    plain = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    plain = re.sub(r'[<>:"|?*%;\s]+', " ", _CONTROL.sub("", plain)).strip(". ")
    stem, dot, last = plain.rpartition(".")
    if not dot or not last.isascii() or not last.isalnum() or len(last) > 5:
        stem = plain
    stem = stem.strip(". ")[:LONGEST_NAME].strip(". ")
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    return f"{stem or 'document'}.{ending}"


def shown_name(name: str) -> str:
    """Return a name as a refusal says it: no path, no hidden sign, sixty signs at most."""
    plain = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    return _CONTROL.sub("", plain)[:60].strip() or "Fichier"


def title_of(name: str) -> str:
    """Return the title that a name suggests: without its ending, without underscores."""
    return name.rpartition(".")[0].replace("_", " ").strip() or "Document"


def write_size(size: int) -> str:
    """Return a number of bytes in words: "840 Ko", "2,4 Mo"."""
    if size < 1024 * 1024:
        return f"{max(1, round(size / 1024))} Ko"
    return f"{size / 1024 / 1024:.1f} Mo".replace(".", ",")


def too_long(size: int) -> str:
    """Return the sentence that refuses a file of this size."""
    return (
        f"Ce fichier pèse {write_size(size)} : {LARGEST_FILE // 1024 // 1024} Mo au plus."
        " Réduisez-le, ou envoyez-le en plusieurs fois."
    )
