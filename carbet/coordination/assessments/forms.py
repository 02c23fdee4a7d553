"""What is typed: the answers of an assessment, the questions of a questionnaire."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson
from django import forms
from django.http import QueryDict

from carbet.coordination.assessments.rules import editing
from carbet.coordination.assessments.rules.definitions import Definition

OTHER = "-autre"
MOST_VALUES = 50


def read_answers(definition: Definition, posted: QueryDict) -> dict[str, list[Any]]:
    """Return what was typed, by linkId; nothing is judged yet."""
    found: dict[str, list[Any]] = {}
    for item in definition.asked:
        name = item.field_name
        values: list[Any] = posted.getlist(name)[:MOST_VALUES]
        if item.kind == "open-choice":
            other = posted.get(f"{name}{OTHER}", "").strip()
            values = [value for value in values if value != OTHER]
            if other:
                values.append({"text": other})
        found[item.link_id] = values
    return found


class GestureForm(forms.Form):
    """Which questionnaire is begun; one gesture begins one."""

    questionnaire = forms.IntegerField(min_value=1, max_value=2**62)
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class SavingForm(forms.Form):
    """What goes with the answers: the version on screen, the moment, the reason of a correction."""

    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31)
    authored_at = forms.DateTimeField(
        label="Moment de l’évaluation",
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
        error_messages={"invalid": "Indiquez un jour et une heure."},
    )
    reason = forms.CharField(label="Motif de la correction", max_length=200, required=False)


class WithdrawalForm(forms.Form):
    """Why an assessment no longer counts."""

    reason = forms.CharField(
        label="Motif",
        max_length=200,
        error_messages={"required": "Dites pourquoi vous retirez cette évaluation."},
    )


LARGEST_IMPORT = 500_000
MEANINGS = 6
TONES = (
    ("success", "Rassurant"),
    ("info", "À savoir"),
    ("warning", "Attention"),
    ("danger", "Alerte"),
)


class CreationForm(forms.Form):
    """A questionnaire that begins: its title."""

    title = forms.CharField(label="Titre", max_length=200)
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class RevisionForm(forms.Form):
    """The state of the draft that was on screen."""

    seen = forms.IntegerField(min_value=1, max_value=2**31)


class ImportForm(forms.Form):
    """A FHIR Questionnaire, as a file or as a text."""

    file = forms.FileField(label="Fichier JSON", required=False)
    text = forms.CharField(
        label="Ou son texte",
        required=False,
        max_length=LARGEST_IMPORT,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        sent, text = data.get("file"), data.get("text", "")
        if sent is not None and sent.size > LARGEST_IMPORT:
            raise forms.ValidationError("Ce fichier dépasse 500 ko.")
        content = sent.read() if sent is not None else text.encode()
        if not content.strip():
            raise forms.ValidationError("Choisissez un fichier, ou collez son texte.")
        try:
            data["body"] = orjson.loads(content)
        except ValueError:
            raise forms.ValidationError(
                "Ce n’est pas du JSON : un Questionnaire FHIR (R4) est attendu."
            ) from None
        return data


class HeadForm(forms.Form):
    """What stands at the head of a questionnaire."""

    title = forms.CharField(label="Titre", max_length=200)
    description = forms.CharField(
        label="Présentation",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    source = forms.CharField(
        label="Source",
        required=False,
        max_length=500,
        help_text="L’article, le guide ou le groupe de travail dont il vient.",
    )
    rights = forms.CharField(
        label="Droits d’usage",
        required=False,
        max_length=500,
        help_text="Qui l’a écrit, et qui peut s’en servir. Nécessaire pour publier.",
    )


class QuestionForm(forms.Form):
    """One question."""

    text = forms.CharField(label="Question", max_length=1000)
    kind = forms.ChoiceField(label="Réponse", choices=list(editing.KINDS.items()))
    options = forms.CharField(
        label="Réponses possibles",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Une par ligne. Pour compter des points : « Souvent = 2 ».",
    )
    required = forms.BooleanField(label="Il faut y répondre", required=False, initial=True)
    help = forms.CharField(label="Aide", required=False, max_length=1000)
    unit = forms.CharField(label="Unité", required=False, max_length=30)
    minimum = forms.DecimalField(label="Au moins", required=False, localize=True)
    maximum = forms.DecimalField(label="Au plus", required=False, localize=True)
    only_if = forms.ChoiceField(label="Ne poser que si, à la question", required=False)
    only_if_answer = forms.CharField(label="la réponse est", required=False, max_length=300)

    def __init__(
        self,
        *args: Any,
        others: Sequence[editing.Written] = (),
        link_id: str = "",
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.link_id = link_id
        self.fields["only_if"].choices = [("", "Toujours la poser")] + [
            (one.link_id, one.text[:80])
            for one in others
            if one.link_id != link_id and one.kind != "display"
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("only_if") and not data.get("only_if_answer"):
            self.add_error("only_if_answer", "Dites quelle réponse fait poser cette question.")
        least, most = data.get("minimum"), data.get("maximum")
        if least is not None and most is not None and least > most:
            self.add_error("maximum", "Le plus grand est plus petit que le plus petit.")
        return data


def initial_of(question: editing.Written | None) -> dict[str, Any]:
    """Return what the form shows of a question that is opened."""
    if question is None:
        return {}
    names = QuestionForm.base_fields
    return {name: getattr(question, name) for name in names}


class TotalForm(forms.Form):
    """Whether the points are added up, and what the sum means."""

    wanted = forms.BooleanField(label="Additionner les points", required=False)
    label = forms.CharField(label="Nom du résultat", required=False, max_length=100)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for rank in range(MEANINGS):
            optional = {"required": False}
            self.fields |= {
                f"least_{rank}": forms.DecimalField(label="De", localize=True, **optional),
                f"most_{rank}": forms.DecimalField(label="À", localize=True, **optional),
                f"words_{rank}": forms.CharField(
                    label="Ce que cela veut dire", max_length=200, **optional
                ),
                f"tone_{rank}": forms.ChoiceField(label="Ton", choices=TONES, **optional),
                f"goal_{rank}": forms.CharField(
                    label="Objectif proposé", max_length=200, **optional
                ),
                f"action_{rank}": forms.CharField(
                    label="Action proposée", max_length=200, **optional
                ),
            }

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The fields of each meaning, as a page draws them."""
        names = ("least", "most", "words", "tone", "goal", "action")
        return [{name: self[f"{name}_{rank}"] for name in names} for rank in range(MEANINGS)]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for rank in range(MEANINGS):
            bounded = any(data.get(f"{name}_{rank}") is not None for name in ("least", "most"))
            if bounded and not data.get(f"words_{rank}"):
                self.add_error(f"words_{rank}", "Dites ce que ces valeurs veulent dire.")
        return data


def meanings_initial(found: Sequence[editing.Meaning]) -> dict[str, Any]:
    """Return what the form of the total shows of its meanings."""
    names = ("least", "most", "words", "tone", "goal", "action")
    return {
        f"{name}_{rank}": getattr(one, name)
        for rank, one in enumerate(found[:MEANINGS])
        for name in names
    }


def summed(body: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Return the questionnaire with the total and the meanings that were typed."""
    after = editing.summed(body, wanted=data["wanted"], label=data["label"])
    if not data["wanted"]:
        return after
    meanings = [
        editing.Meaning(
            least=_decimal(data[f"least_{rank}"]),
            most=_decimal(data[f"most_{rank}"]),
            words=data[f"words_{rank}"],
            tone=data[f"tone_{rank}"] or "info",
            goal=data[f"goal_{rank}"],
            action=data[f"action_{rank}"],
        )
        for rank in range(MEANINGS)
        if data[f"words_{rank}"]
    ]
    return editing.with_meanings(after, meanings)


def _decimal(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.normalize()
