"""How two identities are compared: for each field, ordered levels of agreement.

Each level is written twice, in Python for one pair and in SQL for the batch (DuckDB, Spark); a
test holds them together on random pairs. Only what both databases count alike is used: equality,
whole-number edit distance, lists of words.
"""

from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from carbet.registries.matching.rules.traits import Prepared

distance = Levenshtein.distance

UNKNOWN = -1
"""The level of a field that one of the two does not know: it weighs nothing."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of agreement: its name, its condition in SQL, and the same in French words."""

    name: str
    sql: str
    words: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field that is compared: the rank of the first level that holds, -1 when unknown."""

    name: str
    label: str
    unknown: str
    levels: tuple[Level, ...]

    def rank(self, level: str) -> int:
        """Return the rank of a level by its name."""
        return next(rank for rank, each in enumerate(self.levels) if each.name == level)


_NEAR, _FAR, _APART = range(3)


def _likeness(a: str, b: str) -> int:
    """Tell how alike two words are.

    Near: one mistake apart, or two for six letters; far: two, or three for six letters.
    """
    gap = distance(a, b, score_cutoff=3)
    if gap > 3:
        return _APART
    shortest = min(len(a), len(b))
    if (gap <= 1 and shortest >= 3) or (gap == 2 and shortest >= 6):
        return _NEAR
    return _FAR if (gap <= 2 and shortest >= 4) or (gap == 3 and shortest >= 6) else _APART


def _near_sql(a: str, b: str) -> str:
    return _within_sql(a, b, most=2, least=3)


def _far_sql(a: str, b: str) -> str:
    return _within_sql(a, b, most=3, least=4)


def _within_sql(a: str, b: str, *, most: int, least: int) -> str:
    """Return what tells that words of six letters are so many mistakes apart, shorter ones less.

    Lengths go first: they spare most of the distances, which are most of a night.
    """
    shortest = f"least(length({a}), length({b}))"
    return (
        f"(abs(length({a}) - length({b})) <= {most} AND levenshtein({a}, {b}) <="
        f" CASE WHEN {shortest} >= 6 THEN {most} WHEN {shortest} >= {least} THEN {most - 1}"
        " ELSE -1 END)"
    )


def exactly_inverted(a: Prepared, b: Prepared) -> bool:
    """Tell whether the words of each one's name are given names of the other."""
    return (
        a.fam != b.fam
        and a.fam != ""
        and b.fam != ""
        # Nearly all fail on their first word: spare them four sets.
        and a.words.partition(" ")[0] in b.others
        and set(a.words.split()) <= set(b.others.split())
        and set(b.words.split()) <= set(a.others.split())
    )


def inverted(a: Prepared, b: Prepared) -> bool:
    """Tell whether the birth name of each is the given name of the other, one mistake forgiven."""
    if len(a.fam) < 3 or len(b.fam) < 3 or len(a.first) < 3 or len(b.first) < 3:
        return False
    return (
        distance(a.fam, b.first, score_cutoff=1) <= 1
        and distance(a.first, b.fam, score_cutoff=1) <= 1
        and distance(a.fam, b.fam, score_cutoff=1) > 1
    )


_INVERTED = (
    "abs(length(fam_l) - length(first_r)) <= 1 AND abs(length(first_l) - length(fam_r)) <= 1"
    " AND length(fam_l) >= 3 AND length(fam_r) >= 3"
    " AND length(first_l) >= 3 AND length(first_r) >= 3"
    " AND levenshtein(fam_l, first_r) <= 1 AND levenshtein(first_l, fam_r) <= 1"
    " AND levenshtein(fam_l, fam_r) > 1"
)

# Particles that hurried hands glue to the name: LEBIHAN, DASILVA, DOSSANTOS.
_GLUE = ("LE", "LA", "DE", "DU", "DA", "DO", "DOS", "DAS", "DES", "DEL", "VAN", "VANDER", "SAINT")
_GLUED = ", ".join(f"'{particle}' || fam_{{side}}" for particle in _GLUE)
_EXACTLY = (
    "fam_l <> fam_r AND fam_l <> '' AND fam_r <> ''"
    " AND list_has_all(others_a_r, words_a_l) AND list_has_all(others_a_l, words_a_r)"
)
_NAME = (
    Level("inverted", _EXACTLY, "nom et prénom inversés"),
    Level("inverted_near", _INVERTED, "nom et prénom inversés, à une lettre près"),
    Level("equal", "fam_l = fam_r", "même nom de naissance"),
    Level(
        "used",
        "fam_l = use_r OR use_l = fam_r OR (use_l <> '' AND use_l = use_r)",
        "nom de naissance de l’un, nom utilisé de l’autre",
    ),
    Level(
        "part",
        "list_has_all(words_a_l, words_a_r) OR list_has_all(words_a_r, words_a_l)"
        f" OR (right(fam_l, length(fam_r)) = fam_r AND fam_l IN ({_GLUED.format(side='r')}))"
        f" OR (right(fam_r, length(fam_l)) = fam_l AND fam_r IN ({_GLUED.format(side='l')}))",
        "nom composé dont une partie manque, ou dans un autre ordre",
    ),
    Level("near", _near_sql("fam_l", "fam_r"), "noms presque identiques"),
    Level(
        "sound", "length(fsound_l) >= 2 AND fsound_l = fsound_r", "noms qui se prononcent de même"
    ),
    Level("shared", "list_has_any(words_a_l, words_a_r)", "un mot du nom en commun"),
    Level(
        "far",
        _far_sql("fam_l", "fam_r"),
        "noms qui se ressemblent",
    ),
    Level("different", "", "noms différents"),
)


