"""What a page weighs on a bad line: bytes after compression, tested (offline study, §6)."""

from pathlib import Path

import brotli
import pytest
from django.contrib.staticfiles import finders

from tests.consistency import scene as scenes
from tests.consistency.test_access_matrix import everything, location

KB = 1024


def compressed(path: str) -> int:
    found = finders.find(path)
    assert found, path
    return len(brotli.compress(Path(found).read_bytes(), quality=11))


def test_the_sheet_stays_within_12_kb():
    assert compressed("carbet/carbet.css") <= 12 * KB


def test_the_scripts_stay_within_20_kb():
    ours = ("carbet/carbet.js", "carbet/messages.js", "carbet/questions.js", "carbet/signature.js")
    scripts = ("django_htmx/htmx-4.min.js", *ours)
    assert sum(compressed(script) for script in scripts) <= 20 * KB


def test_no_web_font_and_no_script_of_a_third_party():
    static = Path(finders.find("carbet/carbet.css")).parent
    assert not [file for file in static.rglob("*") if file.suffix in (".woff", ".woff2", ".ttf")]
    assert "@import" not in (static / "carbet.css").read_text()
    assert "url(http" not in (static / "carbet.css").read_text()


@pytest.mark.django_db
def test_later_screens_stay_light(world, sign_in):
    scene = scenes.build(world)
    client = sign_in(world.accounts["gp"], role=world.roles["gp"])
    client.raise_request_exception = False
    weights = {}
    for qualified, pattern in everything():
        answer = client.get(location(pattern, qualified, scene.ids))
        if answer.streaming:
            answer.getvalue()  # consumed, its file is closed
        elif answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            # Quality 5 is what a server affords live.
            weights[qualified] = len(brotli.compress(answer.content, quality=5))
    weights.pop("gallery", None)  # shows everything at once, for those who build
    heaviest = sorted(weights.items(), key=lambda item: -item[1])
    assert len(weights) > 15
    assert heaviest[0][1] <= 10 * KB, heaviest[:5]
    assert heaviest[len(heaviest) // 20][1] <= 8 * KB, heaviest[:5]
