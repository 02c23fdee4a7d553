"""How forms look: one renderer, so that `{{ form }}` is already accessible markup in our words."""

from django import forms
from django.forms import renderers
from django.shortcuts import render
from django.template import TemplateDoesNotExist
from django.template.loader import get_template


def refuse(form, refusal):
    """Say a refusal where it belongs on the form, which keeps what was typed."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


def form_page(request, template, context):
    """Show a form: what was sent and comes back is not accepted yet."""
    return render(request, template, context, status=422 if request.method == "POST" else 200)


class CarbetFormRenderer(renderers.DjangoTemplates):
    """Render with the page engine first, then with the widgets that Django ships."""

    form_template_name = "carbet/forms/form.html"
    field_template_name = "carbet/forms/field.html"

    def get_template(self, template_name):
        """Find our template, or Django's own for a widget that we do not redraw."""
        if template_name.startswith("carbet/"):
            return get_template(template_name)
        try:
            return super().get_template(template_name)
        except TemplateDoesNotExist:
            return get_template(template_name)


class FilesInput(forms.FileInput):
    """A file field that takes several files; `data-largest` lets the page refuse one before."""

    allow_multiple_selected = True

    def value_from_datadict(self, data, files, name):
        return files.getlist(name) if hasattr(files, "getlist") else files.get(name)


class FilesField(forms.FileField):
    """Several files, each checked by the room that keeps it."""

    widget = FilesInput

    def clean(self, data, initial=None):
        """Return the list of files sent."""
        sent = [each for each in (data or []) if each]
        if self.required and not sent:
            raise forms.ValidationError("Choisissez un fichier.")
        # An empty file is refused by whoever keeps files, with a sentence of its own.
        return sent
