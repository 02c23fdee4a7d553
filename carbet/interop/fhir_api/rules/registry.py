"""What the FHIR door serves: resources, interactions, search parameters. The one list of it.

The capability statement is written from it, the search reads by it, a test holds them together.
"""

from dataclasses import dataclass, field

from carbet.interop.fhir_api.choices import CDS, CDS_SEARCH, LARGEST_PAGE, UPDATE_PROFILE

GAP = "https://interop.esante.gouv.fr/ig/fhir/gap/"
CDL = "https://interop.esante.gouv.fr/ig/fhir/cdl/StructureDefinition/"
MES = "https://interop.esante.gouv.fr/ig/fhir/mesures/StructureDefinition/mesures-"
NDE = "https://interop.esante.gouv.fr/ig/fhir/nde/StructureDefinition/"
FR_CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
HL7 = "http://hl7.org/fhir/SearchParameter/"

ROR = "https://interop.esante.gouv.fr/ig/fhir/ror/StructureDefinition/"
AS_SEARCH = "https://interop.esante.gouv.fr/ig/fhir/annuaire/SearchParameter/"
ROR_SEARCH = "https://interop.esante.gouv.fr/ig/fhir/ror/SearchParameter/"

TOKEN, STRING, DATE, REFERENCE = "token", "string", "date", "reference"
NUMBER, QUANTITY, SPECIAL = "number", "quantity", "special"
READING = ("read", "search-type")
WRITING = ("create", "update")


@dataclass(frozen=True)
class Parameter:
    """One search parameter; `targets` are the types that a reference may point to."""

    name: str
    kind: str
    definition: str = ""
    targets: tuple[str, ...] = ()
    documentation: str = ""

    @property
    def is_chain(self) -> bool:
        return "." in self.name or self.name.startswith("_has:")


@dataclass(frozen=True)
class Resource:
    """One type of resource: how it may be read, sought and written.

    `asks_one_of`: sets of parameters of which one at least must be said whole, since a system
    never lists persons.
    """

    type: str
    profile: str
    interactions: tuple[str, ...]
    parameters: dict[str, Parameter]
    includes: dict[str, str] = field(default_factory=dict)
    revincludes: dict[str, str] = field(default_factory=dict)
    also_profiles: tuple[str, ...] = ()
    asks_one_of: tuple[frozenset[str], ...] = ()
    documentation: str = ""
    largest_page: int = LARGEST_PAGE
    conditional_update: bool = False

    @property
    def is_public(self) -> bool:
        """Tell whether it speaks of no person cared for."""
        return self.type in PUBLIC


PUBLIC = (
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "HealthcareService",
    "Endpoint",
    "Schedule",
    "Slot",
)


def _parameters(*given: Parameter) -> dict[str, Parameter]:
    common = (
        Parameter("_id", TOKEN, HL7 + "Resource-id"),
        Parameter("_lastUpdated", DATE, HL7 + "Resource-lastUpdated"),
    )
    return {parameter.name: parameter for parameter in (*common, *given)}


def _of_organization(kind: str) -> Parameter:
    return Parameter("organization", REFERENCE, f"{HL7}{kind}-organization", ("Organization",))


# ROR: the region, "03".
_TAG = Parameter("_tag", TOKEN, HL7 + "Resource-tag")


# Annuaire: from which information system and which authority the data come.
_TRACE = (
    Parameter("data-information-system", TOKEN, AS_SEARCH + "as-sp-data-information-system"),
    Parameter(
        "data-registration-authority", TOKEN, AS_SEARCH + "as-sp-data-registration-authority"
    ),
)


def _one_of(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.split()) for each in sets)


_PERSON = ("Patient",)
_ACTORS = ("PractitionerRole", "Practitioner", "Organization")


