"""What a structure asks to be told, and the events that it declares (subscriptions)."""

from carbet.interop.fhir_api.rules.registry.parameters import (
    PERSON,
    REFERENCE,
    TOKEN,
    Parameter,
    one_of,
    parameters,
    standard,
)
from carbet.interop.fhir_api.rules.registry.resource import READING, WRITING, Resource

NDE = "https://interop.esante.gouv.fr/ig/fhir/nde/StructureDefinition/"

SERVED = (
    Resource(
        "Subscription",
        NDE + "nde-subscription",
        (*READING, *WRITING, "delete"),
        parameters(
            Parameter("patient", REFERENCE, targets=PERSON),
            standard("Subscription", "status", TOKEN),
        ),
        asks_one_of=one_of("_id", "patient"),
        documentation="Une recherche dit au moins _id ou patient. La structure lit le dossier ;"
        " l’abonnement s’arrête quand elle quitte le cercle. Canaux : rest-hook, email, sms.",
    ),
    Resource(
        "CommunicationRequest",
        NDE + "nde-eventdeclaration",
        (*READING, "create"),
        parameters(
            standard("CommunicationRequest", "patient", REFERENCE, *PERSON),
            Parameter(
                "event-type",
                TOKEN,
                "https://interop.esante.gouv.fr/ig/fhir/nde/SearchParameter/"
                "NdE-CommunicationRequest-EventType",
            ),
        ),
        also_profiles=(NDE + "nde-notificationrequest",),
        asks_one_of=one_of("_id", "patient"),
        documentation="Une recherche dit au moins _id ou patient. create déclare un événement :"
        " sa pièce jointe n’est pas conservée.",
    ),
)
