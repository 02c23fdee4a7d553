"""The archive that secure mails carry: `IHE_XDM.zip`, written and read (IHE ITI XDM)."""

from carbet.interop.xdm.reading import Entry, Package, UnreadablePackage, read
from carbet.interop.xdm.writing import ENTRY, FILE_NAME, Packed, metadata, write

__all__ = [
    "ENTRY",
    "FILE_NAME",
    "Entry",
    "Package",
    "Packed",
    "UnreadablePackage",
    "metadata",
    "read",
    "write",
]
