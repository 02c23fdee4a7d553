"""Whatever the house sends outside has a sender, a label for the tray, and nobody is forgotten."""

import ast

from carbet.core import outbox
from tests.consistency.rules_of_the_house import ROOT


def topics(source):
    """Return the topics that a module sends: `outbox.send("topic", …)`."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "send"
        and getattr(node.func.value, "id", "") == "outbox"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_topic_has_a_sender():
    sent = set()
    for file in (ROOT / "carbet").rglob("*.py"):
        if "operations" in file.relative_to(ROOT).as_posix():
            sent |= topics(file.read_text())
    assert "care_team.invitation" in sent
    assert sent - set(outbox.SENDERS) == set()
    assert set(outbox.SENDERS) == set(outbox.LABELS)


def test_a_topic_without_sender_is_caught():
    assert topics('outbox.send("a.b", {}, idempotency_key="k", now=now)') == {"a.b"}
    assert "a.b" not in outbox.SENDERS
