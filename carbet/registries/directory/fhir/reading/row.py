"""What was read, as a row of ours: what our columns would write of it is compared with it."""

from typing import Any

from carbet.registries.directory.fhir.reading.said import Said

_COMMON = {"active": True, "source": "x", "identifiers": [], "commune_id": None, "insee": ""}
_PLACE = {"address_line": "", "postal_code": "", "city": "", "phone": ""}
_EMPTY: dict[str, dict[str, Any]] = {
    "Organization": _COMMON
    | _PLACE
    | {
        "finess": "", "siret": "", "identifier_system": "", "identifier_value": "", "alias": "",
        "category_code": "", "sector": "", "legal_status": "", "fax": "", "email": "",
        "secure_email": "", "opened_on": None, "closed_on": None,
    },
    "Practitioner": _COMMON
    | {
        "rpps": None, "identifier_system": "", "identifier_value": "", "civility": "", "given": "",
        "qualifications": [], "professions": [],
    },
    "PractitionerRole": _COMMON
    | {
        "profession": "", "profession_label": "", "category": "", "specialty": "", "skills": [],
        "mode": "", "activity_kind": "", "function": "", "liberal_activity": "",
        "home_visits": None, "secure_email": "", "phone": "", "started_on": None,
        "ended_at": None, "identifier_system": "", "identifier_value": "",
    },
    "Location": _COMMON
    | _PLACE
    | {
        "name": "", "description": "", "function": "", "latitude": None, "longitude": None,
        "equipment": [],
    },
    "HealthcareService": _COMMON
    | {
        "name": "", "comment": "", "phone": "", "secure_email": "", "field": "", "category": "",
        "activities": [], "activity": "", "care_mode": "", "temporality": "", "modalities": [],
        "acts": [], "equipment": [], "professions": [], "competences": [], "specialisations": [],
        "publics": [], "age_low": None, "age_high": None, "zones": [], "psychiatric_sectors": [],
        "appointment_required": None, "sensitive": False,
    },
    "Endpoint": _COMMON | {"name": "", "payload_types": []},
}  # fmt: skip


def as_row(kind: str, said: Said) -> dict[str, Any]:
    """Return what was read as a row of ours, for writing."""
    row = _EMPTY[kind] | said.fields | {"commune__name": None}
    row["boxes"] = [
        each | {"kind": each.get("kind", "")}
        for each in said.attached.get("mailboxes", ())
        if not each.get("red_list")
    ]
    for name, attached in (("opening", "hours"), ("closing", "closures"), ("beds", "capacities")):
        row[name] = said.attached.get(attached, [])
    return row
