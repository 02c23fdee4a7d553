"""Shape of what is sent with a document."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict

from carbet.coordination.documents.choices import FILED_BY_HAND, Confidentiality, DocumentType
from carbet.coordination.documents.queries import Position
from carbet.coordination.documents.rules import content, receiving
from carbet.core.forms import FilesField
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.sharing import Visibility

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReceivedField(forms.FileField):
    """One file, known by its bytes: its value is what `rules.receiving` let in."""

    def __init__(self, **options: Any) -> None:
        widget = forms.FileInput(
            attrs={"accept": content.ACCEPTED, "data-largest": content.LARGEST_FILE}
        )
        super().__init__(
            label="Fichier",
            widget=widget,
            help_text="Photo, PDF, Word, Excel, LibreOffice ou texte ; 25 Mo au plus.",
            allow_empty_file=True,
            **options,
        )
        self.error_messages["required"] = "Choisissez un fichier."

    def to_python(self, data: Any) -> receiving.Received | None:
        sent = super().to_python(data)
        if sent is None:
            return None
        try:
            return receiving.receive(sent.name, sent.file, sent.size)
        except content.UnknownContent as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


class ReceivedFilesField(FilesField):
    """Several files, each known by its bytes: the value is the list of what was let in."""

    def __init__(self, *, required: bool = False, **options: Any) -> None:
        super().__init__(required=required, allow_empty_file=True, **options)
        self.widget.attrs |= {
            "multiple": True,
            "accept": content.ACCEPTED,
            "data-largest": content.LARGEST_FILE,
            "data-shrink": True,
        }

    def clean(self, data: Any, initial: Any = None) -> list[receiving.Received]:
        """Return what may be kept of each file.

        Raises:
            ValidationError: one sentence for each file refused, and to choose them all again.
        """
        sent = super().clean(data, initial)
        if len(sent) > content.MOST_FILES:
            raise forms.ValidationError(
                f"{len(sent)} fichiers : {content.MOST_FILES} au plus à la fois."
            )
        together = sum(each.size for each in sent)
        if together > 2 * content.LARGEST_FILE:
            raise forms.ValidationError(
                f"Ces fichiers pèsent ensemble {content.write_size(together)} :"
                f" {content.write_size(2 * content.LARGEST_FILE)} au plus."
            )
        received, refusals = [], []
        for each in sent:
            try:
                received.append(receiving.receive(each.name, each.file, each.size))
            except content.UnknownContent as refusal:
                refusals.append(f"{content.shown_name(each.name)} : {refusal}")
        if refusals:
            raise forms.ValidationError([*refusals, "Choisissez de nouveau vos fichiers."])
        return received


class DocumentForm(forms.Form):
    """Documents to file: one for each file, or one of all the photos of a paper."""

    file = ReceivedFilesField(
        required=True,
        label="Fichiers",
        help_text="Photos, PDF, Word, Excel, LibreOffice, CDA ou texte ; huit au plus, 25 Mo l’un.",
    )
    together = forms.BooleanField(
        label="Ces photos sont les pages d’un même papier : les réunir en un PDF", required=False
    )
    title = forms.CharField(
        label="Titre",
        max_length=200,
        required=False,
        help_text="Le nom du fichier, si vous laissez ce champ vide.",
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    type = forms.ChoiceField(label="Type de document", choices=[("", "Choisissez"), *FILED_BY_HAND])
    made_on = forms.DateField(
        label="Date du document",
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    confidentiality = forms.ChoiceField(
        label="Confidentialité", choices=Confidentiality.choices, initial=Confidentiality.NORMAL
    )
    visibility = forms.ChoiceField(
        label="Qui le voit",
        choices=[
            (value, label) for value, label in Visibility.choices if value != Visibility.CHOSEN
        ],
        initial=Visibility.CIRCLE,
        widget=forms.RadioSelect,
    )
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def clean(self) -> dict[str, Any]:
        """Put the photos of one paper together.

        Raises:
            ValidationError: some of the files are no photos, or together they are too long.
        """
        data = super().clean() or self.cleaned_data
        if data.get("together") and data.get("file"):
            try:
                data["file"] = [receiving.assemble(data["file"], data.get("title") or "")]
            except content.UnknownContent as refusal:
                raise forms.ValidationError({"file": str(refusal)}) from refusal
        return data


class LetterForm(forms.Form):
    """A letter: to whom, its subject, its text."""

    recipient = forms.TypedChoiceField(
        label="À un membre du cercle", coerce=int, required=False, empty_value=None
    )
    addressee = forms.CharField(
        label="Ou à quelqu’un d’autre",
        max_length=200,
        required=False,
        help_text="Nom et fonction, comme écrits sur la lettre.",
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    type = forms.ChoiceField(
        label="Type de document",
        choices=[
            (each.value, str(each.label))
            for each in (
                DocumentType.REFERRAL,
                DocumentType.SOCIAL,
                DocumentType.PROFESSIONAL,
                DocumentType.ADMINISTRATIVE,
            )
        ],
    )
    title = forms.CharField(
        label="Objet", max_length=120, widget=forms.TextInput(attrs={"dir": "auto"})
    )
    text = forms.CharField(
        label="Texte",
        max_length=15_000,
        widget=forms.Textarea(attrs={"rows": 14, "dir": "auto"}),
    )
    visibility = forms.ChoiceField(
        label="Qui la voit",
        choices=[
            (value, label) for value, label in Visibility.choices if value != Visibility.CHOSEN
        ],
        initial=Visibility.CIRCLE,
        widget=forms.RadioSelect,
    )
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, recipients: list[tuple[int, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["recipient"].choices = [("", "Choisissez"), *recipients]

    def clean(self) -> dict[str, Any]:
        """Ask for one addressee, and only one.

        Raises:
            ValidationError: nobody, or two.
        """
        data = super().clean() or self.cleaned_data
        if "recipient" in data and "addressee" in data:
            if not data["recipient"] and not data["addressee"]:
                self.add_error("recipient", "Dites à qui cette lettre s’adresse.")
            elif data["recipient"] and data["addressee"]:
                self.add_error("addressee", "Un seul destinataire par lettre.")
        return data


class FileSheetForm(forms.Form):
    """One gesture: file a sheet as it reads today."""

    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class VersionForm(forms.Form):
    """A new version of a file, with the version that was on screen."""

    file = ReceivedField()
    reason = forms.CharField(
        label="Pourquoi le remplacer",
        max_length=200,
        help_text="Par exemple : version signée, page manquante.",
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)


class WithdrawalForm(forms.Form):
    """Why a document is withdrawn."""

    reason = forms.CharField(
        label="Pourquoi retirer ce document",
        max_length=200,
        help_text="Par exemple : classé dans le mauvais dossier.",
    )


class FilterForm(forms.Form):
    """What the reader asks to see of the documents."""

    q = forms.CharField(required=False, max_length=100)
    type = forms.ChoiceField(
        label="Type",
        choices=[("", "Tous"), *DocumentType.choices],
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
    )


def write_position(position: Position) -> str:
    """Return the place of a document as an address carries it."""
    moment = (position.recorded_at - _EPOCH) // timedelta(microseconds=1)
    return f"{moment}-{short_id(position.pk)}"


def read_position(query: QueryDict) -> Position | None:
    """Return the place after which the page starts, or None when the address has none."""
    moment, _, number = query.get("suite", "").partition("-")
    try:
        return Position(_EPOCH + timedelta(microseconds=int(moment)), from_short_id(number))
    except (ValueError, OverflowError):
        return None
