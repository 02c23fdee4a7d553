"""What a hospital asks of persons: by traits (QBP^Q22, IHE ITI-21) or by a number (Q23, ITI-9).

Read whole, or refused with every place that is wrong. The limits of disclosure are those of PDQm: a
question says an identifier with its authority, or a name and a whole birth date.
"""

import re
from dataclasses import dataclass, field

from carbet.core import names
from carbet.interop.hospital_feed.choices import ErrorCode
from carbet.interop.hospital_feed.rules.header import Unacceptable
from carbet.interop.hospital_feed.rules.persons import Number
from carbet.interop.hospital_feed.rules.reading import Message, Segment, part

TRAITS, NUMBER, CANCEL = "Q22", "Q23", "J01"
# QPD-1 as IHE names them, as HL7 did before, and as IHE's older tests do: letters and digits only.
_NAMES = {
    TRAITS: frozenset({"IHEPDQQUERY", "Q22", "FINDCANDIDATES", "QRYPDQ1001", "QUERYBYNAME"}),
    NUMBER: frozenset(
        {
            *("IHEPIXQUERY", "Q23", "GETCORRESPONDINGIDENTIFIERS"),
            *("QRY1001", "QUERYFORCORRESPONDINGIDENTIFIERS"),
        }
    ),
}
ORDINARY_PAGE, LARGEST_PAGE = 25, 50
_MOST_CRITERIA = 20
_MOST_DOMAINS = 20
_LONGEST_VALUE = 200
_LONGEST_TAG = 32
_FEWEST_LETTERS = 2
_PARAMETER = re.compile(r"@?PID\.([0-9]{1,2})(?:\.([0-9]{1,2}))?(?:\.([0-9]))?")
# What each field of QPD-3 asks of a person: "5.1" is PID-5, component 1.
_CRITERIA = {
    "3.1": "number",
    "3.4": "namespace",
    "3.4.2": "authority",
    "3.4.3": "authority_type",
    "5.1": "family",
    "5.2": "given",
    "6.1": "mother_family",
    "6.2": "mother_given",
    "7": "birth_date",
    "7.1": "birth_date",
    "8": "gender",
    "8.1": "gender",
    "11.1": "address_line",
    "11.3": "city",
    "11.5": "postal_code",
    "13.1": "phone",
    "13.12": "phone",
    "18": "stay",
    "18.1": "stay",
}
_GENDERS = {"F": "female", "M": "male", "U": "unknown", "O": "other"}


class Unanswerable(Exception):
    """The question cannot be answered: every fault with its place."""

    def __init__(self, *faults: Unacceptable) -> None:
        super().__init__(faults[0].message)
        self.faults = faults


@dataclass(frozen=True)
class Question:
    """How a question names itself: said again in its answer, whatever else is wrong."""

    event: str
    name: str = ""
    tag: str = ""
    said: str = ""


@dataclass(frozen=True)
class Asked:
    """A question read: by `criteria` or by `number`; the domains wanted, all when none is said.

    `pointer` continues an answer that was too long for one page.
    """

    number: Number | None = None
    number_place: str = "QPD-3"
    criteria: dict[str, str] = field(default_factory=dict)
    domains: list[Number] = field(default_factory=list)
    quantity: int = ORDINARY_PAGE
    pointer: str = ""


@dataclass(frozen=True)
class Described:
    """What of a person here the criteria are compared with."""

    families: tuple[str, ...]
    givens: tuple[str, ...]
    # As far as it is known: "1951-03-14", "1951-03" or "1951".
    birth_date: str
    gender: str
    address_line: str
    city: str
    postal_code: str
    phone: str
    # Her mother's names, as a domain told them.
    mother: str = ""


def question_of(message: Message, event: str, text: str) -> Question:
    """Return how a question names itself, as far as it can be read."""
    at = "QID" if event == CANCEL else "QPD"
    segment = message.first(at)
    if segment is None:
        return Question(event)
    said = next((line for line in re.split(r"[\r\n]", text) if line.startswith(f"{at}|")), "")
    tag, name = (1, 2) if event == CANCEL else (2, 1)
    return Question(
        event,
        name=segment.field(name)[:200],
        tag=segment.field(tag).strip()[:_LONGEST_TAG],
        said=said if at == "QPD" and len(said) <= 4000 else "",
    )


