"""Shape of what is typed into a plan: line by line, or a need down to its action in one go."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from django import forms

from carbet.coordination.care_plans import rules
from carbet.coordination.care_plans.choices import (
    SERAFIN,
    Agreement,
    AgreementGiver,
    Comparator,
    GoalStatus,
    NeedDomain,
    Outcome,
)
from carbet.coordination.care_plans.forms.visiting import VisitsForm as VisitsForm
from carbet.coordination.care_plans.library import ProposedNeed

TEXT_LENGTH = 500
Choices = list[tuple[Any, str]]


def _serafin(start: str) -> Choices:
    return [
        (code, f"{code} {label}") for code, label in SERAFIN.items() if code.startswith(f"{start}.")
    ]


DOMAINS: list[tuple[str, Choices]] = [
    ("En mots simples", list(NeedDomain.choices)),
    ("SERAFIN-PH, santé", _serafin("1.1")),
    ("SERAFIN-PH, autonomie", _serafin("1.2")),
    ("SERAFIN-PH, participation sociale", _serafin("1.3")),
]


class LineField(forms.CharField):
    """A text of one line, so that Enter sends it."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", TEXT_LENGTH)
        super().__init__(**options)


class DayField(forms.DateField):
    """A day, in the browser's own date box."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        wrong = {"invalid": "Écrivez une date qui existe, par exemple 31/01/2027."}
        super().__init__(widget=widget, required=False, error_messages=wrong, **options)


class ResponsibleField(forms.TypedChoiceField):
    """A member of the circle, or nobody yet."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            coerce=int,
            empty_value=None,
            required=False,
            error_messages={"invalid_choice": "Cette personne n’est pas dans le cercle."},
            **options,
        )


class Conflict(NamedTuple):
    """One field that two people changed: what each wrote, in words, and the other's raw value."""

    name: str
    label: str
    mine: str
    theirs: str
    raw: str


class PlanForm(forms.Form):
    """What every form of the plan carries: the revision that was read.

    Where somebody else changed the same field, the page sends what they wrote (`leur-…`) and what
    the person chose to keep (`garder-…`): without a choice nothing is written.
    """

    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)
    opened = forms.CharField(widget=forms.HiddenInput, required=False, max_length=60)

    def __init__(self, data: Any = None, *args: Any, **options: Any) -> None:
        self.opposed: dict[str, str] = {}
        if data is not None:
            data = data.copy()
            for key in [key for key in data if key.startswith("leur-")]:
                name = key.removeprefix("leur-")
                kept = data.get(f"garder-{name}")
                if kept == "leur":
                    data[name] = data[key]
                elif kept != "mien":
                    self.opposed[name] = data[key]
        super().__init__(data, *args, **options)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name in self.opposed:
            if name in self.fields:
                self.add_error(name, "Choisissez ce qui est gardé.")
        return data

    def oppose(self, conflicts: dict[str, Any]) -> None:
        """Show what somebody else wrote in these fields, for a person to choose."""
        self.opposed = {name: raw(value) for name, value in conflicts.items()}

    @property
    def conflicts(self) -> list[Conflict]:
        """The fields where a choice is still to be made."""
        return [
            Conflict(
                name,
                str(self[name].label),
                self._words(name, str(self[name].value() or "")),
                self._words(name, raw),
                raw,
            )
            for name, raw in self.opposed.items()
            if name in self.fields
        ]

    def _words(self, name: str, raw: str) -> str:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            for value, label in _flat(field.choices):
                if str(value) == raw:
                    return str(label)
        if isinstance(field, forms.DateField) and raw:
            try:
                return f"{field.to_python(raw):%d/%m/%Y}"
            except forms.ValidationError:
                return raw
        return raw or "(vide)"


def raw(value: Any) -> str:
    """Return a value as a browser would send it."""
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


def _flat(choices: Any) -> Choices:
    """Return the choices of a list, groups opened."""
    found: Choices = []
    for value, label in choices:
        found += label if isinstance(label, list | tuple) else [(value, label)]
    return found


