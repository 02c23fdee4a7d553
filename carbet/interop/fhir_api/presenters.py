"""What the FHIR door answers with: bundles, pages, the capability statement."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing

from carbet.core import fhir
from carbet.core.fhir import Issue, Json
from carbet.interop.fhir_api.choices import (
    FHIR_VERSION,
    LARGEST_BODY,
    LARGEST_PAGE,
    READ_SCOPE,
    WRITE_SCOPE,
)
from carbet.interop.fhir_api.rules.registry import RESOURCES, TRANSACTION_PROFILES, Resource
from carbet.interop.fhir_api.rules.search import Search
from carbet.registries.patients.queries import Candidate

_PAGE_SALT = "carbet.fhir.page"
_PAGE_LIFE = 24 * 60 * 60
_MANDATORY = {
    "Endpoint": {"status", "connectionType", "payloadType", "address"},
    "CareTeam": {"status", "name", "subject", "period", "identifier"},
    "DocumentReference": {"status", "type", "subject", "author", "content"},
    "Observation": {"status", "code", "subject"},
    "RelatedPerson": {"patient", "identifier", "relationship", "name", "telecom"},
}
RELEASED_ON = "2026-11-22"


def base() -> str:
    """Return the address of this door."""
    return f"{settings.PUBLIC_URL}/fhir"


def address(resource: Json) -> str:
    """Return the full address of a resource."""
    return f"{base()}/{resource['resourceType']}/{resource['id']}"


# --- Searches -----------------------------------------------------------------------------------


def search_bundle(
    search: Search,
    matches: list[Json],
    included: list[Json],
    *,
    client_id: str,
    after: int | list[Any] | None,
    total: int | None = None,
) -> Json:
    """Return the searchset of one page, with the link to the next when there is one."""
    kind = search.resource.type
    said = urlencode(search.said)
    links = [{"relation": "self", "url": f"{base()}/{kind}" + (f"?{said}" if said else "")}]
    if after is not None:
        page = page_mark(search, client_id=client_id, after=after)
        links.append({"relation": "next", "url": f"{base()}/{kind}?_page={page}"})
    entries = [_entry(_only(each, search.elements), "match") for each in matches]
    entries += [_entry(each, "include") for each in included]
    if search.ignored:
        names = ", ".join(dict.fromkeys(name[:40] for name in search.ignored))
        told = Issue("not-supported", f"Paramètres ignorés : {names}.", severity="warning")
        entries.append({"resource": fhir.outcome([told]), "search": {"mode": "outcome"}})
    found: Json = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if total is not None:
        found["total"] = total
    return found | {"entry": entries} if entries else found


_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
_PROBABLE = 0.99


def match_bundle(found: Iterable[tuple[Json, Candidate]], *, closed: bool) -> Json:
    """Return the searchset of `Patient/$match`: each with its score, from 0 to 1, and its grade."""
    entries: list[Json] = []
    for resource, candidate in found:
        probability = candidate.score.probability
        if candidate.is_certain:
            grade = "certain"
        else:
            grade = "probable" if probability >= _PROBABLE else "possible"
        entry = _entry(resource, "match")
        entry["search"] |= {
            "extension": [fhir.extension(_GRADE, valueCode=grade)],
            "score": round(probability, 4),
        }
        entries.append(entry)
    if closed:
        told = Issue(
            "informational",
            "Une personne est déjà connue sous ces traits ; son dossier n’est pas ouvert à votre"
            " structure.",
            severity="information",
        )
        entries.append({"resource": fhir.outcome([told]), "search": {"mode": "outcome"}})
    bundle: Json = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": sum(entry["search"]["mode"] == "match" for entry in entries),
    }
    return bundle | {"entry": entries} if entries else bundle


def pix_parameters(identifiers: Iterable[tuple[str, str]], patients: Iterable[int]) -> Json:
    """Return the Parameters of `$ihe-pix` (IHE ITI-83): other numbers, and records here."""
    told: list[Json] = [
        {"name": "targetIdentifier", "valueIdentifier": {"system": system, "value": value}}
        for system, value in identifiers
    ]
    told += [
        {"name": "targetId", "valueReference": {"reference": f"{base()}/Patient/{number}"}}
        for number in patients
    ]
    answer: Json = {"resourceType": "Parameters"}
    return answer | {"parameter": told} if told else answer


def page_mark(search: Search, *, client_id: str, after: int | list[Any]) -> str:
    """Return the opaque mark of the page that follows: signed, for this client and this search."""
    told = [search.resource.type, client_id, after, list(search.said)]
    return signing.dumps(told, salt=_PAGE_SALT, compress=True)


def read_page_mark(
    mark: str, *, resource: Resource, client_id: str
) -> tuple[int | list[Any], list[tuple[str, str]]] | None:
    """Return where a marked page begins and what was searched; None when it is not such a mark."""
    try:
        kind, client, after, said = signing.loads(mark, salt=_PAGE_SALT, max_age=_PAGE_LIFE)
    except (signing.BadSignature, ValueError):
        return None
    if (kind, client) != (resource.type, client_id):
        return None
    return after, [(name, value) for name, value in said]


def warnings_header(issues: Iterable[Issue]) -> str:
    """Return what was not kept as one line of ASCII: places and codes, at most ten."""
    return ", ".join(f"{each.expression} {each.code}" for each in list(issues)[:10])[:1000]


def _entry(resource: Json, mode: str) -> Json:
    return {"fullUrl": address(resource), "resource": resource, "search": {"mode": mode}}


def _only(resource: Json, elements: frozenset[str]) -> Json:
    """Return the resource with the elements asked for and the mandatory ones, tagged as partial."""
    if not elements:
        return resource
    kept = (
        elements | {"resourceType", "id", "meta"} | _MANDATORY.get(resource["resourceType"], set())
    )
    partial = {name: value for name, value in resource.items() if name in kept}
    tag = fhir.coding("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "SUBSETTED")
    partial["meta"] = resource["meta"] | {"tag": [tag]}
    return partial


def history_bundle(versions: Iterable[Json]) -> Json:
    """Return the history of one resource, the latest version first."""
    entries = []
    for resource in versions:
        version = resource["meta"]["versionId"]
        is_first = version == "1"
        entries.append(
            {
                "fullUrl": address(resource),
                "resource": resource,
                "request": {
                    "method": "POST" if is_first else "PUT",
                    "url": resource["resourceType"] + ("" if is_first else f"/{resource['id']}"),
                },
                "response": {
                    "status": "201" if is_first else "200",
                    "etag": f'W/"{version}"',
                    "lastModified": resource["meta"]["lastUpdated"],
                },
            }
        )
    link = {"relation": "self", "url": f"{address(entries[0]['resource'])}/_history"}
    return {
        "resourceType": "Bundle",
        "type": "history",
        "total": len(entries),
        "link": [link],
        "entry": entries,
    }


# --- Capability statement -----------------------------------------------------------------------


def capability_statement() -> Json:
    """Return what this door serves, from the list of what it serves and nothing else."""
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{base()}/metadata",
        "name": "Carbet",
        "title": "Carbet, porte FHIR",
        "status": "active",
        "date": RELEASED_ON,
        "publisher": "Carbet",
        "kind": "instance",
        "software": {"name": "Carbet"},
        "implementation": {"description": "Carbet", "url": base()},
        "fhirVersion": FHIR_VERSION,
        "format": ["json", fhir.MEDIA_TYPE],
        "rest": [
            {
                "mode": "server",
                "documentation": f"Pages de {LARGEST_PAGE} au plus, corps de"
                f" {LARGEST_BODY // 1024 // 1024} Mo au plus. Un paramètre inconnu est refusé, sauf"
                " « Prefer: handling=lenient ». Profils de transaction : "
                + ", ".join(TRANSACTION_PROFILES),
                "security": _security(),
                "resource": [_served(resource) for resource in RESOURCES.values()],
                "interaction": [{"code": "transaction"}],
            }
        ],
    }


def _security() -> Json:
    oauth = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
    token = f"{settings.PUBLIC_URL}/identity/o/api/token"
    return {
        "extension": [fhir.extension(oauth, extension=[fhir.extension("token", valueUri=token)])],
        "service": [
            fhir.concept("http://terminology.hl7.org/CodeSystem/restful-security-service", "OAuth")
        ],
        "description": f"OAuth 2.0, client_credentials ; portées {READ_SCOPE} et {WRITE_SCOPE}.",
    }


def _served(resource: Resource) -> Json:
    found: Json = {
        "type": resource.type,
        "profile": resource.profile,
        "interaction": [{"code": code} for code in resource.interactions],
        "versioning": "versioned" if "update" in resource.interactions else "no-version",
        "readHistory": "vread" in resource.interactions,
        "updateCreate": False,
        "conditionalCreate": False,
        "conditionalRead": "full-support",
        "conditionalUpdate": resource.conditional_update,
        "conditionalDelete": "not-supported",
        "searchParam": [
            _parameter(each) for each in resource.parameters.values() if not each.is_chain
        ],
    }
    if resource.also_profiles:
        found["supportedProfile"] = list(resource.also_profiles)
    if resource.includes:
        found["searchInclude"] = list(resource.includes)
    if resource.revincludes:
        found["searchRevInclude"] = list(resource.revincludes)
    if resource.type == "Patient":
        found["operation"] = [
            {
                "name": "match",
                "definition": "http://hl7.org/fhir/OperationDefinition/Patient-match",
            },
            {
                "name": "$ihe-pix",
                "definition": "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix",
            },
        ]
    if resource.documentation:
        found["documentation"] = resource.documentation
    return found


def _parameter(parameter: Any) -> Json:
    found = {"name": parameter.name, "type": parameter.kind}
    if parameter.definition:
        found["definition"] = parameter.definition
    return found