def _actor_chains(path: str) -> tuple[Parameter, ...]:
    """Return what an agenda is sought by, through its actor (GAP, flow 4a; SAS)."""
    return tuple(
        Parameter(f"{path}:{name}", kind)
        for name, kind in (
            ("Practitioner.identifier", TOKEN),
            ("PractitionerRole.practitioner.identifier", TOKEN),
            ("PractitionerRole.name", STRING),
            ("PractitionerRole.role", TOKEN),
            ("PractitionerRole.specialty", TOKEN),
            ("PractitionerRole.address", STRING),
            ("PractitionerRole.location.address", STRING),
            ("PractitionerRole.location.near", SPECIAL),
            ("PractitionerRole.organization.identifier", TOKEN),
            ("Organization.identifier", TOKEN),
            ("Location.organization.identifier", TOKEN),
            ("Location.name", STRING),
            ("Location.address", STRING),
            ("Location.near", SPECIAL),
            ("HealthcareService.organization.identifier", TOKEN),
            ("HealthcareService.organization.name", STRING),
            ("HealthcareService.organization.address", STRING),
        )
    )


_AGENDA_INCLUDES = {
    "Slot:schedule": "Schedule",
    "Slot:service-type-reference": "",
    "Schedule:actor": "",
    "PractitionerRole:practitioner": "Practitioner",
    "PractitionerRole:organization": "Organization",
    "PractitionerRole:location": "",
    "Location:organization": "",
    "HealthcareService:organization": "",
}
_MEMBERS = ("PractitionerRole", "Organization", "RelatedPerson")

_ENTRY_INCLUDES = {
    "PractitionerRole:practitioner": "Practitioner",
    "PractitionerRole:organization": "Organization",
}
_OF_ONE_PERSON = _one_of(
    *("_id", "identifier", "patient", "subject"),
    *("patient.identifier", "subject.identifier", "subject:Patient.identifier"),
)

