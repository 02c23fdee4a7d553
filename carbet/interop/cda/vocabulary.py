"""The constants of the CI-SIS: namespaces, OIDs, templates, and the few codes that we say."""

V3 = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SDTC = "urn:hl7-org:sdtc"
NS = {"h": V3}

TYPE_ID = ("2.16.840.1.113883.1.3", "POCD_HD000040")
HL7_FRANCE = "2.16.840.1.113883.2.8.2.1"
CI_SIS = "1.2.250.1.213.1.1.1.1"
XDS_SD = "1.3.6.1.4.1.19376.1.2.20"

LOINC = "2.16.840.1.113883.6.1"
TA_CDA = "1.2.250.1.213.1.1.4.12"
DOCUMENT_TYPES = (LOINC, TA_CDA)
CONFIDENTIALITY = "2.16.840.1.113883.5.25"
GENDER = "2.16.840.1.113883.5.1"
FUNCTION = "2.16.840.1.113883.5.88"
AUTHOR_SPECIALTY = "1.2.250.1.213.1.1.4.5"
PRACTICE_SETTING = "1.2.250.1.213.1.1.4.9"
FACILITY = "1.2.250.1.71.4.2.4"
# IDNPS (a professional) and IDNST (a structure).
PROFESSIONAL = "1.2.250.1.71.4.2.1"
STRUCTURE = "1.2.250.1.71.4.2.2"
# Where what persons write themselves is kept.
PATIENT_HOST = "1.2.250.1.213.4.1"

CONFIDENTIALITIES = {"N": "Normal", "R": "Restreint", "V": "Très restreint"}
GENDERS = {"F": "Féminin", "M": "Masculin", "UN": "Inconnu"}
PDF = "application/pdf"

# Sections whose entries are shown as tables, by their LOINC code or their template.
IMMUNIZATION_TEMPLATE = "1.3.6.1.4.1.19376.1.5.3.1.4.12"
ALLERGY_TEMPLATES = frozenset(
    {
        "1.3.6.1.4.1.19376.1.5.3.1.4.6",
        "2.16.840.1.113883.10.20.1.18",
        "2.16.840.1.113883.10.20.1.28.1",
    }
)
PROBLEM_TEMPLATE = "1.3.6.1.4.1.19376.1.5.3.1.4.5"
REACTION_TEMPLATE = "2.16.840.1.113883.10.20.1.54"

# The models of cancer care: the record of the meeting (FRCP) and the care plan (PPS).
CANCER_TEMPLATES = frozenset({"1.2.250.1.213.1.1.1.8", "1.2.250.1.213.1.1.1.26"})
COMMENT_TEMPLATE = "1.2.250.1.213.1.1.3.32"
FORESEEN = "GEN-177"
