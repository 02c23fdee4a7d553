"""Row numbers in addresses: short, in one canonical form."""

from carbet.core.identifiers import from_short_id, short_id


class ShortId:
    """The base 32 form of a positive row number."""

    regex = "[0-9A-Za-z]{1,13}"

    def to_python(self, value: str) -> int:
        return from_short_id(value)

    def to_url(self, value: int) -> str:
        return short_id(value)
