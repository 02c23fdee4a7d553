"""The archive that secure mails carry: `IHE_XDM.zip`, written and read (IHE ITI XDM)."""

from carbet.interop.xdm.reading import Entry, Package, UnreadablePackage, read
from carbet.interop.xdm.writing import FILE_NAME, Packed, write

__all__ = ["FILE_NAME", "Entry", "Package", "Packed", "UnreadablePackage", "read", "write"]
