"""Messages as hospitals send them, written for the tests; all persons are invented."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from carbet.core.identifiers import make_ins

OFFICIAL = Path(__file__).parents[5] / "shared" / "data" / "hl7v2"
INS = make_ins(gender="female", year=1951, month=3, birth_place="97302", order=7)
PERSON = {
    "ins": INS,
    "number": "000451",
    "family": "REGIS",
    "given": "CLAIRE",
    "birth": "19510314",
    "sex": "F",
    "reliability": "VALI",
}


def official(path: str) -> bytes:
    """Return an official example, as its file has it; skip when it is not on this machine."""
    file = OFFICIAL / path
    if not file.exists():
        pytest.skip(f"official example absent here: {path}")
    return file.read_bytes()


def msh(kind: str, *, control: str, facility: str = "CHC", charset: str = "UNICODE UTF-8") -> str:
    return (
        f"MSH|^~\\&|GAM|{facility}|CARBET|DAC|20261122110000||{kind}|{control}|D|2.5^FRA^2.11|||||"
        f"FRA|{charset}|FR||2.11^IHE_FRANCE-2.11-PAM"
    )


def pid(stay: str = "26001", **changes: str) -> str:
    said = PERSON | changes
    identifiers = []
    if said["number"]:
        identifiers.append(f"{said['number']}^^^CHC&970300026&N^PI")
    if said["ins"]:
        identifiers.append(
            f"{said['ins']}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS^^20101207"
        )
    return (
        f"PID|1||{'~'.join(identifiers)}||{said['family']}^{said['given']}^{said['given']}^^^^L||"
        f"{said['birth']}|{said['sex']}||||||||||{stay}^^^CHC&970300026&M^AN|||||||||||||N||"
        f"{said['reliability']}|20261122"
    ).replace("||||||||||||N||", "||||||||||||N|")


def adt(
    event: str,
    *,
    control: str,
    movement: str = "M1",
    action: str = "INSERT",
    at: str = "20261122083000",
    patient_class: str = "I",
    origin: str = "",
    historic: str = "N",
    unit: str = "Médecine A",
    stay: str = "26001",
    facility: str = "CHC",
    more: Sequence[str] = (),
    **person: str,
) -> bytes:
    """Return a movement as PAM-FR tells it."""
    lines = [
        msh(f"ADT^{event}^ADT_{event}", control=control, facility=facility),
        f"EVN||20261122110000||||{at}",
        pid(stay, **person),
        f"PV1|1|{patient_class}|^^^CHC&970300026&M^O|||||||||||||||{stay}^^^CHC&970300026&M^VN",
        (
            f"ZBE|{movement}^CHC^970300026|{at}||{action}|{historic}|{origin}|"
            f"{unit}^^^^^CHC&970300026&N^UF^^^6268|{unit}^^^^^CHC&970300026&N^UF^^^6268|HMS"
        ),
        *more,
    ]
    return ("\r".join(lines) + "\r").encode()
