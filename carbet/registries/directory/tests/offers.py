"""Invented structures and professionals as outside directories say them."""

from carbet.core.identifiers import luhn_key, make_rpps

NOS = "https://mos.esante.gouv.fr/NOS"


def finess_number(number):
    digits = f"9709{number:04d}"
    return digits + luhn_key(digits)


def finess_line(number, name="EHPAD D’ESSAI", **changes):
    """Return one line of the open FINESS file, its columns by number."""
    cells = [""] * 32
    told = {
        0: "structureet", 1: finess_number(number), 2: "970302022", 3: name[:38], 4: name,
        8: "AV", 9: "DU FLEUVE", 12: "302", 13: "9C", 14: "GUYANE", 15: "97300 CAYENNE",
        16: "0594000000", 18: "500", 19: "Etablissement d'hébergement", 28: "2020-01-31",
    }  # fmt: skip
    for column, value in (told | {int(k[1:]): v for k, v in changes.items()}).items():
        cells[column] = value
    return ";".join(cells).replace("’", "'")


def finess_file(path, *lines, encoding="iso-8859-1", end="\n"):
    said = "\n".join(["finess;etalab;111;2026-05-12", *lines]) + end
    path.write_bytes(said.encode(encoding))
    return path


def organization(number, name="Cabinet d’essai", updated="2026-01-01T00:00:00+00:00", **more):
    return {
        "resourceType": "Organization",
        "id": f"org-{number}",
        "meta": {"lastUpdated": updated},
        "identifier": [
            {
                "type": {"coding": [{"code": "FINEG"}]},
                "system": "https://finess.esante.gouv.fr",
                "value": finess_number(number),
            }
        ],
        "active": True,
        "name": name,
    } | more


def practitioner(number, family="Essai", updated="2026-01-01T00:00:00+00:00", **more):
    return {
        "resourceType": "Practitioner",
        "id": f"pra-{number}",
        "meta": {"lastUpdated": updated},
        "identifier": [{"system": "https://rpps.esante.gouv.fr", "value": make_rpps(number)}],
        "active": True,
        "name": [{"use": "usual", "family": family, "given": ["Anne"], "prefix": ["MME"]}],
        "qualification": [
            {
                "code": {
                    "coding": [
                        {
                            "system": f"{NOS}/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante",
                            "code": "60",
                        }
                    ]
                }
            }
        ],
    } | more


def role(number, who=None, where=0, updated="2026-01-01T00:00:00+00:00", **more):
    return {
        "resourceType": "PractitionerRole",
        "id": f"rol-{number}",
        "meta": {"lastUpdated": updated},
        "identifier": [{"system": "https://annuaire.sante.fr", "value": f"R{number}"}],
        "active": True,
        "practitioner": {"reference": f"Practitioner/pra-{number if who is None else who}"},
        "organization": {"reference": f"Organization/org-{where}"},
    } | more


def directory(count, **held):
    """Return as many professionals as asked, each with a role in one structure."""
    return {
        "Organization": [organization(0)],
        "Practitioner": [practitioner(number) for number in range(count)],
        "HealthcareService": [],
        "PractitionerRole": [role(number) for number in range(count)],
    } | held
