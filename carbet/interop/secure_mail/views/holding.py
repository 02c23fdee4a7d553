"""The mailboxes of a role and of its structure."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from carbet.connectors import mssante
from carbet.core import doors
from carbet.core.forms import form_page, refuse
from carbet.core.operation import UnableTo
from carbet.interop.secure_mail import access, operations, queries
from carbet.interop.secure_mail.forms import MailboxForm


@doors.professional(capability=access.FIND_PATIENT)
@require_http_methods(["GET", "HEAD", "POST"])
def mailboxes(request: HttpRequest) -> HttpResponse:
    """Show the mailboxes, and declare one."""
    servers = [(name, name) for name in mssante.servers()]
    if settings.DEMONSTRATION:
        servers.append(("", mssante.STAND_IN))
    form = MailboxForm(
        *([request.POST] if request.method == "POST" else []),
        servers=servers,
        manages=request.actor.can(access.MANAGE_RIGHTS),
    )
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            operations.declare_mailbox(
                actor=request.actor,
                now=request.now,
                of_structure=said["owner"] == "structure",
                address=said["address"],
                username=said["username"],
                password=said["password"],
                server=said["server"],
                gesture=said["gesture"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "La boîte est déclarée ; elle est relevée aussitôt.")
            return redirect("secure_mail:mailboxes")
    held = queries.mailboxes(actor=request.actor)
    rows = [(each, access.may_hold(request.actor, each.owner)) for each in held]
    context = {"rows": rows, "form": form, "no_server": not servers}
    return form_page(request, "secure_mail/mailboxes.html", context)


@doors.professional(capability=access.FIND_PATIENT)
@require_POST
def close(request: HttpRequest, mailbox_id: int) -> HttpResponse:
    """Close a mailbox."""
    mailbox = access.get_mailbox(actor=request.actor, mailbox_id=mailbox_id)
    try:
        operations.close_mailbox(actor=request.actor, now=request.now, mailbox=mailbox)
    except UnableTo as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, "La boîte n’est plus relevée ; ses courriers restent ici.")
    return redirect("secure_mail:mailboxes")
