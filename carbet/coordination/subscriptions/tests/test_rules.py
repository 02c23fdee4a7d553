"""What a subscription may ask for and where it may lead, as tables."""

import pytest

from carbet.coordination.subscriptions import rules
from carbet.coordination.subscriptions.rules import Party

HOSTS = frozenset({"dpi.example", "dpi.example:8443"})


@pytest.mark.parametrize(
    ("text", "types", "identifiers"),
    [
        ("CommunicationRequest?event-type=SOR", {"SOR"}, set()),
        (f"CommunicationRequest?event-type={rules.EVENT_TYPES}|ADM", {"ADM"}, set()),
        ("CommunicationRequest?event-type=SOR,ADM", {"SOR", "ADM"}, set()),
        (
            "CommunicationRequest?event-type=NOT&subject.identifier=urn:oid:1.2|12",
            {"NOT"},
            {("urn:oid:1.2", "12")},
        ),
    ],
)
def test_a_criteria_is_read(text, types, identifiers):
    assert rules.criteria(text) == (types, identifiers)


@pytest.mark.parametrize(
    "text",
    [
        "CommunicationRequest",
        "Communication?event-type=SOR",
        "CommunicationRequest?",
        "CommunicationRequest?event-type=",
        "CommunicationRequest?event-type=sor",
        "CommunicationRequest?event-type=urn:x|SOR",
        "CommunicationRequest?event-type=SOR&subject.identifier=12",
        "CommunicationRequest?event-type=SOR&_include=*",
        "CommunicationRequest?" + "&".join(["event-type=SOR"] * 30),
    ],
)
def test_any_other_criteria_is_refused(text):
    with pytest.raises(ValueError):
        rules.criteria(text)


@pytest.mark.parametrize(
    ("channel", "text", "kept"),
    [
        ("email", "mailto:a.b@c.example", "a.b@c.example"),
        ("email", "mailto:mailto:a@c.example", "a@c.example"),
        ("email", "a@c.example", "a@c.example"),
        ("sms", "tel:+594694123456", "+594694123456"),
        ("sms", "sms:0694 12 34 56", "0694123456"),
        ("rest-hook", "https://dpi.example/fhir", "https://dpi.example/fhir"),
        ("rest-hook", "https://DPI.example:8443/", "https://DPI.example:8443/"),
    ],
)
def test_an_address_is_read(channel, text, kept):
    assert rules.endpoint(channel, text, hosts=HOSTS) == kept


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("email", "mailto:"),
        ("email", "mailto:a@localhost"),
        ("email", "mailto:a@b.example,c@d.example"),
        ("email", "mailto:a@b.example?bcc=c@d.example"),
        ("sms", "tel:112"),
        ("rest-hook", "http://dpi.example/"),
        ("rest-hook", "https://localhost/"),
        ("rest-hook", "https://dpi.example.evil.example/"),
        ("rest-hook", "https://dpi.example@evil.example/"),
        ("rest-hook", "https://dpi.example:22/"),
        ("rest-hook", "file:///etc/passwd"),
        ("rest-hook", ""),
    ],
)
def test_any_other_address_is_refused(channel, text):
    with pytest.raises(ValueError):
        rules.endpoint(channel, text, hosts=HOSTS)


@pytest.mark.parametrize(
    ("declarant", "requester", "told"),
    [
        (Party("Organization", "CH"), Party("Organization", "", "f", "1"), True),
        (Party("Organization", "", "f", "1"), Party("Organization", "", "f", "1"), True),
        (Party("Organization", "", "f", "1"), Party("Organization", "", "f", "2"), False),
        (Party("Organization", "", "f", "1"), Party("Organization", "CH"), True),
        (Party("Organization", "", "f", "1"), Party("Practitioner", "", "r", "1"), True),
    ],
)
def test_whose_events_are_told(declarant, requester, told):
    assert rules.concerns(declarant, requester) is told


@pytest.mark.parametrize(
    ("channel", "text", "shown"),
    [
        ("email", "pierre.durand@aphp.example", "…@aphp.example"),
        ("sms", "0694123456", "…56"),
        ("rest-hook", "https://dpi.example/secret?token=1", "dpi.example"),
    ],
)
def test_an_address_is_never_shown_whole(channel, text, shown):
    assert rules.masked(channel, text) == shown
