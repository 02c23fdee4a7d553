"""Shape of what is answered to a proposal."""

from django import forms


class JudgeForm(forms.Form):
    """What is done about it, or why it is set aside."""

    text = forms.CharField(
        label="Votre réponse",
        max_length=500,
        error_messages={"required": "Dites ce qui est fait, ou pourquoi ce signal est écarté."},
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
    )
