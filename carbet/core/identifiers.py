"""National identifiers of people, professionals and structures: their shape, their keys, and the
short public number that a page address carries instead of a row number."""

import re
from dataclasses import dataclass

# --- RPPS and FINESS: the Luhn key --------------------------------------------------------------

# Numbers of real professionals begin with 1. Everything Carbet invents begins with 999, so that an
# invented professional can never be taken for a real one, even out of its context.
SYNTHETIC_RPPS_PREFIX = "999"

_RPPS = re.compile(r"[0-9]{11}")
_FINESS = re.compile(r"[0-9][0-9AB][0-9]{7}")
_LUHN_DOUBLES = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn_sum(digits: str) -> int:
    """Return the Luhn sum modulo 10 of ASCII digits, key included: 0 when the key is right."""
    total = 0
    for rank, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        total += _LUHN_DOUBLES[value] if rank % 2 else value
    return total % 10


def luhn_key(digits: str) -> str:
    """Return the one-digit Luhn key to append to a string of ASCII digits."""
    return str(-luhn_sum(digits + "0") % 10)


def is_rpps(text: str) -> bool:
    """Tell whether the text is an RPPS number: 11 digits, the last one a Luhn key (ANS)."""
    return _RPPS.fullmatch(text) is not None and luhn_sum(text) == 0


def make_rpps(number: int, *, prefix: str = SYNTHETIC_RPPS_PREFIX) -> str:
    """Return the 11-digit RPPS of a synthetic professional: prefix, serial number, Luhn key.

    Raises:
        ValueError: the number is negative or does not fit between the prefix and the key.
    """
    width = 10 - len(prefix)
    if number < 0 or len(str(number)) > width:
        raise ValueError(f"a serial number of {width} digits is expected, not {number}")
    body = f"{prefix}{number:0{width}d}"
    return body + luhn_key(body)


def is_synthetic_rpps(text: str) -> bool:
    """Tell whether a valid RPPS belongs to the range that Carbet invents."""
    return is_rpps(text) and text.startswith(SYNTHETIC_RPPS_PREFIX)


def is_finess(text: str) -> bool:
    """Tell whether the text is a FINESS number: 9 characters, the last one a Luhn key (DREES).

    The department of Corsica is written 2A or 2B; its letter counts as 1 or 2 in the key.
    """
    if _FINESS.fullmatch(text) is None:
        return False
    return luhn_sum(text.replace("A", "1").replace("B", "2")) == 0


def rpps_from_idnps(idnps: str) -> str:
    """Return the RPPS held in a national professional identifier (IDNPS = "8" + RPPS).

    The dead form "0" + ADELI carries no RPPS. Source: CI-SIS, OID 1.2.250.1.71.4.2.1.

    Raises:
        ValueError: the identifier holds no valid RPPS.
    """
    if len(idnps) != 12 or idnps[0] != "8" or not is_rpps(idnps[1:]):
        raise ValueError("an IDNPS is the digit 8 followed by a valid RPPS")
    return idnps[1:]


def idnps_from_rpps(rpps: str) -> str:
    """Return the national professional identifier (IDNPS) of an RPPS.

    Raises:
        ValueError: the RPPS is not valid.
    """
    if not is_rpps(rpps):
        raise ValueError("an RPPS has 11 digits, the last one a Luhn key")
    return "8" + rpps


# --- INS: the national health identity ----------------------------------------------------------

INS_NIR_OID = "1.2.250.1.213.1.4.8"
INS_NIA_OID = "1.2.250.1.213.1.4.9"
INS_TEST_OID = "1.2.250.1.213.1.4.10"
INS_DEMONSTRATION_OID = "1.2.250.1.213.1.4.11"
INS_OIDS = (INS_NIR_OID, INS_NIA_OID, INS_TEST_OID, INS_DEMONSTRATION_OID)

# Sex, year, month, place (department and commune, or 99 and country), order number.
_INS_BODY = re.compile(r"([1-478])([0-9]{2})([0-9]{2})([0-9][0-9AB][0-9]{3})([0-9]{3})")
_CORSICA = {"2A": "19", "2B": "18"}


