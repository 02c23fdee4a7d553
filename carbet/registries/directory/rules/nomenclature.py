"""What national codes of professions, establishments and sectors mean here."""

from dataclasses import dataclass

from carbet.registries.directory.choices import Purpose
from carbet.registries.directory.synthetic import facts


@dataclass(frozen=True, slots=True)
class Profession:
    """A profession: its label and the family that decides what it may do."""

    label: str
    category: str


PROFESSIONS = {
    each["code"]: Profession(each["label"], each["category"])
    for each in facts("professions")["professions"]
}
SPECIALTIES = {each["code"]: each["label"] for each in facts("professions")["specialties"]}

_CATEGORIES = {
    Purpose.HOSPITAL: "101 106 109 114 122 127 128 129 131 141 146 156 161 166 292 355 362 365 366"
    " 412 415 425 430 444 638 696 697 698",
    Purpose.HEALTH_CENTRE: "124 439 603",
    Purpose.PHARMACY: "620",
    Purpose.HOME_CARE: "354 209",
    Purpose.HOME_HELP: "460",
    Purpose.CARE_HOME: "182 183 186 188 202 207 381 500 501 502",
    Purpose.DAC: "606",
}
# TRE_R66, category of establishment (FINESS).
ESTABLISHMENT_PURPOSES = {
    code: purpose.value for purpose, codes in _CATEGORIES.items() for code in codes.split()
}
# TRE_R02, sector of activity (RPPS).
SECTOR_PURPOSES = {
    "SA01": Purpose.HOSPITAL.value,
    "SA02": Purpose.HOSPITAL.value,
    "SA03": Purpose.HOSPITAL.value,
    "SA05": Purpose.HEALTH_CENTRE.value,
    "SA07": Purpose.OFFICE.value,
    "SA08": Purpose.OFFICE.value,
    "SA09": Purpose.OFFICE.value,
    "SA33": Purpose.PHARMACY.value,
}