def _glued(long: str, short: str) -> bool:
    return len(long) > len(short) and long.endswith(short) and long[: -len(short)] in _GLUE


def compare_name(a: Prepared, b: Prepared, turned: int) -> int:
    """Return the rank of the level of the name, `turned` when names are inverted."""
    if not a.fam or not b.fam:
        return UNKNOWN
    if turned != UNKNOWN:
        return turned
    if a.fam == b.fam:
        return 2
    if a.fam == b.use or a.use == b.fam or (a.use != "" and a.use == b.use):
        return 3
    mine, theirs = set(a.words.split()), set(b.words.split())
    if mine >= theirs or theirs >= mine or _glued(a.fam, b.fam) or _glued(b.fam, a.fam):
        return 4
    likeness = _likeness(a.fam, b.fam)
    if likeness == _NEAR:
        return 5
    if len(a.fsound) >= 2 and a.fsound == b.fsound:
        return 6
    if mine & theirs:
        return 7
    return 8 if likeness == _FAR else 9


_FIRST_NEAR = (
    f"first_l <> first_r AND ({_near_sql('first_l', 'first_r')}"
    " OR (length(gsound_l) >= 2 AND gsound_l = gsound_r))"
)
_SINGLE = "(strpos(given_l, ' ') = 0 OR strpos(given_r, ' ') = 0)"
_GIVEN = (
    Level("inverted", f"({_EXACTLY}) OR ({_INVERTED})", "prénom donné comme nom"),
    Level("list", "given_l = given_r AND strpos(given_l, ' ') > 0", "mêmes prénoms"),
    Level("equal", "given_l = given_r", "même prénom"),
    Level(
        "start",
        "starts_with(given_l, given_r || ' ') OR starts_with(given_r, given_l || ' ')",
        "mêmes premiers prénoms, la liste de l’un continue",
    ),
    Level(
        "reordered",
        "others_l = others_r OR (first_l = first_r AND (list_has_all(others_a_l, others_a_r)"
        " OR list_has_all(others_a_r, others_a_l)))",
        "mêmes prénoms dans un autre ordre, ou une partie d’entre eux",
    ),
    Level(
        "part",
        "list_has_all(others_a_l, others_a_r) OR list_has_all(others_a_r, others_a_l)",
        "le prénom de l’un n’est pas le premier de l’autre",
    ),
    Level(
        "first_others_near",
        "first_l = first_r AND levenshtein(given_l, given_r) <= 2",
        "même premier prénom, les autres presque identiques",
    ),
    Level(
        "near_shared",
        f"{_FIRST_NEAR} AND list_has_any(others_a_l, others_a_r)",
        "premiers prénoms presque identiques, d’autres en commun",
    ),
    Level("near_single", f"{_FIRST_NEAR} AND {_SINGLE}", "prénoms presque identiques"),
    Level("first", "first_l = first_r", "même premier prénom, les autres diffèrent"),
    Level("near", _FIRST_NEAR, "premiers prénoms presque identiques, les autres diffèrent"),
    Level(
        "shared",
        "list_has_any(others_a_l, others_a_r)",
        "premiers prénoms différents, un en commun",
    ),
    Level("far", _far_sql("first_l", "first_r"), "prénoms qui se ressemblent"),
    Level("different", "", "prénoms différents"),
)


def _compare_given(a: Prepared, b: Prepared, turned: int) -> int:
    if not a.given or not b.given:
        return UNKNOWN
    if turned != UNKNOWN:
        return 0
    if a.given == b.given:
        return 1 if " " in a.given else 2
    if a.given.startswith(b.given + " ") or b.given.startswith(a.given + " "):
        return 3
    same = a.first == b.first
    mine, theirs = set(a.others.split()), set(b.others.split())
    within = mine >= theirs or theirs >= mine
    if within and (same or mine == theirs):
        return 4
    if within:
        return 5
    if same and distance(a.given, b.given, score_cutoff=2) <= 2:
        return 6
    shared = bool(mine & theirs)
    likeness = _likeness(a.first, b.first)
    near = not same and (likeness == _NEAR or (len(a.gsound) >= 2 and a.gsound == b.gsound))
    if near and shared:
        return 7
    if near and (" " not in a.given or " " not in b.given):
        return 8
    if same:
        return 9
    if near:
        return 10
    if shared:
        return 11
    return 12 if likeness == _FAR else 13