@dataclass(frozen=True, slots=True)
class Ins:
    """A well-formed INS matricule, read apart. `month` is None when the civil register had none."""

    matricule: str
    key: str
    gender: str
    year_of_century: int
    month: int | None
    birth_place: str
    order: int

    @property
    def number(self) -> str:
        """The 15 characters: matricule then key."""
        return self.matricule + self.key


def ins_key(matricule: str) -> str:
    """Return the two-digit key of a 13-character matricule: 97 less its remainder by 97.

    For people born in Corsica the department 2A counts as 19 and 2B as 18 (INSEE, NIR).

    Raises:
        ValueError: the matricule is not 13 characters of the NIR's shape.
    """
    if _INS_BODY.fullmatch(matricule) is None:
        raise ValueError("an INS matricule has 13 characters: sex, year, month, place, order")
    department = matricule[5:7]
    if not department.isdigit():
        if department not in _CORSICA:
            raise ValueError(f"{department} is not a department")
        matricule = matricule[:5] + _CORSICA[department] + matricule[7:]
    return f"{97 - int(matricule) % 97:02d}"


def parse_ins(text: str) -> Ins:
    """Read an INS of 15 characters, spaces allowed, and check its key.

    Raises:
        ValueError: the shape or the key is wrong; the message says which, without the number.
    """
    number = text.replace(" ", "").upper() if text.isascii() else text
    if len(number) != 15 or not number[13:].isdigit():
        raise ValueError("an INS has 15 characters: 13 for the matricule, 2 for the key")
    matricule, key = number[:13], number[13:]
    if ins_key(matricule) != key:
        raise ValueError("the key of this INS does not match its matricule")
    sex, year, month = matricule[0], matricule[1:3], matricule[3:5]
    place, order = matricule[5:10], matricule[10:13]
    return Ins(
        matricule=matricule,
        key=key,
        gender="male" if sex in "137" else "female",
        year_of_century=int(year),
        # Months above 12 mean "unknown" or "register incomplete" in the NIR.
        month=int(month) if 1 <= int(month) <= 12 else None,
        birth_place=place,
        order=int(order),
    )


def is_ins(text: str) -> bool:
    """Tell whether the text is an INS of 15 characters with a right key."""
    try:
        parse_ins(text)
    except ValueError:
        return False
    return True


def make_ins(*, gender: str, year: int, month: int, birth_place: str, order: int) -> str:
    """Return the 15 characters of an INS built from its traits, for tests and demonstrations only.

    `gender` is "male" or "female", `birth_place` the five characters of the INSEE place code
    (commune, or 99 and country), `order` goes from 1 to 999.

    Raises:
        ValueError: a trait does not fit the NIR.
    """
    if gender not in ("male", "female"):
        raise ValueError("an INS needs a gender")
    sex = "1" if gender == "male" else "2"
    matricule = f"{sex}{year % 100:02d}{month:02d}{birth_place}{order:03d}"
    return matricule + ins_key(matricule)


# --- Short public numbers -----------------------------------------------------------------------

# Douglas Crockford's base 32: no I, L, O, U, so that a number read over the phone is not misheard.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
# The last row number there may be.
LARGEST = 2**63 - 1


def short_id(number: int) -> str:
    """Return the short public form of a row number, from 1 to 2^63 - 1, in Crockford base 32.

    Raises:
        ValueError: the number is out of range.
    """
    if not 1 <= number <= LARGEST:
        raise ValueError("a row number is positive and holds in 63 bits")
    letters = []
    while number:
        number, rest = divmod(number, 32)
        letters.append(_ALPHABET[rest])
    return "".join(reversed(letters))


def from_short_id(text: str) -> int:
    """Return the row number of a short public form, in capitals or not.

    Only the canonical form is read, so that one page has one address: no leading zero, no padding,
    none of the look-alike letters I, L, O, U.

    Raises:
        ValueError: the text is not the canonical form of a row number.
    """
    if not text or len(text) > 13 or text[0] == "0" or not text.isascii():
        raise ValueError("not a short number")
    number = 0
    for letter in text.upper():
        value = _VALUES.get(letter)
        if value is None:
            raise ValueError("not a short number")
        number = number * 32 + value
    if number > LARGEST:
        raise ValueError("not a short number")
    return number
