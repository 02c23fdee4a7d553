"""The constants of XDS metadata (ebRIM 3.0): schemes, identifiers, classes of documents (J06)."""

RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
NS = {"r": RIM}

DOCUMENT = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
SUBMISSION_SET = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
PACKAGE = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:RegistryPackage"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
ASSOCIATION = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Association"
CLASSIFICATION = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification"
EXTERNAL = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier"

# Classifications of a document.
AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
CLASS = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
CONFIDENTIALITY = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
FORMAT = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
FACILITY = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
SETTING = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
TYPE = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
EVENT = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
# External identifiers of a document, then classifications and identifiers of the submission.
DOCUMENT_PATIENT = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
DOCUMENT_UNIQUE = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
SET_AUTHOR = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
SET_CONTENT = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
SET_PATIENT = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
SET_SOURCE = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"
SET_UNIQUE = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"

PDF_FORMAT = ("urn:ihe:iti:xds-sd:pdf:2008", "Document à corps non structuré en PDF/A-1")
OTHER_FORMAT = ("urn:asipSante:modelesHorsProfils:2011", "Document structuré hors profil")
IHE_FORMATS = "1.3.6.1.4.1.19376.1.2.3"
OTHER_FORMATS = "1.2.250.1.213.1.1.4.2.282"

# TRE_A03-ClasseDocument, and which one a type of document (J07) belongs to.
CLASSES = "1.2.250.1.213.1.1.4.1"
REPORT = ("10", "Compte rendu")
_BY_TYPE = {
    ("11", "Synthèse"): ("60591-5", "SYNTH", "34133-9", "68599-0", "74207-2", "57055-6"),
    ("31", "Imagerie médicale"): ("IMG-KOS", "52040-3"),
    ("42", "Prescription"): (
        *("57833-6", "57832-8", "57828-6", "55115-0", "75496-0", "96349-6"),
        *("PRESC-AAT", "PRESC-BIO", "PRESC-KINE", "PRESC-INF", "PRESC-PEDI", "PRESC-ORTHOPHO"),
    ),
    ("43", "Dispensation"): ("60593-1", "DISP_AUT"),
    ("44", "Plan de soins, protocole de soins"): (
        *("18776-5", "80788-3", "83869-8", "PROT_ALD", "80771-9", "77604-7"),
    ),
    ("45", "Traitement administré"): ("80565-5", "11369-6", "87273-9"),
    ("52", "Certificat, déclaration"): ("89601-9", "CERT_DECL", "59284-0", "86531-1"),
    ("95", "Document de gestion"): ("51851-4", "FICHE-CONTACTS", "EXPORT_DUI", "PIECE-IDENTITE"),
}
_CLASS_OF = {code: kind for kind, codes in _BY_TYPE.items() for code in codes}


def class_of(document_type: str) -> tuple[str, str]:
    """Return the class (J06) of a type of document (J07): code and label."""
    return _CLASS_OF.get(document_type, REPORT)
