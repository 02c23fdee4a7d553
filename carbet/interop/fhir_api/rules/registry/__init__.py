"""What the FHIR door serves: resources, interactions, search parameters. The one list of it.

The capability statement is written from it, the search reads by it, a test holds them together.
Each room's resources stand in the drawer of its name.
"""

from carbet.interop.fhir_api.choices import CDS, UPDATE_PROFILE
from carbet.interop.fhir_api.rules.registry import (
    assessments,
    care_plans,
    care_teams,
    directory,
    notebook,
    patients,
    scheduling,
    subscriptions,
    support,
)
from carbet.interop.fhir_api.rules.registry.parameters import (
    DATE,
    NUMBER,
    QUANTITY,
    REFERENCE,
    SPECIAL,
    STRING,
    TOKEN,
    URI,
    Parameter,
)
from carbet.interop.fhir_api.rules.registry.resource import PUBLIC, Resource

__all__ = [
    "CHAINS",
    "DATE",
    "NUMBER",
    "PUBLIC",
    "QUANTITY",
    "REFERENCE",
    "RESOURCES",
    "RESULT_PARAMETERS",
    "SPECIAL",
    "STRING",
    "TOKEN",
    "TRANSACTION_PROFILES",
    "URI",
    "Parameter",
    "Resource",
    "chained",
]

RESOURCES: dict[str, Resource] = {
    resource.type: resource
    for resource in (
        *care_teams.SERVED,
        *care_plans.SERVED,
        *patients.SERVED,
        *directory.SERVED,
        *scheduling.SERVED,
        *notebook.SERVED,
        *subscriptions.SERVED,
        *support.SERVED,
        *assessments.SERVED,
    )
}
# Which references may be followed by a point and a parameter of what they lead to, and back by
# `_has`.
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
    """Return the parameters of a type that may follow a point, or a `_has`."""
    return tuple(
        name
        for name, parameter in RESOURCES[target].parameters.items()
        if not parameter.is_chain and name != "_filter"
    )


for _kind, _links in CHAINS.items():
    _given: dict[str, Parameter] = {}
    for _link, _target in _links.items():
        for _name in chained(_target):
            _end = RESOURCES[_target].parameters[_name]
            for _path in (f"{_link}.{_name}", f"{_link}:{_target}.{_name}"):
                _given[_path] = Parameter(_path, _end.kind, targets=_end.targets)
        for _name in chained(_kind):
            _end = RESOURCES[_kind].parameters[_name]
            _path = f"_has:{_kind}:{_link}:{_name}"
            RESOURCES[_target].parameters[_path] = Parameter(_path, _end.kind, targets=_end.targets)
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
        "_sort",
        "_summary",
        "_total",
    }
)
TRANSACTION_PROFILES = (
    CDS + "cds-bundle-transaction-creation",
    UPDATE_PROFILE,
    notebook.CDL + "cdl-bundle-creation-note",
    notebook.CDL + "cdl-bundle-maj-note",
)
