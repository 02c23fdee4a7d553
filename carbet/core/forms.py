"""How forms look: one renderer, so that `{{ form }}` is already accessible markup in our words."""

from django.forms import renderers
from django.template import TemplateDoesNotExist
from django.template.loader import get_template


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
