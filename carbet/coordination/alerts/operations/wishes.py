"""Say how one wants to be told: channels, quiet hours, persons, devices."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from carbet.connectors import web_push
from carbet.coordination.alerts import queries
from carbet.coordination.alerts.choices import PersonChoice
from carbet.coordination.alerts.models import AlertPersonRule, AlertSetting, PushDevice
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation

MOST_DEVICES = 10


class UnableToAddDevice(UnableTo):
    """This is not a browser's address, or there are too many devices."""


@operation("alert.setting", action="U")
def choose(trace: Trace, *, actor: Actor, now: datetime, wishes: Mapping[str, Any]) -> None:
    """Keep how the actor wants to be told, whole."""
    setting, _ = AlertSetting.objects.update_or_create(
        owner=queries.own_key(actor), defaults={**wishes, "updated_at": now}
    )
    trace.about(entity=setting)


@operation("alert.person", action="U")
def choose_for_person(
    trace: Trace, *, actor: Actor, now: datetime, patient_id: int, choice: str
) -> None:
    """Keep which alerts about a person leave the screen; « toutes » is what everybody has."""
    rule, _ = AlertPersonRule.objects.update_or_create(
        owner=queries.own_key(actor),
        patient_id=patient_id,
        defaults={"choice": PersonChoice(choice), "updated_at": now},
    )
    trace.about(patient_id=patient_id, entity=rule)


@operation("alert.device.add", action="C")
def add_device(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    endpoint: str,
    p256dh: str,
    auth: str,
    label: str,
) -> PushDevice:
    """Notify the actor on this browser from now on; the same one twice is one device.

    Raises:
        UnableToAddDevice: not the address of a browser's push service, or too many devices.
    """
    owner = queries.own_key(actor)
    try:
        web_push.check(web_push.Device(endpoint=endpoint, p256dh=p256dh, auth=auth))
    except web_push.NotADevice as error:
        raise UnableToAddDevice(
            "Ce navigateur n’a pas donné d’adresse de notification utilisable."
        ) from error
    known = PushDevice.objects.filter(endpoint=endpoint, owner=owner).first()
    if known is None:
        if PushDevice.objects.filter(owner=owner, gone_at__isnull=True).count() >= MOST_DEVICES:
            raise UnableToAddDevice("Dix appareils au plus : retirez-en un d’abord.")
        known = PushDevice(endpoint=endpoint, owner=owner, added_at=now)
    known.p256dh, known.auth, known.label, known.gone_at = p256dh, auth, label[:80], None
    known.save()
    trace.about(entity=known)
    return known


@operation("alert.device.remove", action="U")
def remove_device(trace: Trace, *, actor: Actor, now: datetime, device_id: int) -> None:
    """Stop notifying the actor on a device."""
    PushDevice.objects.filter(
        pk=device_id, owner=queries.own_key(actor), gone_at__isnull=True
    ).update(gone_at=now)
    trace.about(entity=f"PushDevice/{device_id}")
