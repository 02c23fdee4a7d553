"""The structured entries that matter, as tables: what a reader would otherwise search for."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lxml import etree

from carbet.interop.cda import vocabulary as v
from carbet.interop.cda.header import moment, text_of

MOST_ROWS = 500
_TYPE = f"{{{v.XSI}}}type"
# HL7 ObservationInterpretation.
_INTERPRETATIONS = {
    "N": "Normal",
    "A": "Anormal",
    "AA": "Très anormal",
    "H": "Élevé",
    "HH": "Très élevé",
    "HU": "Très élevé",
    "L": "Bas",
    "LL": "Très bas",
    "LU": "Très bas",
    "POS": "Positif",
    "NEG": "Négatif",
    "S": "Sensible",
    "I": "Intermédiaire",
    "R": "Résistant",
}
_NULLS = {
    "NI": "Non renseigné",
    "UNK": "Inconnu",
    "NA": "Sans objet",
    "NASK": "Non demandé",
    "ASKU": "Demandé, inconnu",
    "NAV": "Non disponible",
    "MSK": "Masqué",
}
# HL7 TimingEvent, as CI-SIS prescriptions use it.
_EVENTS = {
    "AC": "avant les repas",
    "ACD": "avant le déjeuner",
    "ACM": "avant le petit-déjeuner",
    "ACV": "avant le dîner",
    "C": "pendant les repas",
    "CD": "au déjeuner",
    "CM": "au petit-déjeuner",
    "CV": "au dîner",
    "HS": "au coucher",
    "PC": "après les repas",
    "PCD": "après le déjeuner",
    "PCM": "après le petit-déjeuner",
    "PCV": "après le dîner",
    "WAKE": "au lever",
}
_ANNOTATION = re.compile(r"\{([^{}]*)\}")
_MICRO = re.compile(r"(?<![A-Za-z])u(?=g|L|l|mol|m$|m/)")
_EACH = re.compile(r"/(d|wk|mo|a)$")
_WHOLE = {"Cel": "°C", "mm[Hg]": "mmHg", "[pH]": "", "[diop]": "dioptrie(s)"}
_POWER = re.compile(r"10\*(\d+)")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_COUNTED = {
    "tablet": "comprimé(s)",
    "capsule": "gélule(s)",
    "pack": "paquet(s)",
    "drink": "verre(s)",
    "drop": "goutte(s)",
    "dose": "dose(s)",
}
_UNITS = {"h": "h", "d": "jour", "wk": "semaine", "mo": "mois", "min": "min", "s": "s", "a": "an"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind.

    `kind` is results, treatments, allergies, problems, vaccinations; in cancer care, findings
    (what the meeting noted) and plan (what was done, is proposed or foreseen).
    """

    kind: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Words = dict[str, str]


def tables(section: etree._Element, words: Words) -> list[Table]:
    """Return the tables of the entries of one section, without those of the sections below.

    Args:
        words: the words of the narrative by their ID, to which entries refer.
    """
    found = list(section.iterfind("h:entry", v.NS))
    kinds: list[tuple[str, str, tuple[str, ...], Callable[..., Iterable[tuple[str, ...]]]]] = [
        (
            "results",
            "Résultats",
            ("Examen", "Résultat", "Valeurs de référence", "Lecture", "Date"),
            _results,
        ),
        (
            "treatments",
            "Traitements",
            ("Médicament", "Dose", "Voie", "Rythme", "Début", "Fin"),
            _treatments,
        ),
        ("allergies", "Allergies et intolérances", ("Allergie", "Agent", "Réaction", "Depuis"),
         _allergies),
        ("problems", "Problèmes et antécédents", ("Problème", "Début", "Fin"), _problems),
        ("vaccinations", "Vaccinations", ("Vaccin", "Date", "Dose", "Lot", "Réaction"),
         _vaccinations),
    ]  # fmt: skip
    if _is_cancer_care(section):
        kinds += [
            ("findings", "Constats", ("Élément", "Réponse", "Précision", "Date"), _findings),
            (
                "plan",
                "Réalisé, proposé ou prévu",
                ("Action", "État", "Quoi", "Début", "Fin", "Précisions"),
                _plan,
            ),
        ]
    made = []
    for kind, title, columns, rows_of in kinds:
        rows = tuple(dict.fromkeys(row for entry in found for row in rows_of(entry, words)))
        if rows:
            made.append(Table(kind, title, columns, rows[:MOST_ROWS]))
    return made