_BORN = (
    Level("equal", "born_l = born_r AND length(born_l) = 10 AND substr(born_l, 5) <> '-01-01'",
          "même date de naissance"),
    Level("january", "born_l = born_r AND length(born_l) = 10",
          "même date, mais un 1er janvier, souvent mis faute de mieux"),
    Level("known", "length(born_l) < 10 AND starts_with(born_r, born_l)"
          " OR length(born_r) < 10 AND starts_with(born_l, born_r)",
          "mêmes parties connues de la date"),
    Level("turned", "length(born_l) = 10 AND length(born_r) = 10"
          " AND substr(born_l, 1, 4) = substr(born_r, 1, 4)"
          " AND substr(born_l, 6, 2) = substr(born_r, 9, 2)"
          " AND substr(born_l, 9, 2) = substr(born_r, 6, 2)",
          "jour et mois inversés"),
    Level("one", "length(born_l) = 10 AND length(born_r) = 10 AND levenshtein(born_l, born_r) = 1",
          "dates à un chiffre près"),
    Level("unknown_day", "substr(born_l, 1, 4) = substr(born_r, 1, 4)"
          " AND (substr(born_l, 5) = '-01-01' OR substr(born_r, 5) = '-01-01')",
          "même année, l’une au 1er janvier"),
    Level("two", "length(born_l) = 10 AND length(born_r) = 10 AND levenshtein(born_l, born_r) = 2",
          "dates à deux chiffres près"),
    Level("year", "substr(born_l, 1, 4) = substr(born_r, 1, 4)", "même année seulement"),
    Level("different", "", "dates différentes"),
)  # fmt: skip


def _compare_born(a: Prepared, b: Prepared) -> int:
    one, two = a.born, b.born
    if not one or not two:
        return UNKNOWN
    whole = len(one) == 10 and len(two) == 10
    if whole and one == two:
        return 1 if one.endswith("-01-01") else 0
    if (len(one) < 10 and two.startswith(one)) or (len(two) < 10 and one.startswith(two)):
        return 2
    year = one[:4] == two[:4]
    if whole and year and one[5:7] == two[8:] and one[8:] == two[5:7]:
        return 3
    gap = distance(one, two, score_cutoff=2) if whole else 9
    if gap == 1:
        return 4
    if year and (one[4:] == "-01-01" or two[4:] == "-01-01"):
        return 5
    if gap == 2:
        return 6
    return 7 if year else 8


_SEX = (
    Level("equal", "sex_l = sex_r", "même sexe"),
    Level("different", "", "sexes différents"),
)
_PLACE = (
    Level("equal", "place_l = place_r", "même lieu de naissance"),
    Level(
        "area",
        "substr(place_l, 1, 2) = substr(place_r, 1, 2)"
        " AND (substr(place_l, 1, 2) <> '97' OR substr(place_l, 3, 1) = substr(place_r, 3, 1))",
        "même département, ou tous deux à l’étranger",
    ),
    Level("different", "", "lieux de naissance différents"),
)
_INS = (
    Level("equal", "ins_l = ins_r", "même INS"),
    Level("near", "levenshtein(ins_l, ins_r) <= 2", "INS à un ou deux caractères près"),
    Level("different", "", "INS différents"),
)
_IDS = (
    Level("equal", "list_has_any(ids_a_l, ids_a_r)", "un même numéro"),
    Level(
        "near",
        "levenshtein(ids_l, ids_r) <= 2 AND least(length(ids_l), length(ids_r)) >= 6",
        "numéros presque identiques",
    ),
    Level("different", "", "numéros différents"),
)
_PHONE = (
    Level("equal", "phone_l = phone_r", "même téléphone"),
    Level("near", "levenshtein(phone_l, phone_r) <= 2", "téléphones presque identiques"),
    Level("different", "", "téléphones différents"),
)
_ADDRESS = (
    Level("equal", "addr_l = addr_r", "même adresse"),
    Level(
        "near",
        "levenshtein(addr_l, addr_r) <= 3 AND least(length(addr_l), length(addr_r)) >= 8",
        "adresses presque identiques",
    ),
    Level(
        "part",
        "least(length(addr_l), length(addr_r)) >= 6"
        " AND (strpos(addr_l, addr_r) > 0 OR strpos(addr_r, addr_l) > 0)",
        "une adresse contient l’autre",
    ),
    Level("different", "", "adresses différentes"),
)
_CITY = (
    Level("equal", "zip_l = zip_r AND city_l = city_r", "même commune de domicile"),
    Level("near", f"zip_l = zip_r OR city_l = city_r OR {_near_sql('city_l', 'city_r')}",
          "communes de domicile proches"),
    Level("different", "", "communes de domicile différentes"),
)  # fmt: skip


