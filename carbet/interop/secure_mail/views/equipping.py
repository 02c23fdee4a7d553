"""How many professionals have a secure mailbox."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from carbet.core import doors
from carbet.interop.secure_mail import access, queries


@doors.professional(capability=access.READ_ACTIVITY)
@require_safe
def equipment(request: HttpRequest) -> HttpResponse:
    """Show the rate of equipment, by profession and by commune; a line opens the other ones."""
    profession, commune = (request.GET.get(name, "")[:10] for name in ("profession", "commune"))
    if "\x00" in profession + commune:
        profession = commune = ""
    whole, by_profession, by_commune = queries.equipment(
        now=request.now, profession=profession, commune=commune
    )
    context = {
        "whole": whole,
        "by_profession": by_profession,
        "by_commune": by_commune,
        "profession": next((x.label for x in by_profession if x.key == profession), profession),
        "commune": next((x.label for x in by_commune if x.key == commune), commune),
        "profession_key": profession,
        "commune_key": commune,
    }
    return render(request, "secure_mail/equipment.html", context)