def _results(entry: etree._Element, words: Words) -> Iterable[tuple[str, ...]]:
    for each in entry.iter(f"{{{v.V3}}}observation"):
        value = each.find("h:value", v.NS)
        kind = _local_type(value)
        measured = kind in ("PQ", "IVL_PQ", "REAL", "INT", "RTO", "RTO_PQ_PQ")
        ranged = each.find("h:referenceRange", v.NS) is not None
        read = each.find("h:interpretationCode", v.NS) is not None
        if value is None or not (measured or ranged or read) or _templates(each) & _OTHERS:
            continue
        # The rank of a dose belongs to its vaccine, a quantity to its treatment.
        if next(each.iterancestors(f"{{{v.V3}}}substanceAdministration"), None) is not None:
            continue
        yield (
            _label(each.find("h:code", v.NS), words),
            _said(value, words),
            "; ".join(filter(None, (_range(one, words) for one in _ranges(each)))),
            ", ".join(map(_interpretation, each.iterfind("h:interpretationCode[@code]", v.NS))),
            _day(each.find("h:effectiveTime", v.NS)),
        )  # fmt: skip


def _treatments(entry: etree._Element, words: Words) -> Iterable[tuple[str, ...]]:
    for each in entry.iter(f"{{{v.V3}}}substanceAdministration"):
        above = list(each.iterancestors(f"{{{v.V3}}}substanceAdministration"))
        if above or v.IMMUNIZATION_TEMPLATE in _templates(each):
            continue
        name = _product(each, words)
        if not name:
            continue
        period = next(
            (t for t in each.iterfind("h:effectiveTime", v.NS) if t.find("h:low", v.NS) is not None
             or t.find("h:high", v.NS) is not None), None,
        )  # fmt: skip
        # A dose that changes is said in parts, one after the other.
        parts = (each, *each.iterfind("h:entryRelationship/h:substanceAdministration", v.NS))
        rhythm = [_rhythm(one) for part in parts for one in part.iterfind("h:effectiveTime", v.NS)]
        yield (
            name,
            ", puis ".join(dict.fromkeys(filter(None, map(_dose, parts)))),
            _label(each.find("h:routeCode", v.NS), words),
            ", ".join(dict.fromkeys(filter(None, rhythm))) or _reference(each, words, besides=name),
            _day(None if period is None else period.find("h:low", v.NS)),
            _day(None if period is None else period.find("h:high", v.NS)),
        )


def _allergies(entry: etree._Element, words: Words) -> Iterable[tuple[str, ...]]:
    for each in entry.iter(f"{{{v.V3}}}observation"):
        if not _templates(each) & v.ALLERGY_TEMPLATES:
            continue
        agent = each.find("h:participant/h:participantRole/h:playingEntity", v.NS)
        what = _said(each.find("h:value", v.NS), words) or _label(each.find("h:code", v.NS), words)
        yield (
            what,
            "" if agent is None else text_of(agent.find("h:name", v.NS))
            or _label(agent.find("h:code", v.NS), words),
            ", ".join(_reactions(each, words)),
            _day(_low(each)),
        )  # fmt: skip


def _reactions(element: etree._Element, words: Words) -> list[str]:
    found = [
        _said(one.find("h:value", v.NS), words)
        for one in element.iterfind("h:entryRelationship/h:observation", v.NS)
        if _templates(one) & {v.REACTION_TEMPLATE, v.PROBLEM_TEMPLATE}
    ]
    return [each for each in found if each]