class EntryForm(PlanForm):
    """A need, a goal and an action, typed in one go under what is there already."""

    gesture = forms.UUIDField(widget=forms.HiddenInput)
    need_id = forms.IntegerField(widget=forms.HiddenInput, required=False)
    goal_id = forms.IntegerField(widget=forms.HiddenInput, required=False)
    need = LineField(label="Besoin", required=False)
    domain = forms.ChoiceField(label="Domaine", choices=DOMAINS, required=False)
    goal = LineField(label="Objectif", required=False)
    target = LineField(label="Résultat attendu", required=False, max_length=200)
    action = LineField(label="Action", required=False)
    responsible = ResponsibleField(label="Qui s’en charge")
    frequency = LineField(label="Fréquence", required=False, max_length=80)
    start_on = DayField(label="À partir du")
    due_on = DayField(label="Échéance")

    FIELDS = {
        "need": ("need", "domain"),
        "goal": ("goal", "target"),
        "action": ("action", "responsible", "frequency", "start_on", "due_on"),
    }

    def __init__(
        self,
        *args: Any,
        members: Choices,
        parts: tuple[str, ...] = ("need", "goal", "action"),
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        for part, names in self.FIELDS.items():
            if part not in parts:
                for name in names:
                    del self.fields[name]
        if "responsible" in self.fields:
            self.fields["responsible"].choices = [("", "À attribuer"), *members]
            self.fields["frequency"].widget.attrs["list"] = "frequencies"
        self.lead = parts[0]

    def clean_domain(self) -> str:
        return self.cleaned_data["domain"] or NeedDomain.HEALTH


class NeedForm(PlanForm):
    """The words and the domain of a need."""

    text = LineField(label="Besoin")
    domain = forms.ChoiceField(label="Domaine", choices=DOMAINS)


class GoalForm(PlanForm):
    """A goal, the result that shows it is reached, and when."""

    text = LineField(label="Objectif")
    target = LineField(label="Résultat attendu", required=False, max_length=200)
    target_on = DayField(label="À atteindre avant le")
    measure = forms.ChoiceField(
        label="Mesure du cahier qui le montre",
        choices=[
            ("", "Aucune"),
            *((kind, f"{scale.label} ({scale.unit})") for kind, scale in rules.MEASURES.items()),
        ],
        required=False,
    )
    comparator = forms.ChoiceField(
        label="Valeur", choices=[("", "–"), *Comparator.choices], required=False
    )
    amount = forms.DecimalField(
        label="À atteindre",
        localize=True,
        max_digits=8,
        decimal_places=2,
        required=False,
        error_messages={"invalid": "Écrivez un nombre, par exemple 62,5."},
    )


class ActionForm(PlanForm):
    """An action: what, who, how often, by when."""

    text = LineField(label="Action")
    responsible = ResponsibleField(label="Qui s’en charge")
    frequency = LineField(label="Fréquence", required=False, max_length=80)
    start_on = DayField(label="À partir du")
    due_on = DayField(label="Échéance")

    def __init__(self, *args: Any, members: Choices, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["responsible"].choices = [("", "À attribuer"), *members]
        self.fields["frequency"].widget.attrs["list"] = "frequencies"


class DescribeForm(PlanForm):
    """The person's own words, and when the plan is to be looked at again."""

    person_words = forms.CharField(
        label="Ce que la personne souhaite, avec ses mots",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=4000,
        required=False,
    )
    review_due_on = DayField(label="Révision prévue le")


class ArrangeForm(PlanForm):
    """One gesture on one part: up, down, remove, restore."""

    do = forms.RegexField(r"^(up|down|remove|restore)-(need|goal|action)-(\d{1,18})$")


class ProgressForm(forms.Form):
    """How far one action or goal is."""

    do = forms.RegexField(
        r"^(not-started|in-progress|completed|cancelled|active)-(goal|action)-(\d{1,18})$"
    )


class ProposeForm(PlanForm):
    """Who is asked to approve."""

    approver = forms.TypedChoiceField(
        label="Qui approuvera",
        coerce=int,
        error_messages={
            "required": "Choisissez qui approuvera.",
            "invalid_choice": "Choisissez un médecin ou un soignant du cercle.",
        },
    )

    def __init__(self, *args: Any, approvers: Choices, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["approver"].choices = approvers


class DecideForm(PlanForm):
    """Approval, what should change first, or a word without deciding."""

    gesture = forms.UUIDField(widget=forms.HiddenInput, required=False)
    comment = forms.CharField(
        label="Commentaire",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=1000,
        required=False,
    )
    decision = forms.ChoiceField(choices=[("approve", ""), ("send_back", ""), ("comment", "")])


class CompareForm(forms.Form):
    """Two versions to compare."""

    before = forms.IntegerField(min_value=1, max_value=2**31 - 1)
    after = forms.IntegerField(min_value=1, max_value=2**31 - 1)


class AgreementForm(forms.Form):
    """What the person says of the plan as it was shown to them."""

    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)
    decision = forms.ChoiceField(
        label="Ce que la personne en dit",
        choices=Agreement,
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez une réponse."},
    )
    given_by = forms.ChoiceField(
        label="Qui s’est exprimé", choices=AgreementGiver, initial=AgreementGiver.PERSON
    )
    words = forms.CharField(
        label="Avec ses mots",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=1000,
        required=False,
        help_text="Ses réserves, ce qui compte pour elle ; dans sa langue si elle préfère.",
    )
    on = DayField(label="Recueilli le")


class ReviewForm(forms.Form):
    """A review: for each goal, what became of it and a word; then what is concluded, and when next.

    Args:
        goals: the goals of the plan as it stands; each has `goal-<id>` and `note-<id>`.
    """

    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)
    gesture = forms.UUIDField(widget=forms.HiddenInput)
    present = LineField(
        label="Qui était là",
        required=False,
        max_length=300,
        help_text="Par exemple : la personne, sa fille, l’infirmière.",
    )
    conclusion = forms.CharField(
        label="Ce qui en ressort",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=4000,
        required=False,
    )
    next_review_on = DayField(
        label="Prochaine révision le", help_text="Nécessaire si un objectif continue."
    )

    def __init__(self, *args: Any, goals: list[rules.GoalContent], **options: Any) -> None:
        super().__init__(*args, **options)
        self.goal_ids = [goal.id for goal in goals]
        for goal in goals:
            self.fields[f"goal-{goal.id}"] = forms.ChoiceField(
                label=f"Objectif « {goal.text} »",
                choices=Outcome,
                initial=Outcome.REACHED
                if goal.status == GoalStatus.COMPLETED
                else Outcome.DROPPED
                if goal.status == GoalStatus.CANCELLED
                else Outcome.CONTINUED,
                widget=forms.RadioSelect,
                error_messages={"required": "Dites ce que devient cet objectif."},
            )
            self.fields[f"note-{goal.id}"] = LineField(
                label="Où en est-on", required=False, max_length=300
            )

    def judged(self) -> dict[int, rules.Judged]:
        """Return what is said of each goal."""
        data = self.cleaned_data
        return {
            number: rules.Judged(data[f"goal-{number}"], data[f"note-{number}"].strip())
            for number in self.goal_ids
        }


class AdoptForm(forms.Form):
    """What is kept of a proposal: needs.goals, and needs.goals.actions, by rank."""

    gesture = forms.UUIDField(widget=forms.HiddenInput)
    keep = forms.MultipleChoiceField(
        error_messages={
            "required": "Gardez au moins une ligne.",
            "invalid_choice": "Cette ligne n’est plus proposée.",
        }
    )

    def __init__(self, *args: Any, needs: Sequence[ProposedNeed], **options: Any) -> None:
        super().__init__(*args, **options)
        self.needs = needs
        self.fields["keep"].choices = [(each, each) for each in ranks(needs)]

    def kept(self) -> list[ProposedNeed]:
        """Return what is kept: an action brings its goal, a goal its need."""
        said = set(self.cleaned_data["keep"])
        found = []
        for n, need in enumerate(self.needs):
            goals = []
            for g, goal in enumerate(need.goals):
                actions = tuple(
                    action for a, action in enumerate(goal.actions) if f"{n}.{g}.{a}" in said
                )
                if actions or f"{n}.{g}" in said:
                    goals.append(replace(goal, actions=actions))
            if goals:
                found.append(replace(need, goals=tuple(goals)))
        return found


def ranks(needs: Sequence[ProposedNeed]) -> list[str]:
    """Return the mark of each goal and of each action of a proposal."""
    found = []
    for n, need in enumerate(needs):
        for g, goal in enumerate(need.goals):
            found.append(f"{n}.{g}")
            found += [f"{n}.{g}.{a}" for a in range(len(goal.actions))]
    return found
