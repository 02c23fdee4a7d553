"""Shape of what is typed into a plan: line by line, or a need down to its action in one go."""

from typing import Any

from django import forms

from carbet.coordination.care_plans.choices import NeedDomain

TEXT_LENGTH = 500
Choices = list[tuple[Any, str]]


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


class PlanForm(forms.Form):
    """What every form of the plan carries: the revision that was read."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    opened = forms.CharField(widget=forms.HiddenInput, required=False, max_length=60)


class EntryForm(PlanForm):
    """A need, a goal and an action, typed in one go under what is there already."""

    gesture = forms.UUIDField(widget=forms.HiddenInput)
    need_id = forms.IntegerField(widget=forms.HiddenInput, required=False)
    goal_id = forms.IntegerField(widget=forms.HiddenInput, required=False)
    need = LineField(label="Besoin", required=False)
    domain = forms.ChoiceField(label="Domaine", choices=NeedDomain, required=False)
    goal = LineField(label="Objectif", required=False)
    target = LineField(label="Résultat attendu", required=False, max_length=200)
    action = LineField(label="Action", required=False)
    responsible = ResponsibleField(label="Qui s’en charge")
    frequency = LineField(label="Fréquence", required=False, max_length=80)
    due_on = DayField(label="Échéance")

    FIELDS = {
        "need": ("need", "domain"),
        "goal": ("goal", "target"),
        "action": ("action", "responsible", "frequency", "due_on"),
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
    domain = forms.ChoiceField(label="Domaine", choices=NeedDomain)


class GoalForm(PlanForm):
    """A goal, the result that shows it is reached, and when."""

    text = LineField(label="Objectif")
    target = LineField(label="Résultat attendu", required=False, max_length=200)
    target_on = DayField(label="À atteindre avant le")


class ActionForm(PlanForm):
    """An action: what, who, how often, by when."""

    text = LineField(label="Action")
    responsible = ResponsibleField(label="Qui s’en charge")
    frequency = LineField(label="Fréquence", required=False, max_length=80)
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
        label="Médecin qui approuvera",
        coerce=int,
        error_messages={
            "required": "Choisissez le médecin qui approuvera.",
            "invalid_choice": "Choisissez un médecin du cercle.",
        },
    )

    def __init__(self, *args: Any, doctors: Choices, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["approver"].choices = doctors


class DecideForm(PlanForm):
    """Approval, or what should change first."""

    comment = forms.CharField(
        label="Commentaire",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=1000,
        required=False,
    )
    decision = forms.ChoiceField(choices=[("approve", ""), ("send_back", "")])


class CompareForm(forms.Form):
    """Two versions to compare."""

    before = forms.IntegerField(min_value=1, max_value=2**31 - 1)
    after = forms.IntegerField(min_value=1, max_value=2**31 - 1)