def _problems(entry: etree._Element, words: Words) -> Iterable[tuple[str, ...]]:
    for each in entry.iter(f"{{{v.V3}}}observation"):
        templates = _templates(each)
        if v.PROBLEM_TEMPLATE not in templates or templates & v.ALLERGY_TEMPLATES:
            continue
        inside = [_templates(up) for up in each.iterancestors(f"{{{v.V3}}}observation")]
        if any(held & v.ALLERGY_TEMPLATES for held in inside) or _is_reaction(each):
            continue
        what = _said(each.find("h:value", v.NS), words)
        if what:
            time = each.find("h:effectiveTime", v.NS)
            yield (
                what,
                _day(_low(each)),
                _day(None if time is None else time.find("h:high", v.NS)),
            )


def _is_reaction(observation: etree._Element) -> bool:
    """Tell whether a problem is what a vaccine or a treatment caused: said with it."""
    return next(observation.iterancestors(f"{{{v.V3}}}substanceAdministration"), None) is not None


def _vaccinations(entry: etree._Element, words: Words) -> Iterable[tuple[str, ...]]:
    for each in entry.iter(f"{{{v.V3}}}substanceAdministration"):
        if v.IMMUNIZATION_TEMPLATE not in _templates(each):
            continue
        lot = each.find(
            "h:consumable/h:manufacturedProduct/h:manufacturedMaterial/h:lotNumberText", v.NS
        )
        rank = next(
            (
                one.find("h:value", v.NS).get("value", "")
                for one in each.iterfind("h:entryRelationship/h:observation", v.NS)
                if _local_type(one.find("h:value", v.NS)) == "INT"
            ),
            "",
        )
        yield (
            _product(each, words) or _label(each.find("h:code", v.NS), words),
            _day(each.find("h:effectiveTime", v.NS)),
            f"n° {rank}" if rank else _dose(each),
            text_of(lot),
            ", ".join(_reactions(each, words)),
        )


# --- Cancer care: the record of a meeting (FRCP), the care plan (PPS) ---------------------------

_ACTIONS = tuple(f"{{{v.V3}}}{name}" for name in ("procedure", "encounter"))
_ACTION_MOODS = {
    "EVN": "Réalisé",
    "INT": "Proposé",
    "PRP": "Proposé",
    "ARQ": "Demandé",
    "RQO": "Demandé",
}


def _is_cancer_care(section: etree._Element) -> bool:
    document = next(section.iterancestors(f"{{{v.V3}}}ClinicalDocument"), None)
    return document is not None and bool(_templates(document) & v.CANCER_TEMPLATES)


def _is_action(element: etree._Element) -> bool:
    if element.tag in _ACTIONS:
        return True
    return element.tag == f"{{{v.V3}}}observation" and element.get("moodCode") in ("PRP", "INT")


def _findings(entry: etree._Element, words: Words) -> Iterable[tuple[str, ...]]:
    for each in entry.iter(f"{{{v.V3}}}observation"):
        value = each.find("h:value", v.NS)
        if _is_told(each) or _is_action(each) or any(map(_is_action, each.iterancestors())):
            continue
        said = _said(value, words)
        label = _label(each.find("h:code", v.NS), words)
        if not said or not label:
            continue
        own = _reference(each, words, besides=said)
        noted = [own if own not in (label, said) else "", *_comments(each, words)]
        yield (
            label,
            said,
            "; ".join(filter(None, noted)),
            _day(each.find("h:effectiveTime", v.NS)),
        )


def _plan(entry: etree._Element, words: Words) -> Iterable[tuple[str, ...]]:
    for each in entry.iter(*_ACTIONS, f"{{{v.V3}}}observation"):
        if not _is_action(each) or any(map(_is_action, each.iterancestors())):
            continue
        action = _label(each.find("h:code", v.NS), words)
        time = each.find("h:effectiveTime", v.NS)
        details = []
        for one in each.iterfind("h:entryRelationship/h:observation", v.NS):
            code = one.find("h:code", v.NS)
            if code is not None and code.get("code") == v.FORESEEN:
                time = one.find("h:effectiveTime", v.NS) if _is_empty(time) else time
                continue
            said = _reference(one, words, besides="") or _said(one.find("h:value", v.NS), words)
            if said:
                details.append(f"{_label(code, words)} : {said}")
        ends = (None if time is None else time.find(f"h:{end}", v.NS) for end in ("low", "high"))
        yield (
            action,
            _ACTION_MOODS.get(each.get("moodCode", ""), ""),
            _reference(each, words, besides=action),
            *map(_day, ends),
            "; ".join((*details, *_comments(each, words))),
        )