def _compare_sex(a: Prepared, b: Prepared) -> int:
    if not a.sex or not b.sex:
        return UNKNOWN
    return 0 if a.sex == b.sex else 1


def _compare_place(a: Prepared, b: Prepared) -> int:
    if not a.place or not b.place:
        return UNKNOWN
    if a.place == b.place:
        return 0
    area = a.place[:2] == b.place[:2] and (a.place[:2] != "97" or a.place[2:3] == b.place[2:3])
    return 1 if area else 2


def _compare_ins(a: Prepared, b: Prepared) -> int:
    if not a.ins or not b.ins:
        return UNKNOWN
    if a.ins == b.ins:
        return 0
    return 1 if distance(a.ins, b.ins, score_cutoff=2) <= 2 else 2


def _compare_ids(a: Prepared, b: Prepared) -> int:
    if not a.ids or not b.ids:
        return UNKNOWN
    if not set(a.ids.split()).isdisjoint(b.ids.split()):
        return 0
    shortest = min(len(a.ids), len(b.ids))
    return 1 if shortest >= 6 and distance(a.ids, b.ids, score_cutoff=2) <= 2 else 2


def _compare_phone(a: Prepared, b: Prepared) -> int:
    if not a.phone or not b.phone:
        return UNKNOWN
    if a.phone == b.phone:
        return 0
    return 1 if distance(a.phone, b.phone, score_cutoff=2) <= 2 else 2


def _compare_address(a: Prepared, b: Prepared) -> int:
    if not a.addr or not b.addr:
        return UNKNOWN
    if a.addr == b.addr:
        return 0
    shortest = min(len(a.addr), len(b.addr))
    if shortest >= 8 and distance(a.addr, b.addr, score_cutoff=3) <= 3:
        return 1
    return 2 if shortest >= 6 and (a.addr in b.addr or b.addr in a.addr) else 3


def _compare_city(a: Prepared, b: Prepared) -> int:
    if not a.zip or not b.zip or not a.city or not b.city:
        return UNKNOWN
    if a.zip == b.zip and a.city == b.city:
        return 0
    return 1 if a.zip == b.zip or a.city == b.city or _likeness(a.city, b.city) == _NEAR else 2


COMPARISONS = (
    Comparison("name", "Nom", "nom inconnu d’un côté", _NAME),
    Comparison("given", "Prénoms", "prénom inconnu d’un côté", _GIVEN),
    Comparison("born", "Date de naissance", "date inconnue d’un côté", _BORN),
    Comparison("sex", "Sexe", "sexe inconnu d’un côté", _SEX),
    Comparison("place", "Lieu de naissance", "lieu inconnu d’un côté", _PLACE),
    Comparison("ins", "INS", "INS absent d’un côté", _INS),
    Comparison("ids", "Autres numéros", "numéro absent d’un côté", _IDS),
    Comparison("phone", "Téléphone", "téléphone absent d’un côté", _PHONE),
    Comparison("address", "Adresse", "adresse absente d’un côté", _ADDRESS),
    Comparison("city", "Domicile", "domicile absent d’un côté", _CITY),
)
BY_NAME = {each.name: each for each in COMPARISONS}
# The columns that must be known on both sides, in SQL.
NEEDED = {
    "name": ("fam",),
    "given": ("given",),
    "born": ("born",),
    "sex": ("sex",),
    "place": ("place",),
    "ins": ("ins",),
    "ids": ("ids",),
    "phone": ("phone",),
    "address": ("addr",),
    "city": ("zip", "city"),
}


def compare(a: Prepared, b: Prepared) -> tuple[int, ...]:
    """Return the rank of the level of each comparison, in the order of `COMPARISONS`."""
    turned, *others = compare_others(a, b)
    return (compare_name(a, b, turned), *others)


def compare_others(a: Prepared, b: Prepared) -> tuple[int, ...]:
    """Return whether names are inverted, then the rank of every comparison but that of the name.

    The first is the rank of the name's level when they are, unknown when they are not.
    """
    turned = 0 if exactly_inverted(a, b) else 1 if inverted(a, b) else UNKNOWN
    return (
        turned,
        _compare_given(a, b, turned),
        _compare_born(a, b),
        _compare_sex(a, b),
        _compare_place(a, b),
        _compare_ins(a, b),
        _compare_ids(a, b),
        _compare_phone(a, b),
        _compare_address(a, b),
        _compare_city(a, b),
    )
