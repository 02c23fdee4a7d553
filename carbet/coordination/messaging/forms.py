"""Shape of what is typed in the messaging: messages, recipients, a decision, words to look for."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from carbet.coordination.documents.forms import ReceivedFilesField
from carbet.core.identifiers import from_short_id, short_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = re.compile(r"(role|org|account):\d{1,18}")


class GestureForm(forms.Form):
    """A form sent twice is one gesture: the key is drawn when the page is."""

    gesture = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages={"required": "Rechargez la page.", "invalid": "Rechargez la page."},
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["gesture"].initial = uuid.uuid4

    def renew(self) -> None:
        """Give the form a new key, so that what it holds is sent as something new."""
        self.data = self.data.copy()
        self.data[self.add_prefix("gesture")] = str(uuid.uuid4())


class MessageField(forms.CharField):
    """The text of a message; whether it may be empty, how long, is the operation's to say."""

    def __init__(self, *, rows: int = 2, **options: Any) -> None:
        attrs = {"rows": rows, "dir": "auto"}
        super().__init__(widget=forms.Textarea(attrs=attrs), **options)
        self.error_messages["required"] = "Écrivez votre message."


class WithFilesForm(GestureForm):
    """A text, files, or both."""

    text = MessageField(label="Message", required=False)
    files = ReceivedFilesField(
        label="Photos et fichiers", help_text="25 Mo au plus chacun ; les photos sont redessinées."
    )


class MessageForm(WithFilesForm):
    """A message in a thread."""

    urgent = forms.BooleanField(label="Urgent", required=False)
    # The last line on the writer's screen.
    seen = forms.IntegerField(
        widget=forms.HiddenInput, required=False, min_value=0, max_value=2**31 - 1
    )


class RecipientsField(forms.MultipleChoiceField):
    """Keys of those invited; whether they may be is the operation's to say."""

    def valid_value(self, value: str) -> bool:
        return _KEY.fullmatch(value) is not None


class RecipientsForm(forms.Form):
    """Those invited."""

    to = RecipientsField(
        label="Destinataires",
        error_messages={
            "required": "Choisissez au moins un destinataire.",
            "invalid_choice": "Choisissez les destinataires dans la liste.",
        },
    )


class ThreadForm(WithFilesForm, RecipientsForm):
    """A new thread: to whom, about what, and its first message."""

    subject = forms.CharField(label="Objet", required=False)
    text = MessageField(label="Message", rows=5)
    urgent = forms.BooleanField(label="Urgent : alerter tout de suite", required=False)


class ClosingForm(forms.Form):
    """The decision that a thread led to."""

    decision = forms.CharField(
        label="Décision",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
    )
    closings = forms.IntegerField(
        widget=forms.HiddenInput, required=False, min_value=0, max_value=32_767
    )


class ReadForm(forms.Form):
    """Up to which line a reader has read."""

    upto = forms.IntegerField(min_value=0, max_value=2**31 - 1)


def read_line(text: str) -> int | None:
    """Return the number of a line that an address carries, or None when it has none."""
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 10 else None


def write_position(position: tuple[datetime, int]) -> str:
    """Return the place of a thread in a list as an address carries it."""
    moment, number = position
    return f"{(moment - _EPOCH) // timedelta(microseconds=1)}-{short_id(number)}"


def read_position(text: str) -> tuple[datetime, int] | None:
    """Return the place after which a page starts, or None when the address has none."""
    moment, _, number = text.partition("-")
    try:
        return _EPOCH + timedelta(microseconds=int(moment)), from_short_id(number)
    except (ValueError, OverflowError):
        return None


def too_short(text: str) -> bool:
    """Tell whether there is too little to look for."""
    return len("".join(text.split())) < 2
