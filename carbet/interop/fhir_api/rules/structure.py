"""The shape of the FHIR R4 resources that we read: elements, types, cardinalities, required codes.

The tables below follow the element definitions of FHIR 4.0.1. One element is written `name:Type`,
with `!` when exactly one is required, `+` one or more, `*` any number; `name[x]:A|B` is a choice of
types; `code(a|b)` a required list of codes.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from carbet.core import fhir
from carbet.core.fhir import Issue, Json
from carbet.interop.fhir_api.choices import DEEPEST

_RESOURCE = "id:id meta:Meta implicitRules:uri language:code"
_DOMAIN = _RESOURCE + (
    " text:Narrative contained:Resource* extension:Extension* modifierExtension:Extension*"
)
_ELEMENT = "id:string extension:Extension*"
_BACKBONE = _ELEMENT + " modifierExtension:Extension*"
_GENDER = "code(male|female|other|unknown)"
_USE = "code(usual|official|temp|nickname|anonymous|old|maiden)"

_RESOURCES = {
    "Patient": f"""identifier:Identifier* active:boolean name:HumanName* telecom:ContactPoint*
        gender:{_GENDER} birthDate:date deceased[x]:boolean|dateTime address:Address*
        maritalStatus:CodeableConcept multipleBirth[x]:boolean|integer photo:Attachment*
        contact:Patient.contact* communication:Patient.communication*
        generalPractitioner:Reference* managingOrganization:Reference link:Patient.link*""",
    "RelatedPerson": f"""identifier:Identifier* active:boolean patient:Reference!
        relationship:CodeableConcept* name:HumanName* telecom:ContactPoint* gender:{_GENDER}
        birthDate:date address:Address* photo:Attachment* period:Period
        communication:RelatedPerson.communication*""",
    "Practitioner": f"""identifier:Identifier* active:boolean name:HumanName*
        telecom:ContactPoint* address:Address* gender:{_GENDER} birthDate:date photo:Attachment*
        qualification:Practitioner.qualification* communication:CodeableConcept*""",
    "PractitionerRole": """identifier:Identifier* active:boolean period:Period
        practitioner:Reference organization:Reference code:CodeableConcept*
        specialty:CodeableConcept* location:Reference* healthcareService:Reference*
        telecom:ContactPoint* availableTime:PractitionerRole.availableTime*
        notAvailable:PractitionerRole.notAvailable* availabilityExceptions:string
        endpoint:Reference*""",
    "Organization": """identifier:Identifier* active:boolean type:CodeableConcept* name:string
        alias:string* telecom:ContactPoint* address:Address* partOf:Reference
        contact:Organization.contact* endpoint:Reference*""",
    "CareTeam": """identifier:Identifier*
        status:code(proposed|active|suspended|inactive|entered-in-error)
        category:CodeableConcept* name:string subject:Reference encounter:Reference period:Period
        participant:CareTeam.participant* reasonCode:CodeableConcept* reasonReference:Reference*
        managingOrganization:Reference* telecom:ContactPoint* note:Annotation*""",
    "Schedule": """identifier:Identifier* active:boolean serviceCategory:CodeableConcept*
        serviceType:CodeableConcept* specialty:CodeableConcept* actor:Reference+
        planningHorizon:Period comment:string""",
    "Slot": """identifier:Identifier* serviceCategory:CodeableConcept* serviceType:CodeableConcept*
        specialty:CodeableConcept* appointmentType:CodeableConcept schedule:Reference!
        status:code(busy|free|busy-unavailable|busy-tentative|entered-in-error)! start:instant!
        end:instant! overbooked:boolean comment:string""",
    "Appointment": """identifier:Identifier*
        status:code(proposed|pending|booked|arrived|fulfilled|cancelled|noshow|entered-in-error|checked-in|waitlist)!
        cancelationReason:CodeableConcept serviceCategory:CodeableConcept*
        serviceType:CodeableConcept* specialty:CodeableConcept* appointmentType:CodeableConcept
        reasonCode:CodeableConcept* reasonReference:Reference* priority:unsignedInt
        description:string supportingInformation:Reference* start:instant end:instant
        minutesDuration:positiveInt slot:Reference* created:dateTime comment:string
        patientInstruction:string basedOn:Reference* participant:Appointment.participant+
        requestedPeriod:Period*""",
    "DocumentReference": """masterIdentifier:Identifier identifier:Identifier*
        status:code(current|superseded|entered-in-error)!
        docStatus:code(preliminary|final|amended|entered-in-error) type:CodeableConcept
        category:CodeableConcept* subject:Reference date:instant author:Reference*
        authenticator:Reference custodian:Reference relatesTo:DocumentReference.relatesTo*
        description:string securityLabel:CodeableConcept* content:DocumentReference.content+
        context:DocumentReference.context""",
    "Observation": """identifier:Identifier* basedOn:Reference* partOf:Reference*
        status:code(registered|preliminary|final|amended|corrected|cancelled|entered-in-error|unknown)!
        category:CodeableConcept* code:CodeableConcept! subject:Reference focus:Reference*
        encounter:Reference effective[x]:dateTime|Period|instant issued:instant
        performer:Reference*
        value[x]:Quantity|CodeableConcept|string|boolean|integer|Range|Ratio|time|dateTime|Period
        dataAbsentReason:CodeableConcept interpretation:CodeableConcept* note:Annotation*
        bodySite:CodeableConcept method:CodeableConcept specimen:Reference device:Reference
        referenceRange:Observation.referenceRange* hasMember:Reference* derivedFrom:Reference*
        component:Observation.component*""",
    "ServiceRequest": """identifier:Identifier* instantiatesCanonical:canonical*
        instantiatesUri:uri* basedOn:Reference* replaces:Reference* requisition:Identifier
        status:code(draft|active|on-hold|revoked|completed|entered-in-error|unknown)!
        intent:code(proposal|plan|directive|order|original-order|reflex-order|filler-order|instance-order|option)!
        category:CodeableConcept* priority:code(routine|urgent|asap|stat) doNotPerform:boolean
        code:CodeableConcept orderDetail:CodeableConcept* quantity[x]:Quantity|Ratio|Range
        subject:Reference! encounter:Reference occurrence[x]:dateTime|Period
        asNeeded[x]:boolean|CodeableConcept authoredOn:dateTime requester:Reference
        performerType:CodeableConcept performer:Reference* locationCode:CodeableConcept*
        locationReference:Reference* reasonCode:CodeableConcept* reasonReference:Reference*
        insurance:Reference* supportingInfo:Reference* specimen:Reference* bodySite:CodeableConcept*
        note:Annotation* patientInstruction:string relevantHistory:Reference*""",
    "Subscription": """status:code(requested|active|error|off)! contact:ContactPoint* end:instant
        reason:string! criteria:string! error:string channel:Subscription.channel!""",
    "CommunicationRequest": """identifier:Identifier* basedOn:Reference* replaces:Reference*
        groupIdentifier:Identifier
        status:code(draft|active|on-hold|revoked|completed|entered-in-error|unknown)!
        statusReason:CodeableConcept category:CodeableConcept*
        priority:code(routine|urgent|asap|stat) doNotPerform:boolean medium:CodeableConcept*
        subject:Reference about:Reference* encounter:Reference
        payload:CommunicationRequest.payload* occurrence[x]:dateTime|Period authoredOn:dateTime
        requester:Reference recipient:Reference* sender:Reference reasonCode:CodeableConcept*
        reasonReference:Reference* note:Annotation*""",
    "Questionnaire": """url:uri identifier:Identifier* version:string name:string title:string
        derivedFrom:canonical* status:code(draft|active|retired|unknown)! experimental:boolean
        subjectType:code* date:dateTime publisher:string contact:ContactDetail*
        description:markdown useContext:UsageContext* jurisdiction:CodeableConcept*
        purpose:markdown copyright:markdown approvalDate:date lastReviewDate:date
        effectivePeriod:Period code:Coding* item:Questionnaire.item*""",
    "QuestionnaireResponse": """identifier:Identifier basedOn:Reference* partOf:Reference*
        questionnaire:canonical
        status:code(in-progress|completed|amended|entered-in-error|stopped)! subject:Reference
        encounter:Reference authored:dateTime author:Reference source:Reference
        item:QuestionnaireResponse.item*""",
}
_BUNDLE = """identifier:Identifier
    type:code(document|message|transaction|transaction-response|batch|batch-response|history|searchset|collection)!
    timestamp:instant total:unsignedInt link:Bundle.link* entry:Bundle.entry* signature:Signature"""

_BACKBONES = {
    "Patient.contact": f"""relationship:CodeableConcept* name:HumanName telecom:ContactPoint*
        address:Address gender:{_GENDER} organization:Reference period:Period""",
    "Patient.communication": "language:CodeableConcept! preferred:boolean",
    "Patient.link": "other:Reference! type:code(replaced-by|replaces|refer|seealso)!",
    "RelatedPerson.communication": "language:CodeableConcept! preferred:boolean",
    "Practitioner.qualification": """identifier:Identifier* code:CodeableConcept! period:Period
        issuer:Reference""",
    "PractitionerRole.availableTime": """daysOfWeek:code(mon|tue|wed|thu|fri|sat|sun)*
        allDay:boolean availableStartTime:time availableEndTime:time""",
    "PractitionerRole.notAvailable": "description:string! during:Period",
    "Organization.contact": """purpose:CodeableConcept name:HumanName telecom:ContactPoint*
        address:Address""",
    "CareTeam.participant": """role:CodeableConcept* member:Reference onBehalfOf:Reference
        period:Period""",
    "Appointment.participant": """type:CodeableConcept* actor:Reference
        required:code(required|optional|information-only)
        status:code(accepted|declined|tentative|needs-action)! period:Period""",
    "DocumentReference.relatesTo": """code:code(replaces|transforms|signs|appends)!
        target:Reference!""",
    "DocumentReference.content": "attachment:Attachment! format:Coding",
    "DocumentReference.context": """encounter:Reference* event:CodeableConcept* period:Period
        facilityType:CodeableConcept practiceSetting:CodeableConcept sourcePatientInfo:Reference
        related:Reference*""",
    "Observation.referenceRange": """low:Quantity high:Quantity type:CodeableConcept
        appliesTo:CodeableConcept* age:Range text:string""",
    "Observation.component": """code:CodeableConcept!
        value[x]:Quantity|CodeableConcept|string|boolean|integer|Range|Ratio|time|dateTime|Period
        dataAbsentReason:CodeableConcept interpretation:CodeableConcept*
        referenceRange:Observation.referenceRange*""",
    "Subscription.channel": """type:code(rest-hook|websocket|email|sms|message)! endpoint:url
        payload:code header:string*""",
    "CommunicationRequest.payload": "content[x]:string|Attachment|Reference",
    "Questionnaire.item": """linkId:string! definition:uri code:Coding* prefix:string text:string
        type:code(group|display|boolean|decimal|integer|date|dateTime|time|string|text|url|choice|open-choice|attachment|reference|quantity)!
        enableWhen:Questionnaire.item.enableWhen* enableBehavior:code(all|any) required:boolean
        repeats:boolean readOnly:boolean maxLength:integer answerValueSet:canonical
        answerOption:Questionnaire.item.answerOption* initial:Questionnaire.item.initial*
        item:Questionnaire.item*""",
    "Questionnaire.item.enableWhen": """question:string!
        operator:code(exists|=|!=|>|<|>=|<=)!
        answer[x]:boolean|decimal|integer|date|dateTime|time|string|Coding|Quantity|Reference""",
    "Questionnaire.item.answerOption": """value[x]:integer|date|time|string|Coding|Reference
        initialSelected:boolean""",
    "Questionnaire.item.initial": """value[x]:boolean|decimal|integer|date|dateTime|time|string|
        uri|Attachment|Coding|Quantity|Reference""",
    "QuestionnaireResponse.item": """linkId:string! definition:uri text:string
        answer:QuestionnaireResponse.item.answer* item:QuestionnaireResponse.item*""",
    "QuestionnaireResponse.item.answer": """value[x]:boolean|decimal|integer|date|dateTime|time|
        string|uri|Attachment|Coding|Quantity|Reference item:QuestionnaireResponse.item*""",
    "Bundle.link": "relation:string! url:uri!",
    "Bundle.entry": """link:Bundle.link* fullUrl:uri resource:Resource search:Bundle.entry.search
        request:Bundle.entry.request response:Bundle.entry.response""",
    "Bundle.entry.search": "mode:code(match|include|outcome) score:decimal",
    "Bundle.entry.request": """method:code(GET|HEAD|POST|PUT|DELETE|PATCH)! url:uri!
        ifNoneMatch:string ifModifiedSince:instant ifMatch:string ifNoneExist:string""",
    "Bundle.entry.response": """status:string! location:uri etag:string lastModified:instant
        outcome:Resource""",
}

_DATA_TYPES = {
    "Narrative": "status:code(generated|extensions|additional|empty)! div:xhtml!",
    "Meta": """versionId:id lastUpdated:instant source:uri profile:canonical* security:Coding*
        tag:Coding*""",
    "Identifier": """use:code(usual|official|temp|secondary|old) type:CodeableConcept system:uri
        value:string period:Period assigner:Reference""",
    "CodeableConcept": "coding:Coding* text:string",
    "Coding": "system:uri version:string code:code display:string userSelected:boolean",
    "Reference": "reference:string type:uri identifier:Identifier display:string",
    "Period": "start:dateTime end:dateTime",
    "HumanName": f"""use:{_USE} text:string family:string given:string* prefix:string*
        suffix:string* period:Period""",
    "ContactPoint": """system:code(phone|fax|email|pager|url|sms|other) value:string
        use:code(home|work|temp|old|mobile) rank:positiveInt period:Period""",
    "Address": """use:code(home|work|temp|old|billing) type:code(postal|physical|both) text:string
        line:string* city:string district:string state:string postalCode:string country:string
        period:Period""",
    "Attachment": """contentType:code language:code data:base64Binary url:url size:unsignedInt
        hash:base64Binary title:string creation:dateTime""",
    "Annotation": "author[x]:Reference|string time:dateTime text:markdown!",
    "Quantity": """value:decimal comparator:code(<|<=|>=|>) unit:string system:uri code:code""",
    "Duration": "value:decimal comparator:code(<|<=|>=|>) unit:string system:uri code:code",
    "Range": "low:Quantity high:Quantity",
    "Ratio": "numerator:Quantity denominator:Quantity",
    "ContactDetail": "name:string telecom:ContactPoint*",
    "UsageContext": "code:Coding! value[x]:CodeableConcept|Quantity|Range|Reference",
    "Expression": "description:string name:id language:code! expression:string reference:uri",
    "Signature": """type:Coding+ when:instant! who:Reference! onBehalfOf:Reference
        targetFormat:code sigFormat:code data:base64Binary""",
}
_EXTENSION = """url:uri! value[x]:base64Binary|boolean|canonical|code|date|dateTime|decimal|id|
    instant|integer|markdown|oid|positiveInt|string|time|unsignedInt|uri|url|uuid|Address|Annotation|
    Attachment|CodeableConcept|Coding|ContactPoint|Duration|HumanName|Identifier|Period|Quantity|Range|
    Ratio|Reference|Signature|Meta|ContactDetail|Expression|UsageContext"""


@dataclass(frozen=True, slots=True)
class _Element:
    kind: str
    codes: frozenset[str]
    least: int
    many: bool
    choice: str


def _parse(table: str, common: str) -> dict[str, _Element]:
    found: dict[str, _Element] = {}
    for word in re.sub(r"\|\s+", "|", f"{common} {table}").split():
        name, kind = word.split(":", 1)
        mark = kind[-1] if kind[-1] in "!+*" else ""
        kind = kind[: len(kind) - len(mark)]
        least, many = int(mark in ("!", "+")), mark in ("+", "*")
        if name.endswith("[x]"):
            for each in kind.split("|"):
                whole = name[:-3] + each[0].upper() + each[1:]
                found[whole] = _Element(each, frozenset(), 0, False, name[:-3])
            continue
        codes = frozenset()
        if kind.startswith("code("):
            kind, codes = "code", frozenset(kind[5:-1].split("|"))
        found[name] = _Element(kind, codes, least, many, "")
    return found


TYPES: dict[str, dict[str, _Element]] = {
    **{name: _parse(table, _DOMAIN) for name, table in _RESOURCES.items()},
    "Bundle": _parse(_BUNDLE, _RESOURCE),
    **{name: _parse(table, _BACKBONE) for name, table in _BACKBONES.items()},
    **{name: _parse(table, _ELEMENT) for name, table in _DATA_TYPES.items()},
    "Extension": _parse(_EXTENSION, _ELEMENT),
    "Element": _parse("", _ELEMENT),
}
READABLE = frozenset(_RESOURCES)


# --- Primitive values ---------------------------------------------------------------------------


def _matches(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_integer(least: int) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31
    )


def _is_date_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(fhir.span(value))
    except ValueError:
        return False


def _is_date(value: Any) -> bool:
    return _is_date_time(value) and "T" not in value


def _is_decimal(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < 10**15


_PRIMITIVES: dict[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer(-(2**31)),
    "unsignedInt": _is_integer(0),
    "positiveInt": _is_integer(1),
    "decimal": _is_decimal,
    "string": _is_text,
    "markdown": _is_text,
    "xhtml": _is_text,
    "uri": _matches(r"\S{1,2000}"),
    "url": _matches(r"\S{1,2000}"),
    "canonical": _matches(r"\S{1,2000}"),
    "oid": _matches(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+"),
    "uuid": _matches(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "code": _matches(r"[^\s]+( [^\s]+)*"),
    "id": _matches(r"[A-Za-z0-9\-.]{1,64}"),
    "base64Binary": _matches(r"[A-Za-z0-9+/=\s]*"),
    "time": _matches(r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"),
    "date": _is_date,
    "dateTime": _is_date_time,
    "instant": lambda value: _is_date_time(value) and "T" in value,
}
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_MOST_ISSUES = 20


def check(resource: Json, at: str, *, expected: str = "") -> list[Issue]:
    """Return what is wrong with the shape of a resource, at most twenty issues, none when right.

    Args:
        at: the FHIRPath of the resource, "Patient" or "Bundle.entry[0].resource".
        expected: the type that it must be.
    """
    issues: list[Issue] = []
    for issue in _check_resource(resource, at, expected, 0):
        issues.append(issue)
        if len(issues) == _MOST_ISSUES:
            break
    return issues


def _check_resource(resource: Any, at: str, expected: str, depth: int) -> Iterator[Issue]:
    if not isinstance(resource, dict):
        yield Issue("structure", "Une ressource est un objet JSON.", at)
        return
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not kind:
        yield Issue("structure", "Type de ressource manquant (resourceType).", at)
        return
    if kind not in READABLE and kind != "Bundle":
        yield Issue("not-supported", f"Type de ressource inconnu ici : {kind[:40]}.", at)
        return
    if expected and kind != expected:
        yield Issue("invalid", f"{expected} attendu, {kind} reçu.", at)
        return
    yield from _check_elements(resource, kind, at, depth, {"resourceType"})


def _check_elements(
    value: Json, kind: str, at: str, depth: int, ignored: frozenset[str] | set[str] = frozenset()
) -> Iterator[Issue]:
    if depth > DEEPEST:
        yield Issue("structure", f"Plus de {DEEPEST} niveaux.", at)
        return
    table = TYPES[kind]
    if not value:
        yield Issue("structure", "Un objet vide ne dit rien : omettez-le.", at)
        return
    chosen: dict[str, str] = {}
    for name, child in value.items():
        if name in ignored:
            continue
        where = f"{at}.{name}" if _is_plain(name) else at
        element = table.get(name.removeprefix("_"))
        if element is None or (name[0:1] == "_" and element.kind not in _PRIMITIVES):
            yield Issue("structure", f"Élément inconnu : « {name[:60]} ».", where)
            continue
        if element.choice and name[0] != "_":
            if element.choice in chosen:
                yield Issue("structure", f"Une seule valeur pour {element.choice}[x].", where)
            chosen[element.choice] = name
        if name in ("modifierExtension", "implicitRules"):
            yield Issue("extension", "Ce qui modifie le sens n’est pas compris ici.", where)
        if name[0] == "_":
            yield from _check_companion(child, element, where, depth)
        else:
            yield from _check_value(child, element, where, depth)
            if isinstance(child, list) and None in child and f"_{name}" not in value:
                yield Issue("structure", "Une valeur manque, et rien ne dit pourquoi.", where)
    for name, element in table.items():
        if element.least and name not in value and f"_{name}" not in value:
            yield Issue("required", f"Élément obligatoire absent : {name}.", f"{at}.{name}")


def _check_value(value: Any, element: _Element, at: str, depth: int) -> Iterator[Issue]:
    if not element.many:
        yield from _check_one(value, element, at, depth)
        return
    if not isinstance(value, list) or not value:
        yield Issue("structure", "Une liste non vide est attendue.", at)
        return
    for number, each in enumerate(value):
        if each is None and element.kind in _PRIMITIVES:
            continue  # its companion `_name` says the rest
        yield from _check_one(each, element, f"{at}[{number}]", depth)


def _check_one(value: Any, element: _Element, at: str, depth: int) -> Iterator[Issue]:
    kind = element.kind
    if (is_right := _PRIMITIVES.get(kind)) is not None:
        if isinstance(value, str) and _UNREADABLE.search(value):
            yield Issue("invalid", "Caractère de contrôle interdit.", at)
        elif not is_right(value):
            yield Issue("value", f"Valeur incorrecte pour un élément de type {kind}.", at)
        elif element.codes and value not in element.codes:
            codes = ", ".join(sorted(element.codes))
            yield Issue("code-invalid", f"Code inconnu ; sont admis : {codes}.", at)
        return
    if kind == "Resource":
        yield from _check_resource(value, at, "", depth + 1)
        return
    if not isinstance(value, dict):
        yield Issue("structure", f"Un objet de type {kind} est attendu.", at)
        return
    yield from _check_elements(value, kind, at, depth + 1)
    if kind == "Extension":
        held = [name for name in value if name.startswith("value")]
        if bool(held) == ("extension" in value):
            yield Issue("structure", "Une extension a une valeur, ou des extensions.", at)


def _check_companion(value: Any, element: _Element, at: str, depth: int) -> Iterator[Issue]:
    for each in value if element.many and isinstance(value, list) else [value]:
        if each is None and element.many:
            continue
        if not isinstance(each, dict):
            yield Issue("structure", "Un objet est attendu.", at)
            continue
        yield from _check_elements(each, "Element", at, depth + 1)


@lru_cache(maxsize=512)
def _is_plain(name: str) -> bool:
    return re.fullmatch(r"_?[A-Za-z][A-Za-z0-9]{0,63}", name) is not None
