"""The pages of imports: an operator sees how far they are, what was refused and why."""

import threading
from threading import Event

import pytest
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from carbet.connectors.directory_stand_in import StandIn
from carbet.core.actor import internal
from carbet.registries.directory import tasks
from carbet.registries.directory.models import ImportLine, ImportRun, Organization, Practitioner
from carbet.registries.directory.tests.offers import directory, finess_file, finess_line
from tests.world import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(world, sign_in):
    return sign_in(world.accounts["operator"], role=world.roles["operator"])


@pytest.fixture
def run(world, tmp_path):
    path = finess_file(
        tmp_path / "f.csv",
        finess_line(1),
        finess_line(2, "=CMD()"),
        finess_line(3, "<b>GRAS</b>", c1="970900010"),
    )
    return tasks.import_file(
        tasks.Wish(source="finess"), path, actor=internal("test"), say=lambda _: None
    )


def test_the_report_tells_the_line_and_the_reason(operator, run):
    text = operator.get(reverse("directory:import", args=[run.pk])).content.decode()
    assert "ligne 4" in text
    assert "Numéro FINESS incorrect (clé) : 970900010." in text
    assert "<b>GRAS" not in text
    text = operator.get(reverse("directory:imports")).content.decode()
    assert "FINESS, n° " in text


def test_the_whole_report_is_a_table_without_formulas(operator, run):
    answer = operator.get(reverse("directory:import_report", args=[run.pk]))
    rows = answer.content.decode("utf-8-sig").splitlines()
    assert rows[0].startswith("Devenir;Type")
    assert len(rows) == 4
    assert any(";'=CMD();" in row for row in rows)


def test_long_reports_come_page_by_page_in_as_many_queries(
    operator, run, django_assert_max_num_queries
):
    address = reverse("directory:import", args=[run.pk])
    ImportLine.objects.bulk_create(
        ImportLine(run=run, outcome="rejected", label=f"L{number}", line=number)
        for number in range(60)
    )
    with django_assert_max_num_queries(8):
        page = operator.get(address)
    assert "apres=" in page.content.decode()
    assert operator.get(f"{address}?devenir=created&apres=x").status_code == 200
    ImportRun.objects.bulk_create(
        ImportRun(source="ror", status="done", origin="x", started_at=NOW, seen_at=NOW)
        for _ in range(60)
    )
    with django_assert_max_num_queries(8):
        operator.get(reverse("directory:imports"))


def test_an_import_under_way_refreshes_itself(operator):
    run = ImportRun.objects.create(
        source="ror", origin="x", read=50, expected=200, started_at=NOW, seen_at=NOW
    )
    text = operator.get(reverse("directory:import", args=[run.pk])).content.decode()
    assert 'hx-trigger="every 3s"' in text
    assert "<progress" in text
    ImportRun.objects.update(status="stopped", problem="réponse 500 du serveur, après 6 essais.")
    text = operator.get(reverse("directory:import", args=[run.pk])).content.decode()
    assert 'hx-trigger="every 3s"' not in text
    assert "après 6 essais" in text


def test_an_operator_asks_and_the_worker_brings_in(operator, settings):
    with StandIn(directory(3), key="secret") as server:
        settings.ANNUAIRE_URL, settings.ANNUAIRE_KEY = server.base, "secret"
        page = operator.get(reverse("directory:imports")).content.decode()
        assert "Annuaire Santé" in page
        assert "secret" not in page
        for _ in range(2):
            answer = operator.post(
                reverse("directory:request_import"), {"source": "annuaire"}, follow=True
            )
            assert answer.status_code == 200
        assert "attend déjà" in answer.content.decode()
        [job] = ProcrastinateJob.objects.filter(task_name="directory.import")
        tasks.bring_in(**job.args)
    assert Practitioner.objects.filter(family="Essai").count() == 3
    assert ImportRun.objects.get().status == "done"
    assert not Organization.objects.filter(name__contains="secret").exists()


def test_an_import_does_not_hold_the_worker(monkeypatch):
    began, may_end = Event(), Event()

    def take_long(source, *, dry_run):
        began.set()
        may_end.wait(10)

    monkeypatch.setattr(tasks, "bring_in", take_long)
    tasks.import_asked(source="ror", dry_run=False)
    assert began.wait(10)
    [running] = [each for each in threading.enumerate() if each.name == "import"]
    may_end.set()
    running.join(10)
    assert not running.is_alive()


def test_an_unknown_source_is_refused(operator):
    answer = operator.post(reverse("directory:request_import"), {"source": "x"}, follow=True)
    assert "Choisissez une source" in answer.content.decode()
    assert not ProcrastinateJob.objects.filter(task_name="directory.import").exists()