def _is_told(observation: etree._Element) -> bool:
    """Tell whether another table shows this observation: a result, a problem, an allergy."""
    kind = _local_type(observation.find("h:value", v.NS))
    measured = kind in ("PQ", "IVL_PQ", "REAL", "INT", "RTO", "RTO_PQ_PQ")
    read = observation.find("h:interpretationCode", v.NS) is not None
    ranged = observation.find("h:referenceRange", v.NS) is not None
    return bool(measured or read or ranged or _templates(observation) & _OTHERS)


def _is_empty(time: etree._Element | None) -> bool:
    return time is None or not any(each.get("value") for each in (time, *time))


def _comments(element: etree._Element, words: Words) -> list[str]:
    """Return the comments that hang on an entry, in the words of the narrative."""
    acts = element.iterfind("h:entryRelationship/h:act", v.NS)
    return [
        said
        for each in acts
        if v.COMMENT_TEMPLATE in _templates(each) and (said := _reference(each, words, besides=""))
    ]


_OTHERS = v.ALLERGY_TEMPLATES | {v.PROBLEM_TEMPLATE, v.REACTION_TEMPLATE}


def _templates(element: etree._Element) -> set[str]:
    return {each.get("root", "") for each in element.iterfind("h:templateId", v.NS)}


def _local_type(value: etree._Element | None) -> str:
    return "" if value is None else value.get(_TYPE, "").rpartition(":")[2]


def _product(administration: etree._Element, words: Words) -> str:
    material = administration.find(
        "h:consumable/h:manufacturedProduct/h:manufacturedMaterial", v.NS
    )
    if material is None:
        return ""
    return text_of(material.find("h:name", v.NS)) or _label(material.find("h:code", v.NS), words)


def _label(element: etree._Element | None, words: Words) -> str:
    """Return what a code is called: its words in the narrative, its label, its translation's."""
    if element is None:
        return ""
    original = element.find("h:originalText", v.NS)
    said = ""
    if original is not None:
        said = _referred(original.find("h:reference", v.NS), words) or text_of(original)
    label = element.get("displayName", "")
    translated = next(
        filter(None, (each.get("displayName") for each in element.iterfind("h:translation", v.NS))),
        "",
    )
    null = _NULLS.get(element.get("nullFlavor", ""), "")
    return label or said or translated or element.get("code", "") or null


def _referred(reference: etree._Element | None, words: Words) -> str:
    return "" if reference is None else words.get(reference.get("value", "").lstrip("#"), "")


def _reference(element: etree._Element, words: Words, *, besides: str) -> str:
    """Return the words of the narrative about an entry, when they say more than its name."""
    said = _referred(element.find("h:text/h:reference", v.NS), words)
    return said if said != besides else ""


def _said(value: etree._Element | None, words: Words) -> str:
    """Return a value as it is read: a quantity with its unit, a code by its label, a text."""
    if value is None:
        return ""
    kind = _local_type(value)
    if kind in ("PQ", "REAL", "INT", "MO"):
        return _quantity(value) or _NULLS.get(value.get("nullFlavor", ""), "")
    if kind.startswith("IVL"):
        low, high = (_quantity(value.find(f"h:{end}", v.NS)) for end in ("low", "high"))
        return _between(low, high) or _quantity(value)
    if kind.startswith("RTO"):
        parts = (_quantity(value.find(f"h:{part}", v.NS)) for part in ("numerator", "denominator"))
        return " / ".join(filter(None, parts))
    if kind == "BL":
        return {"true": "Oui", "false": "Non"}.get(value.get("value", ""), "")
    if kind in ("TS", "EIVL_TS"):
        return _day(value)
    if value.get("code") or value.get("nullFlavor"):
        return _label(value, words)
    reference = _referred(value.find("h:reference", v.NS), words)
    return reference or text_of(value) or value.get("value", "")