RESOURCES: dict[str, Resource] = {
    resource.type: resource
    for resource in (
        Resource(
            "CareTeam",
            CDS + "cds-ihe-careteam",
            (*READING, *WRITING, "vread", "history-instance"),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "clinical-identifier"),
                Parameter("status", TOKEN, HL7 + "CareTeam-status"),
                Parameter("subject", REFERENCE, HL7 + "CareTeam-subject", _PERSON),
                Parameter("patient", REFERENCE, HL7 + "clinical-patient", _PERSON),
                Parameter("subject.identifier", TOKEN),
                Parameter("subject:Patient.identifier", TOKEN),
                Parameter("patient.identifier", TOKEN),
                Parameter("participant", REFERENCE, HL7 + "CareTeam-participant", _MEMBERS),
                Parameter("date", DATE, HL7 + "clinical-date"),
                Parameter("start", DATE, CDS_SEARCH + "cds-careteam-start"),
                Parameter("end", DATE, CDS_SEARCH + "cds-careteam-end"),
                Parameter("participant-start", DATE, CDS_SEARCH + "cds-careteam-participant-start"),
                Parameter("participant-end", DATE, CDS_SEARCH + "cds-careteam-participant-end"),
                Parameter(
                    "managingOrganization",
                    REFERENCE,
                    CDS_SEARCH + "cds-careteam-managing-organization",
                    ("Organization",),
                ),
            ),
            includes={
                "CareTeam:subject": "Patient",
                "CareTeam:patient": "Patient",
                "CareTeam:participant": "",
                "CareTeam:managingOrganization": "Organization",
                "PractitionerRole:practitioner": "Practitioner",
                "PractitionerRole:organization": "Organization",
            },
            documentation="Un seul cercle par personne. Chaînages : subject.identifier,"
            " subject:Patient.identifier, patient.identifier.",
        ),
        Resource(
            "Patient",
            FR_CORE + "fr-core-patient",
            (*READING, *WRITING),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Patient-identifier"),
                Parameter("family", STRING, HL7 + "individual-family"),
                Parameter("given", STRING, HL7 + "individual-given"),
                Parameter("name", STRING, HL7 + "Patient-name"),
                Parameter("birthdate", DATE, HL7 + "individual-birthdate"),
                Parameter("gender", TOKEN, HL7 + "individual-gender"),
                Parameter("address", STRING, HL7 + "individual-address"),
                Parameter("birthplace", STRING, CDS_SEARCH + "cds-patient-birthplace"),
            ),
            revincludes={
                "CareTeam:subject": "CareTeam",
                "CareTeam:patient": "CareTeam",
                "RelatedPerson:patient": "RelatedPerson",
            },
            also_profiles=(FR_CORE + "fr-core-patient-ins",),
            asks_one_of=_one_of("_id", "identifier", "family birthdate", "name birthdate"),
            documentation="Une recherche dit au moins _id, identifier (avec son système), ou"
            " family (ou name) et birthdate. Le matricule INS ne sort, et ne sert à chercher, que"
            " pour une identité qualifiée.",
        ),
        Resource(
            "RelatedPerson",
            CDS + "cds-fr-related-person",
            (*READING, "create"),
            _parameters(
                Parameter("patient", REFERENCE, HL7 + "RelatedPerson-patient", _PERSON),
                Parameter("name", STRING, HL7 + "RelatedPerson-name"),
                Parameter("relationship", TOKEN, HL7 + "RelatedPerson-relationship"),
            ),
            includes={"RelatedPerson:patient": "Patient"},
            asks_one_of=_one_of("_id", "patient"),
            documentation="Une recherche dit au moins _id ou patient.",
        ),
        Resource(
            "Practitioner",
            AS + "as-practitioner",
            (*READING, "create"),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Practitioner-identifier"),
                Parameter("active", TOKEN, HL7 + "Practitioner-active"),
                Parameter("name", STRING, HL7 + "Practitioner-name"),
                Parameter("family", STRING, HL7 + "individual-family"),
                Parameter("given", STRING, HL7 + "individual-given"),
                *_TRACE,
                Parameter("number-smartcard", STRING, AS_SEARCH + "as-sp-number-smartcard"),
                Parameter("type-smartcard", TOKEN, AS_SEARCH + "as-sp-type-smartcard"),
                Parameter("qualification-code", TOKEN, AS_SEARCH + "as-sp-qualification-code"),
                Parameter("mailbox-mss", STRING, AS_SEARCH + "as-sp-mailbox-mss"),
            ),
            revincludes={"PractitionerRole:practitioner": "PractitionerRole"},
            documentation="create retrouve le professionnel de l’annuaire ; il n’en ajoute pas.",
        ),
        Resource(
            "PractitionerRole",
            AS + "as-practitionerrole",
            (*READING, "create"),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "PractitionerRole-identifier"),
                Parameter("active", TOKEN, HL7 + "PractitionerRole-active"),
                Parameter(
                    "practitioner",
                    REFERENCE,
                    HL7 + "PractitionerRole-practitioner",
                    ("Practitioner",),
                ),
                _of_organization("PractitionerRole"),
                Parameter(
                    "service", REFERENCE, HL7 + "PractitionerRole-service", ("HealthcareService",)
                ),
                Parameter("role", TOKEN, HL7 + "PractitionerRole-role"),
                *_TRACE,
                Parameter("specialty", TOKEN, HL7 + "PractitionerRole-specialty"),
                Parameter("mailbox-mss", STRING, AS_SEARCH + "as-sp-mailbox-mss"),
            ),
            includes={
                "PractitionerRole:practitioner": "Practitioner",
                "PractitionerRole:organization": "Organization",
                "PractitionerRole:service": "HealthcareService",
                "Organization:partof": "Organization",
                "HealthcareService:location": "Location",
                "HealthcareService:organization": "Organization",
            },
            documentation="create retrouve le rôle de l’annuaire ; il n’en ajoute pas."
            " Chaînages : practitioner., organization. ou service. et un de leurs paramètres.",
        ),
        Resource(
            "Organization",
            AS + "as-organization",
            (*READING, "create"),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Organization-identifier"),
                Parameter("identifier-type", TOKEN),
                Parameter("active", TOKEN, HL7 + "Organization-active"),
                Parameter("name", STRING, HL7 + "Organization-name"),
                Parameter("type", TOKEN, HL7 + "Organization-type"),
                Parameter("partof", REFERENCE, HL7 + "Organization-partof", ("Organization",)),
                Parameter("address", STRING, HL7 + "Organization-address"),
                Parameter("address-line", STRING),
                Parameter("address-city", STRING, HL7 + "Organization-address-city"),
                Parameter("address-postalcode", STRING, HL7 + "Organization-address-postalcode"),
                *_TRACE,
                Parameter("address-insee", STRING, AS_SEARCH + "as-sp-insee-code"),
                Parameter("mailbox-mss", STRING, AS_SEARCH + "as-sp-mailbox-mss"),
                Parameter("pharmacy-licence", STRING, AS_SEARCH + "as-sp-pharmacy-licence"),
                _TAG,
            ),
            includes={"Organization:partof": "Organization"},
            revincludes={
                "Organization:partof": "Organization",
                "PractitionerRole:organization": "PractitionerRole",
                "HealthcareService:organization": "HealthcareService",
                "Location:organization": "Location",
                "Endpoint:organization": "Endpoint",
            },
            documentation="create retrouve la structure par son identifiant, ou la déclare.",
        ),
        Resource(
            "Location",
            ROR + "ror-location",
            READING,
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Location-identifier"),
                Parameter("name", STRING, HL7 + "Location-name"),
                Parameter("status", TOKEN, HL7 + "Location-status"),
                Parameter("type", TOKEN, HL7 + "Location-type"),
                _of_organization("Location"),
                Parameter("address-city", STRING, HL7 + "Location-address-city"),
                Parameter("address-postalcode", STRING, HL7 + "Location-address-postalcode"),
                Parameter("commune-cog", TOKEN, ROR_SEARCH + "ror-sp-location-commune-cog"),
                Parameter("near", SPECIAL, HL7 + "Location-near"),
                Parameter(
                    "near-insee-code", SPECIAL, ROR_SEARCH + "ror-sp-location-near-insee-code"
                ),
                Parameter("capacity-status", TOKEN, ROR_SEARCH + "ror-sp-location-capacity-status"),
                Parameter("capacity-type", TOKEN, ROR_SEARCH + "ror-sp-location-capacity-type"),
                Parameter(
                    "temporality-capacity",
                    TOKEN,
                    ROR_SEARCH + "ror-sp-location-temporality-capacity",
                ),
                Parameter("nb-capacity", NUMBER, ROR_SEARCH + "ror-sp-location-nb-capacity"),
                Parameter(
                    "capacity-update-date",
                    DATE,
                    ROR_SEARCH + "ror-sp-location-capacity-update-date",
                ),
                _TAG,
            ),
            includes={
                "Location:organization": "Organization",
                "Organization:partof": "Organization",
            },
            revincludes={"HealthcareService:location": "HealthcareService"},
            documentation="near : latitude|longitude|distance|km ; near-insee-code :"
            " code INSEE|distance|km. Les paramètres de capacité valent chacun pour une capacité.",
        ),
        Resource(
            "HealthcareService",
            ROR + "ror-healthcareservice",
            READING,
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "HealthcareService-identifier"),
                Parameter("name", STRING, HL7 + "HealthcareService-name"),
                Parameter("active", TOKEN, HL7 + "HealthcareService-active"),
                _of_organization("HealthcareService"),
                Parameter("location", REFERENCE, HL7 + "HealthcareService-location", ("Location",)),
                Parameter("service-category", TOKEN, HL7 + "HealthcareService-service-category"),
                Parameter("service-type", TOKEN, HL7 + "HealthcareService-service-type"),
                Parameter("specialty", TOKEN, HL7 + "HealthcareService-specialty"),
                *_TRACE,
                Parameter("characteristic", TOKEN, HL7 + "HealthcareService-characteristic"),
                Parameter(
                    "patient-type", TOKEN, ROR_SEARCH + "ror-sp-healthcareservice-patient-type"
                ),
                Parameter(
                    "intervention-zone",
                    TOKEN,
                    ROR_SEARCH + "ror-sp-healthcareservice-intervention-zone",
                ),
                Parameter(
                    "notavailable-closing-reopeningdate",
                    DATE,
                    ROR_SEARCH + "ror-sp-healthcareservice-notavailable-closing-reopeningdate",
                ),
                Parameter(
                    "psychiatric-sector",
                    STRING,
                    ROR_SEARCH + "ror-sp-healthcareservice-psychiatric-sector",
                ),
                Parameter(
                    "age-range-low", QUANTITY, ROR_SEARCH + "ror-sp-healthcareservice-age-range-low"
                ),
                Parameter(
                    "age-range-high",
                    QUANTITY,
                    ROR_SEARCH + "ror-sp-healthcareservice-age-range-high",
                ),
                _TAG,
            ),
            includes={
                "HealthcareService:organization": "Organization",
                "HealthcareService:location": "Location",
                "Organization:partof": "Organization",
                "PractitionerRole:practitioner": "Practitioner",
            },
            revincludes={"PractitionerRole:service": "PractitionerRole"},
            documentation="Les unités sensibles ne sont pas montrées. Chaînages : organization."
            " et location. suivis d’un de leurs paramètres (location.near-insee-code).",
        ),
        Resource(
            "Endpoint",
            "http://hl7.org/fhir/StructureDefinition/Endpoint",
            READING,
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Endpoint-identifier"),
                Parameter("name", STRING, HL7 + "Endpoint-name"),
                Parameter("status", TOKEN, HL7 + "Endpoint-status"),
                _of_organization("Endpoint"),
                Parameter("connection-type", TOKEN, HL7 + "Endpoint-connection-type"),
            ),
            includes={"Endpoint:organization": "Organization"},
        ),
        Resource(
            "Schedule",
            FR_CORE + "fr-core-schedule",
            (*READING, *WRITING, "delete"),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Schedule-identifier"),
                Parameter("active", TOKEN, HL7 + "Schedule-active"),
                Parameter("actor", REFERENCE, HL7 + "Schedule-actor", _ACTORS),
                Parameter("specialty", TOKEN, HL7 + "Schedule-specialty"),
                Parameter("service-type", TOKEN, HL7 + "Schedule-service-type"),
                Parameter("date", DATE, HL7 + "Schedule-date"),
                *_actor_chains("actor"),
                Parameter("_has:Slot:schedule:start", DATE),
                Parameter("_has:Slot:schedule:status", TOKEN),
            ),
            includes=_AGENDA_INCLUDES,
            revincludes={"Slot:schedule": "Slot"},
            also_profiles=(GAP + "StructureDefinition/gap-fr-schedule",),
            documentation="L’agenda d’un professionnel, ou de sa structure, tenu par sa structure."
            " L’extension fr-core-schedule-availability-time ouvre les créneaux ; delete le ferme."
            " _revinclude=Slot:schedule rend les créneaux que demandent les _has.",
            largest_page=200,
            conditional_update=True,
        ),
        Resource(
            "Slot",
            FR_CORE + "fr-core-slot",
            (*READING, *WRITING),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Slot-identifier"),
                Parameter("status", TOKEN, HL7 + "Slot-status"),
                Parameter("start", DATE, HL7 + "Slot-start"),
                Parameter("schedule", REFERENCE, HL7 + "Slot-schedule", ("Schedule",)),
                Parameter("specialty", TOKEN, HL7 + "Slot-specialty"),
                Parameter("service-type", TOKEN, HL7 + "Slot-service-type"),
                Parameter("schedule.actor", REFERENCE, targets=_ACTORS),
                *_actor_chains("schedule.actor"),
            ),
            includes=_AGENDA_INCLUDES,
            also_profiles=(GAP + "StructureDefinition/gap-fr-slot",),
            documentation="Créneaux, libres ou non (GAP flux 4a, SAS). Un créneau pris ne se"
            " modifie pas.",
            largest_page=500,
            conditional_update=True,
        ),
        Resource(
            "Appointment",
            FR_CORE + "fr-core-appointment",
            (*READING, *WRITING),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "Appointment-identifier"),
                Parameter("status", TOKEN, HL7 + "Appointment-status"),
                Parameter("date", DATE, HL7 + "Appointment-date"),
                Parameter("created", DATE, GAP + "SearchParameter/GAP-Appointment-created"),
                Parameter(
                    "description", STRING, GAP + "SearchParameter/GAP-Appointment-description"
                ),
                Parameter("priority", TOKEN, GAP + "SearchParameter/GAP-Appointment-priority"),
                Parameter("service-type", TOKEN, HL7 + "Appointment-service-type"),
                Parameter("patient", REFERENCE, HL7 + "Appointment-patient", _PERSON),
                Parameter("actor", REFERENCE, HL7 + "Appointment-actor", ("Patient", *_ACTORS)),
                Parameter(
                    "practitioner",
                    REFERENCE,
                    HL7 + "Appointment-practitioner",
                    ("Practitioner",),
                ),
                Parameter("slot", REFERENCE, HL7 + "Appointment-slot", ("Slot",)),
                Parameter("patient.identifier", TOKEN),
                Parameter("actor:Patient.identifier", TOKEN),
                Parameter("practitioner.identifier", TOKEN),
                Parameter("actor:Practitioner.identifier", TOKEN),
                Parameter("actor:Organization.identifier", TOKEN),
            ),
            includes={
                "Appointment:patient": "Patient",
                "Appointment:actor": "",
                "Appointment:practitioner": "Practitioner",
                "Appointment:slot": "Slot",
                **_AGENDA_INCLUDES,
            },
            also_profiles=(GAP + "StructureDefinition/gap-fr-appointment",),
            asks_one_of=_one_of(
                *("_id", "identifier", "patient", "actor", "practitioner", "slot"),
                *("patient.identifier", "actor:Patient.identifier"),
                *("practitioner.identifier", "actor:Practitioner.identifier"),
                "actor:Organization.identifier",
            ),
            documentation="create : proposed demande, booked déclare (GAP flux 6a, SAS). Un créneau"
            " pris par un autre : 409. PUT Appointment?identifier=système|valeur (flux 6b)."
            " Une recherche dit au moins _id, identifier, slot, une personne ou un acteur.",
            conditional_update=True,
        ),
        Resource(
            "DocumentReference",
            CDL + "cdl-document-reference",
            (*READING, *WRITING, "vread", "history-instance"),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "clinical-identifier"),
                Parameter("patient", REFERENCE, HL7 + "clinical-patient", _PERSON),
                Parameter("subject", REFERENCE, HL7 + "DocumentReference-subject", _PERSON),
                Parameter("patient.identifier", TOKEN),
                Parameter("subject.identifier", TOKEN),
                Parameter("subject:Patient.identifier", TOKEN),
                Parameter("status", TOKEN, HL7 + "DocumentReference-status"),
                Parameter("type", TOKEN, HL7 + "clinical-type"),
                Parameter("date", DATE, HL7 + "DocumentReference-date"),
                Parameter("security-label", TOKEN, HL7 + "DocumentReference-security-label"),
                Parameter("author", REFERENCE, HL7 + "DocumentReference-author", _ACTORS),
                Parameter("author:Organization.identifier", TOKEN),
                Parameter("author:Practitioner.identifier", TOKEN),
                Parameter(
                    "relatesto",
                    REFERENCE,
                    HL7 + "DocumentReference-relatesto",
                    ("DocumentReference",),
                ),
            ),
            includes=_ENTRY_INCLUDES
            | {
                "DocumentReference:subject": "Patient",
                "DocumentReference:patient": "Patient",
                "DocumentReference:author": "",
            },
            asks_one_of=_OF_ONE_PERSON,
            documentation="Notes du cahier de liaison (CdL). Une recherche dit au moins _id,"
            " identifier ou une personne. PUT corrige le texte ou retire (entered-in-error). Un"
            " auteur qui n’est pas de la structure qui envoie est gardé par son nom.",
        ),
        Resource(
            "Observation",
            MES + "fr-observation-bp",
            (*READING, *WRITING),
            _parameters(
                Parameter("identifier", TOKEN, HL7 + "clinical-identifier"),
                Parameter("patient", REFERENCE, HL7 + "clinical-patient", _PERSON),
                Parameter("subject", REFERENCE, HL7 + "Observation-subject", _PERSON),
                Parameter("patient.identifier", TOKEN),
                Parameter("subject.identifier", TOKEN),
                Parameter("subject:Patient.identifier", TOKEN),
                Parameter("status", TOKEN, HL7 + "Observation-status"),
                Parameter("category", TOKEN, HL7 + "Observation-category"),
                Parameter("code", TOKEN, HL7 + "clinical-code"),
                Parameter("date", DATE, HL7 + "clinical-date"),
                Parameter("performer", REFERENCE, HL7 + "Observation-performer", _ACTORS),
            ),
            includes=_ENTRY_INCLUDES
            | {
                "Observation:subject": "Patient",
                "Observation:patient": "Patient",
                "Observation:performer": "",
            },
            also_profiles=tuple(
                MES + name
                for name in (
                    *("fr-observation-body-weight", "fr-observation-heartrate"),
                    *("fr-observation-body-temperature", "fr-observation-oxygen-sat"),
                    *("fr-observation-resp-rate", "fr-observation-bodyheight"),
                    *("fr-observation-bmi", "observation-glucose", "observation-hb1ac"),
                    *("observation-pain-severity", "observation-waist-circumference"),
                    "observation-head-circumference",
                )
            ),
            asks_one_of=_OF_ONE_PERSON,
            documentation="Mesures (MES). Une recherche dit au moins _id, identifier ou une"
            " personne. PUT ne fait que retirer (entered-in-error).",
        ),
        Resource(
            "Binary",
            "http://hl7.org/fhir/StructureDefinition/Binary",
            ("read",),
            {},
            documentation="Photos et fichiers des notes du cahier.",
        ),
        Resource(
            "Subscription",
            NDE + "nde-subscription",
            (*READING, *WRITING, "delete"),
            _parameters(
                Parameter("patient", REFERENCE, targets=_PERSON),
                Parameter("status", TOKEN, HL7 + "Subscription-status"),
            ),
            asks_one_of=_one_of("_id", "patient"),
            documentation="Une recherche dit au moins _id ou patient. La structure lit le dossier ;"
            " l’abonnement s’arrête quand elle quitte le cercle. Canaux : rest-hook, email, sms.",
        ),
        Resource(
            "CommunicationRequest",
            NDE + "nde-eventdeclaration",
            (*READING, "create"),
            _parameters(
                Parameter("patient", REFERENCE, HL7 + "CommunicationRequest-patient", _PERSON),
                Parameter(
                    "event-type",
                    TOKEN,
                    "https://interop.esante.gouv.fr/ig/fhir/nde/SearchParameter/"
                    "NdE-CommunicationRequest-EventType",
                ),
            ),
            also_profiles=(NDE + "nde-notificationrequest",),
            asks_one_of=_one_of("_id", "patient"),
            documentation="Une recherche dit au moins _id ou patient. create déclare un événement :"
            " sa pièce jointe n’est pas conservée.",
        ),
    )
}
# Which references may be followed by a point and a parameter of what they lead to.
CHAINS: dict[str, dict[str, str]] = {
    "Organization": {"partof": "Organization"},
    "PractitionerRole": {
        "practitioner": "Practitioner",
        "organization": "Organization",
        "service": "HealthcareService",
    },
    "Location": {"organization": "Organization"},
    "HealthcareService": {"organization": "Organization", "location": "Location"},
    "Endpoint": {"organization": "Organization"},
}


def chained(target: str) -> tuple[str, ...]:
    """Return the parameters of a type that may follow a point."""
    return tuple(
        name
        for name, parameter in RESOURCES[target].parameters.items()
        if not parameter.is_chain and name != "_lastUpdated"
    )


for _kind, _links in CHAINS.items():
    _given: dict[str, Parameter] = {}
    for _link, _target in _links.items():
        for _name in chained(_target):
            _end = RESOURCES[_target].parameters[_name]
            for _path in (f"{_link}.{_name}", f"{_link}:{_target}.{_name}"):
                _given[_path] = Parameter(_path, _end.kind, targets=_end.targets)
    RESOURCES[_kind].parameters.update(_given)

# Parameters that change the answer, not what is sought.
RESULT_PARAMETERS = frozenset(
    {
        "_count",
        "_elements",
        "_format",
        "_include",
        "_include:iterate",
        "_page",
        "_pretty",
        "_revinclude",
        "_summary",
        "_total",
    }
)
TRANSACTION_PROFILES = (
    CDS + "cds-bundle-transaction-creation",
    UPDATE_PROFILE,
    CDL + "cdl-bundle-creation-note",
    CDL + "cdl-bundle-maj-note",
)