def read(message: Message, event: str) -> Asked:
    """Return what a message asks.

    Raises:
        Unanswerable: it is no such question, it is cut, or it would browse the territory.
    """
    segment = _required(message, "QID" if event == CANCEL else "QPD")
    _check_name(segment, event)
    if event == CANCEL:
        return Asked()
    quantity = _quantity(message)
    dsc = message.first("DSC")
    pointer = dsc.component(1)[:100] if dsc is not None else ""
    if event == NUMBER:
        return Asked(
            number=_number(segment),
            domains=_domains(segment, 4),
            quantity=quantity,
            pointer=pointer,
        )
    criteria = _criteria(segment)
    number = None
    if "number" in criteria:
        number = Number(
            criteria.pop("number"),
            criteria.pop("namespace", ""),
            criteria.pop("authority", ""),
            criteria.pop("authority_type", ""),
        )
    _check_identifying(criteria, number)
    return Asked(
        number=number,
        criteria=criteria,
        domains=_domains(segment, 8),
        quantity=quantity,
        pointer=pointer,
    )


def is_described(criteria: dict[str, str], person: Described) -> bool:
    """Tell whether a person is as every criterion says; a final "*" is any end."""
    tests = {
        "family": lambda asked: _is_among(asked, person.families),
        "given": lambda asked: _is_among(asked, person.givens),
        "birth_date": lambda asked: person.birth_date.replace("-", "").startswith(asked),
        "gender": lambda asked: asked == person.gender,
        "address_line": lambda asked: _is_among(asked, (person.address_line,)),
        "city": lambda asked: _is_among(asked, (person.city,)),
        "postal_code": lambda asked: _is_among(asked, (person.postal_code,)),
        "mother_family": lambda asked: _is_among(asked, (person.mother, *person.mother.split())),
        "mother_given": lambda asked: _is_among(asked, (person.mother, *person.mother.split())),
        "phone": lambda asked: _digits(asked) == _digits(person.phone) != "",
    }
    return all(tests[name](asked) for name, asked in criteria.items() if name in tests)


def _is_among(asked: str, texts: tuple[str, ...]) -> bool:
    form = names.comparison_form(asked.rstrip("*"))
    ours = [names.comparison_form(text) for text in texts if text]
    if asked.endswith("*"):
        return any(bool(form) and text.startswith(form) for text in ours)
    return bool(form) and form in ours


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isascii() and sign.isdigit())


def _required(message: Message, name: str) -> Segment:
    found = message.all(name)
    if not found:
        raise Unanswerable(Unacceptable(ErrorCode.SEGMENT, f"Segment {name} absent.", name))
    if len(found) > 1:
        raise Unanswerable(Unacceptable(ErrorCode.SEGMENT, f"Un seul segment {name}.", name))
    return found[0]


def _check_name(segment: Segment, event: str) -> None:
    place = segment.name
    name, tag = (2, 1) if event == CANCEL else (1, 2)
    said = [part(each, 1) or part(each, 2) for each in segment.repetitions(name)[:1]]
    plain = re.sub(r"[^A-Z0-9]", "", said[0].upper()) if said else ""
    known = _NAMES.get(event, frozenset().union(*_NAMES.values()))
    faults = []
    if not plain:
        text = "Nom de la requête absent."
        faults.append(Unacceptable(ErrorCode.REQUIRED, text, f"{place}-{name}"))
    elif plain not in known:
        text = f"Requête inconnue : {'IHE PIX Query' if event == NUMBER else 'IHE PDQ Query'}."
        text = text.replace("inconnue : ", "inconnue ; attendue : ")
        faults.append(Unacceptable(ErrorCode.VALUE, text, f"{place}-{name}"))
    tags = segment.field(tag).strip()
    if not tags:
        text = "Étiquette de la requête absente."
        faults.append(Unacceptable(ErrorCode.REQUIRED, text, f"{place}-{tag}"))
    elif len(tags) > _LONGEST_TAG:
        text = f"Étiquette de {_LONGEST_TAG} signes au plus."
        faults.append(Unacceptable(ErrorCode.TYPE, text, f"{place}-{tag}"))
    if faults:
        raise Unanswerable(*faults)


def _quantity(message: Message) -> int:
    """Return how many persons one page may hold (RCP-2)."""
    rcp = _required(message, "RCP")
    faults = []
    if rcp.component(1).upper() != "I":
        faults.append(Unacceptable(ErrorCode.VALUE, "RCP-1 = I attendu (immédiat).", "RCP-1"))
    said, unit = rcp.component(2), rcp.component(2, 2).upper()
    if unit not in ("", "RD"):
        faults.append(Unacceptable(ErrorCode.VALUE, "RCP-2 : unité RD attendue.", "RCP-2.2"))
    is_number = said.isascii() and said.isdigit() and len(said) <= 9 and int(said) > 0
    if said and not is_number:
        faults.append(Unacceptable(ErrorCode.TYPE, "Nombre positif attendu.", "RCP-2.1"))
    if rcp.component(3).upper() not in ("", "R"):
        faults.append(Unacceptable(ErrorCode.VALUE, "RCP-3 = R attendu (temps réel).", "RCP-3"))
    if faults:
        raise Unanswerable(*faults)
    return min(int(said), LARGEST_PAGE) if said else ORDINARY_PAGE


