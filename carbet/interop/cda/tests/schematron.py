"""The official schematrons, when this machine has them: saxonche and the ISO engine they bring.

They are rules to run, not to copy: put the folders `schematrons` and `jeuxDeValeurs` of the public
repository ansforge/TestContenuCDA-3-0 beside the official examples, and install `saxonche`.
"""

import re
import shutil
from functools import lru_cache
from pathlib import Path

import pytest

from carbet.interop.cda.tests import official

STRUCTURE = "profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch"
_MISSING = "include/voc-1.2.250.1.213.1.1.5.471-DYNAMIC.xml"
_FAULT = re.compile(
    r'<svrl:failed-assert[^>]*location="([^"]*)"[^>]*>\s*<svrl:text>(.*?)</svrl:text>'
    r'|<svrl:successful-report[^>]*role="error"[^>]*location="([^"]*)"[^>]*>\s*<svrl:text>(.*?)<',
    re.DOTALL,
)


def lacking() -> str:
    """Return what is missing to run them, nothing when all is there."""
    if not (official.SCHEMATRONS / STRUCTURE).exists():
        return f"les schématrons officiels ne sont pas dans {official.SCHEMATRONS}"
    try:
        import saxonche  # noqa: F401
    except ImportError:
        return "saxonche n’est pas installé (pip install saxonche)"
    return ""


def needed() -> None:
    """Skip the test, saying why, when they cannot run here."""
    if why := lacking():
        pytest.skip(why)


def faults(data: bytes, folder: Path) -> list[str]:
    """Return what the rules of the minimal structure say is wrong with a document.

    Args:
        folder: where the compiled rules may be written.
    """
    processor, compiled = _compiled(str(folder))
    node = processor.parse_xml(xml_text=data.decode())
    report = compiled.transform_to_string(xdm_node=node)
    return [" ".join(filter(None, found)) for found in _FAULT.findall(report)]


@lru_cache(maxsize=1)
def _compiled(folder: str):
    from lxml import etree
    from saxonche import PySaxonProcessor

    # The rules call their value sets by relative paths, and one of them is missing upstream (J07):
    # a copy for the time of the tests gets it from the same repository.
    tree = Path(folder) / "schematrons"
    shutil.copytree(official.SCHEMATRONS, tree)
    shutil.copytree(official.DATA / "cda" / "jeuxDeValeurs", tree.parent / "jeuxDeValeurs")
    schema = tree / STRUCTURE
    if not (schema.parent / _MISSING).exists():
        types = etree.parse(tree.parent / "jeuxDeValeurs" / "JDV_J07_XdsTypeCode_CISIS.xml")
        root = etree.Element("valueSets")
        concepts = etree.SubElement(etree.SubElement(root, "valueSet"), "conceptList")
        for each in types.iter("{urn:ihe:iti:svs:2008}Concept"):
            etree.SubElement(concepts, "concept", dict(each.attrib))
        (schema.parent / _MISSING).write_bytes(etree.tostring(root))
    processor = PySaxonProcessor(license=False)
    engine = processor.new_xslt30_processor()
    node = processor.parse_xml(xml_file_name=str(schema))
    for name in ("iso_dsdl_include.xsl", "iso_abstract_expand.xsl"):
        step = engine.compile_stylesheet(stylesheet_file=str(tree / "moteur" / name))
        node = step.transform_to_value(xdm_node=node).head
    last = engine.compile_stylesheet(
        stylesheet_file=str(tree / "moteur" / "iso_svrl_for_xslt2.xsl")
    )
    last.set_parameter("allow-foreign", processor.make_string_value("true"))
    sheet = schema.with_suffix(".xsl")
    sheet.write_text(last.transform_to_string(xdm_node=node))
    return processor, engine.compile_stylesheet(stylesheet_file=str(sheet))
