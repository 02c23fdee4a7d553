"""Shape of what is sent with a document."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict

from carbet.coordination.care_teams.choices import Capacity, ConsentGiver
from carbet.coordination.care_teams.forms import ConsentForm, GestureForm
from carbet.coordination.care_teams.models import RelatedPerson
from carbet.coordination.documents.choices import FILED_BY_HAND, Confidentiality, DocumentType
from carbet.coordination.documents.queries import Position
from carbet.coordination.documents.rules import content, receiving, signature
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


class SignatureField(forms.CharField):
    """A signature traced in a frame of the page: its value is the strokes, or nothing."""

    def __init__(self) -> None:
        # Cut nowhere: what is too long is refused by its own sentence.
        super().__init__(
            label="Signature sur l’écran", required=False, widget=forms.HiddenInput, strip=True
        )

    def clean(self, value: Any) -> signature.Strokes | None:
        """Return the strokes.

        Raises:
            ValidationError: no signature, or one that cannot be read.
        """
        text = super().clean(value)
        try:
            return signature.read(text) if text else None
        except content.UnknownContent as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


class ProofForm(GestureForm):
    """What proves a decision: a paper or a photo of it, or a signature traced on the screen."""

    file = ReceivedField(required=False)
    signature = SignatureField()
    proof_required = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["file"].label = "Papier signé"
        self.fields["file"].help_text = "Photo ou PDF ; 25 Mo au plus."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        given = [name for name in ("file", "signature") if data.get(name)]
        if self.proof_required and not given and not self.errors:
            self.add_error("file", "Choisissez le papier signé, ou faites signer sur l’écran.")
        if len(given) > 1:
            self.add_error(
                "file", "Un papier ou une signature, pas les deux : retirez le fichier, ou effacez."
            )
        return data


class DecisionForm(ConsentForm, ProofForm):
    """What the person decided, who spoke for her, and what proves it."""

    related_person = forms.TypedChoiceField(
        label="Qui",
        coerce=int,
        empty_value=None,
        required=False,
        help_text="Nécessaire quand la personne n’a pas répondu seule.",
    )
    capacity = forms.ChoiceField(
        label="À quel titre",
        choices=[
            ("", "Celui qui est déjà noté"),
            *(each for each in Capacity.choices if each[0] != Capacity.TRUSTED),
        ],
        required=False,
    )
    proof_required = False

    def __init__(self, *args: Any, relatives: Iterable[RelatedPerson] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.relatives = {relative.pk: relative for relative in relatives}
        self.fields["related_person"].choices = [
            ("", "Choisissez"),
            *((pk, _with_title(relative)) for pk, relative in self.relatives.items()),
        ]

    def clean(self) -> dict[str, Any]:
        """Ask who answered when it was not the person alone."""
        data = super().clean() or self.cleaned_data
        chosen = data.get("related_person")
        data["related_person"] = self.relatives.get(chosen) if chosen else None
        answered = data.get("given_by") not in (None, ConsentGiver.PERSON)
        if answered and data["related_person"] is None and "related_person" not in self.errors:
            self.add_error(
                "related_person",
                "Choisissez qui a répondu ou a été consulté ; s’il n’est pas dans la liste,"
                " un responsable du cercle l’ajoute parmi les proches.",
            )
        return data


def _with_title(relative: RelatedPerson) -> str:
    """Return the name of a relative, with the title under which they speak for the person."""
    title = relative.get_capacity_display() or relative.get_relationship_display()
    return f"{relative}, {title.lower()}" if title else str(relative)


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