def _criteria(segment: Segment) -> dict[str, str]:
    said = [each for each in segment.repetitions(3) if part(each, 1) or part(each, 2)]
    if not said:
        raise Unanswerable(Unacceptable(ErrorCode.REQUIRED, "Aucun critère.", "QPD-3"))
    if len(said) > _MOST_CRITERIA:
        raise Unanswerable(Unacceptable(ErrorCode.TYPE, "Trop de critères.", "QPD-3"))
    found: dict[str, str] = {}
    faults: list[Unacceptable] = []
    for rank, each in enumerate(said, start=1):
        place = f"QPD-3[{rank}]"
        name = _criterion(part(each, 1))
        if name is None:
            text = "Champ qui ne sert pas à chercher ici."
            faults.append(Unacceptable(ErrorCode.VALUE, text, f"{place}.1"))
        elif name in found:
            faults.append(Unacceptable(ErrorCode.TYPE, "Champ dit deux fois.", place))
        elif (fault := _wrong_value(name, value := part(each, 2), f"{place}.2")) is not None:
            faults.append(fault)
        else:
            found[name] = _GENDERS[value.upper()] if name == "gender" else value
    if faults:
        raise Unanswerable(*faults)
    return found


def _criterion(parameter: str) -> str | None:
    """Return what a parameter asks ("@PID.5.1.1" asks the family name), None when nothing here."""
    match = _PARAMETER.fullmatch(parameter.strip().upper())
    if match is None:
        return None
    key = ".".join(each for each in match.groups() if each)
    return _CRITERIA.get(key) or (_CRITERIA.get(key[:-2]) if match[3] == "1" else None)


def _wrong_value(name: str, value: str, place: str) -> Unacceptable | None:
    if not value:
        return Unacceptable(ErrorCode.REQUIRED, "Valeur absente.", place)
    if len(value) > _LONGEST_VALUE:
        return Unacceptable(ErrorCode.TYPE, f"{_LONGEST_VALUE} signes au plus.", place)
    if not value.isprintable():
        return Unacceptable(ErrorCode.TYPE, "Valeur illisible.", place)
    if name == "gender" and value.upper() not in _GENDERS:
        return Unacceptable(ErrorCode.VALUE, "F, M, U ou O attendu.", place)
    is_date = re.fullmatch(r"[0-9]{4}(?:[0-9]{2}){0,2}", value) is not None
    if name == "birth_date" and not is_date:
        return Unacceptable(ErrorCode.TYPE, "Date attendue : AAAAMMJJ.", place)
    return None


def _check_identifying(criteria: dict[str, str], number: Number | None) -> None:
    """Refuse what would browse: PDQm asks an identifier, or a name and a whole birth date."""
    if number is not None:
        return
    letters = names.comparison_form(criteria.get("family", "").rstrip("*"))
    if len(letters) >= _FEWEST_LETTERS and len(criteria.get("birth_date", "")) == 8:
        return
    text = (
        "Recherche trop large : dites un identifiant (@PID.3.1, @PID.3.4), ou le nom (@PID.5.1)"
        " et la date de naissance entière (@PID.7.1)."
    )
    raise Unanswerable(Unacceptable(ErrorCode.REQUIRED, text, "QPD-3"))


def _number(segment: Segment) -> Number:
    said = segment.repetitions(3)
    faults = []
    if not said or not part(said[0], 1):
        faults.append(Unacceptable(ErrorCode.REQUIRED, "Identifiant absent.", "QPD-3.1"))
    elif len(part(said[0], 1)) > _LONGEST_VALUE or not part(said[0], 1).isprintable():
        faults.append(Unacceptable(ErrorCode.TYPE, "Identifiant illisible.", "QPD-3.1"))
    if len(said) > 1:
        faults.append(Unacceptable(ErrorCode.TYPE, "Un seul identifiant.", "QPD-3[2]"))
    if faults:
        raise Unanswerable(*faults)
    return _designated(said[0])


def _domains(segment: Segment, number: int) -> list[Number]:
    said = segment.repetitions(number)
    if len(said) > _MOST_DOMAINS:
        raise Unanswerable(
            Unacceptable(ErrorCode.TYPE, "Trop de domaines demandés.", f"QPD-{number}")
        )
    return [_designated(each) for each in said if any(part(each, 4, sub) for sub in (1, 2))]


def _designated(said: list[list[str]]) -> Number:
    """Return an identifier and its authority (CX), or the authority alone."""
    return Number(
        part(said, 1)[:_LONGEST_VALUE],
        part(said, 4)[:60],
        part(said, 4, 2)[:_LONGEST_VALUE],
        part(said, 4, 3)[:10],
    )