def _quantity(element: etree._Element | None) -> str:
    if element is None or not element.get("value"):
        return ""
    unit = element.get("unit", "")
    if unit in _UNITS:
        return _length(element)
    value = element.get("value", "").replace(".", ",", 1)
    return f"{value} {'' if unit == '1' else _unit(unit)}".strip()


def _unit(unit: str) -> str:
    """Return a unit of UCUM as it is written on paper: "mUI/L", "µg/mL", "10⁹/L"."""
    if unit in _WHOLE:
        return _WHOLE[unit]
    said = _ANNOTATION.sub(_annotation, unit).replace("[IU]", "UI").replace("[iU]", "UI")
    said = _MICRO.sub("µ", said)
    said = _EACH.sub(lambda found: f"/{_UNITS[found[1]]}", said)
    return _POWER.sub(lambda found: "10" + found[1].translate(_SUPERSCRIPTS), said)


def _annotation(found: re.Match[str]) -> str:
    """Return what UCUM writes between braces, in French when it is known."""
    return _COUNTED.get(found[1].lower(), found[1])


def _between(low: str, high: str) -> str:
    if low and high:
        return f"{low} à {high}"
    return f"≥ {low}" if low else f"≤ {high}" if high else ""


def _ranges(observation: etree._Element) -> list[etree._Element]:
    return observation.findall("h:referenceRange/h:observationRange", v.NS)


def _range(element: etree._Element, words: Words) -> str:
    value = element.find("h:value", v.NS)
    said = _said(value, words)
    text = element.find("h:text", v.NS)
    written = _referred(None if text is None else text.find("h:reference", v.NS), words)
    return said or written or text_of(text)


def _interpretation(element: etree._Element) -> str:
    code = element.get("code", "")
    return _INTERPRETATIONS.get(code) or element.get("displayName", "") or code


def _dose(administration: etree._Element) -> str:
    dose = administration.find("h:doseQuantity", v.NS)
    if dose is None:
        return ""
    low, high = (_quantity(dose.find(f"h:{end}", v.NS)) for end in ("low", "high"))
    if low or high:
        return low if low == high else _between(low, high)
    return _quantity(dose)


def _rhythm(time: etree._Element) -> str:
    kind = _local_type(time)
    if kind == "EIVL_TS":
        event = time.find("h:event", v.NS)
        return "" if event is None else _EVENTS.get(event.get("code", ""), event.get("code", ""))
    if kind == "SXPR_TS":
        return " ".join(filter(None, (_bounded(one) for one in time.iterfind("h:comp", v.NS))))
    length = _length(time.find("h:period", v.NS))
    return f"toutes les {length}".replace("toutes les 1 jour", "chaque jour") if length else ""


def _bounded(part: etree._Element) -> str:
    """Return a part of a rhythm: every so often, or from when and for how long."""
    length = _length(part.find("h:width", v.NS))
    since = _day(part.find("h:low", v.NS))
    bounds = (f"à partir du {since}" if since else "", f"pendant {length}" if length else "")
    return _rhythm(part) or " ".join(filter(None, bounds))


def _length(element: etree._Element | None) -> str:
    """Return a length of time in words: "8 h", "2 jours"."""
    value = "" if element is None else element.get("value", "").replace(".", ",", 1)
    if element is None or not value:
        return ""
    unit = _UNITS.get(element.get("unit", ""), element.get("unit", ""))
    plural = "s" if unit in ("jour", "semaine", "an") and value != "1" else ""
    return f"{value} {unit}{plural}"


def _low(element: etree._Element) -> etree._Element | None:
    time = element.find("h:effectiveTime", v.NS)
    if time is None:
        return None
    low = time.find("h:low", v.NS)
    return low if low is not None else time


def _day(element: etree._Element | None) -> str:
    """Return the day of a time stamp, as far as it is known: "14/03/2021", "03/2021", "2021"."""
    if element is None:
        return ""
    text = element.get("value", "")
    if not text:
        low = element.find("h:low", v.NS)
        return "" if low is None else _day(low)
    if moment(text) is None:
        return text
    year, month, day = text[:4], text[4:6], text[6:8]
    return "/".join(filter(None, (day, month, year)))
