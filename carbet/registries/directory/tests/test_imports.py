"""Imports: what changed is told, what is wrong stops or is refused, nothing is half-applied."""

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from carbet.connectors.annuaire_sante import Directory, Key
from carbet.connectors.directory_stand_in import StandIn
from carbet.connectors.ror import Bearer
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.identifiers import make_rpps
from carbet.core.models import AuditEvent
from carbet.registries.directory import fhir, tasks
from carbet.registries.directory.models import (
    Commune,
    HealthcareService,
    ImportRun,
    Organization,
    Practitioner,
    PractitionerRole,
    SecureMailbox,
    SourceRecord,
    StagedRow,
)
from carbet.registries.directory.operations.imports import UnableToImport
from carbet.registries.directory.tests.offers import (
    directory,
    finess_file,
    finess_line,
    finess_number,
    organization,
    practitioner,
    role,
)

pytestmark = pytest.mark.django_db
ACTOR = internal("test")
DATA = Path(settings.BASE_DIR).parent / "shared" / "data"


@pytest.fixture(autouse=True)
def communes(db):
    for code, name, postal in (("97302", "Cayenne", "97300"), ("97307", "Matoury", "97351")):
        Commune.objects.create(code=code, name=name, postal_codes=[postal])


def ask(server, *, source="annuaire", credentials=None, tag="", most=None, **wish):
    outside = Directory(
        base=server.base,
        credentials=credentials or Key("k"),
        tag=tag,
        most=most,
        wait=lambda _: None,
    )
    return tasks.import_directory(
        tasks.Wish(source=source, **wish), outside, actor=ACTOR, say=lambda _: None
    )


def take(path, source="finess", **wish):
    wish = {"whole": source == "finess"} | wish
    return tasks.import_file(
        tasks.Wish(source=source, **wish), path, actor=ACTOR, say=lambda _: None
    )


def counts(run):
    return run.created, run.changed, run.unchanged, run.closed, run.rejected


def told(run, outcome="rejected"):
    return list(run.lines.filter(outcome=outcome).order_by("pk").values_list("line", "reason"))


# --- An API of pages ----------------------------------------------------------------------------


def test_pages_are_followed_and_only_changes_come_after():
    held = directory(120)
    with StandIn(held, key="k") as server:
        assert counts(ask(server)) == (241, 0, 0, 0, 0)
        assert PractitionerRole.objects.filter(practitioner__rpps__isnull=False).count() == 120
        held["Practitioner"][7] = practitioner(7, "Autre", "2099-01-01T00:00:00+00:00")
        server.requests.clear()
        run = ask(server)
        assert counts(run) == (0, 1, 0, 0, 0)
        assert all("_lastUpdated=ge" in asked for asked in server.requests)
    assert Practitioner.objects.filter(family="Autre").count() == 1
    assert told(run, "changed") == [(None, "")]


def test_new_rows_are_written_stretch_by_stretch(monkeypatch):
    from carbet.registries.directory.operations import merging

    monkeypatch.setattr(merging, "WRITTEN_AT_ONCE", 7)
    with StandIn(directory(60), key="k") as server:
        assert counts(ask(server)) == (121, 0, 0, 0, 0)
        assert PractitionerRole.objects.filter(practitioner__isnull=False).count() == 60
        assert counts(ask(server, everything=True)) == (0, 0, 121, 0, 0)


def test_what_follows_is_planned_for_the_rows_just_written(monkeypatch):
    from carbet.registries.directory.operations import merging

    monkeypatch.setattr(merging, "WRITTEN_AT_ONCE", 7)
    with StandIn(directory(61), key="k") as server:
        ask(server)
    with connection.cursor() as cursor:
        for model, held in ((Practitioner, 61), (PractitionerRole, 61), (SourceRecord, 123)):
            name = model._meta.db_table
            cursor.execute("SELECT reltuples::int FROM pg_class WHERE relname = %s", [name])
            assert cursor.fetchone() == (held,), name


@pytest.mark.parametrize("table", ["patients_patient", "pg_class"])
def test_the_directory_alone_is_counted_so(table):
    with pytest.raises(DatabaseError, match="not a table of the directory"), transaction.atomic():
        connection.cursor().execute("SELECT directory_analyze(%s::regclass)", [table])


def test_everything_again_changes_nothing():
    with StandIn(directory(60), key="k") as server:
        ask(server)
        assert counts(ask(server, everything=True)) == (0, 0, 121, 0, 0)


def test_a_dry_run_tells_and_leaves_all_as_it_was():
    with StandIn(directory(60), key="k") as server:
        run = ask(server, dry_run=True)
    assert counts(run) == (121, 0, 0, 0, 0)
    assert not Practitioner.objects.exists()
    assert not StagedRow.objects.exists()
    assert run.lines.filter(outcome="created").count() == 121


@pytest.mark.parametrize("name", ["id", "resourceType"])
def test_a_null_character_refuses_one_resource_and_stops_nothing(name):
    held = directory(3)
    wrong = held["Practitioner"][0]
    wrong[name] = f"{wrong[name]}\0x"
    with StandIn(held, key="k") as server:
        run = ask(server)
    assert run.rejected >= 1
    assert "caractère nul" in " ".join(reason for _, reason in told(run))
    assert Practitioner.objects.count() == 2


@pytest.mark.parametrize("fault", ["429", "500", "503", "cut", "garbage"])
def test_a_passing_failure_is_asked_again(fault):
    with StandIn(directory(120), key="k", faults={2: fault, 3: fault}) as server:
        assert counts(ask(server)) == (241, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("repeat", "déjà venue"),
        ("lose", "une page manque"),
        ("elsewhere", "autre serveur"),
        ("itself", "déjà venue|elle-même"),
    ],
)
def test_a_page_repeated_lost_or_led_elsewhere_stops_everything(fault, words):
    with StandIn(directory(200), key="k", faults={4: fault}) as server:
        with pytest.raises(UnableToImport, match=words):
            ask(server)
    assert not Practitioner.objects.exists()
    assert not Organization.objects.exists()
    stopped = ImportRun.objects.get()
    assert stopped.status == "stopped"
    # A page that cannot be believed throws away those before it.
    assert (stopped.cursor == {}) is (fault != "elsewhere")
    with StandIn(
        directory(200), key="k", port=int(stopped.origin.split(":")[2].split("/")[0])
    ) as server:
        again = ask(server)
    assert (again.pk, again.created) == (stopped.pk, 401)


def test_a_page_whose_address_holds_no_more_begins_again(monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 50)
    with StandIn(directory(200), key="k", faults={5: "403"}) as server:
        with pytest.raises(UnableToImport, match="accès refusé"):
            ask(server)
        server.forget_pages()
        with pytest.raises(UnableToImport, match="recommencera"):
            ask(server)
        assert counts(ask(server)) == (401, 0, 0, 0, 0)


def test_a_refused_key_stops_and_the_same_command_goes_on(monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 50)
    with StandIn(directory(120), key="k", faults={4: "401"}) as server:
        server.faults[4] = "403"
        with pytest.raises(UnableToImport, match="accès refusé"):
            ask(server)
        stopped = ImportRun.objects.get()
        assert (stopped.status, stopped.read > 0) == ("stopped", True)
        asked = len(server.requests)
        run = ask(server)
        assert run.pk == stopped.pk
        # One for the structure, three of professionals of which two were kept, one, three.
        assert len(server.requests) - asked < 1 + 3 + 1 + 3
    assert counts(run) == (241, 0, 0, 0, 0)


def test_an_expired_token_is_renewed_in_the_middle():
    held = directory(120, Location=[])
    with StandIn(held, client=("c", "s"), faults={3: "401"}) as server:
        bearer = Bearer(server.token_url, "c", "s")
        run = ask(server, source="ror", credentials=bearer)
        assert server.tokens_given == 2
    assert counts(run) == (241, 0, 0, 0, 0)


def test_the_region_is_asked_by_its_tag():
    tag = {"tag": [{"code": "03"}], "lastUpdated": "2026-01-01T00:00:00+00:00"}
    held = directory(0, Organization=[organization(0, meta=tag), organization(1)])
    with StandIn(held, key="k") as server:
        run = ask(server, source="ror", tag="03")
        assert all("_tag=03" in asked for asked in server.requests)
    assert run.created == 1
    assert Organization.objects.get().region == "03"


def test_a_search_cut_at_its_limit_is_not_believed_whole():
    with StandIn(directory(60), key="k") as server:
        with pytest.raises(UnableToImport, match="coupe ses réponses à 60"):
            ask(server, source="ror", most=60)
        assert not Practitioner.objects.exists()
        assert ask(server, source="ror", most=61, fresh=True).created == 121


def test_wrong_resources_are_refused_one_by_one():
    def numbered(number, rpps):
        return practitioner(
            number, identifier=[{"system": "https://rpps.esante.gouv.fr", "value": rpps}]
        )

    good = make_rpps(1)
    wrong = {
        "not a number": numbered(1, good[:-1] + "x"),
        # One digit of eleven is another: the key (Luhn) says so.
        "a wrong key": numbered(4, good[:-1] + str((int(good[-1]) + 1) % 10)),
        "no calendar": practitioner(2, meta={"lastUpdated": "2026-02-30T00:00:00Z"}),
        "another type": {"resourceType": "Patient", "id": "x"},
        "no number": practitioner(3) | {"id": ""},
        "no resource": "text",
    }
    held = directory(1)
    held["Practitioner"] += [each for each in wrong.values() if isinstance(each, dict)]
    with StandIn(held, key="k") as server:
        run = ask(server)
    assert counts(run) == (3, 0, 0, 0, 5)
    reasons = [reason for _, reason in told(run)]
    assert sum("RPPS incorrect" in reason for reason in reasons) == 2
    assert any("Date illisible" in reason for reason in reasons)
    assert {line.page for line in run.lines.filter(outcome="rejected")} == {2}


def bundle_file(folder, *resources):
    path = folder / "praticiens.json"
    entry = [{"resource": each} for each in resources]
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entry}))
    return path


@pytest.mark.parametrize(
    ("system", "prefix"),
    [("https://rpps.esante.gouv.fr", ""), ("urn:oid:1.2.250.1.71.4.2.1", "8")],
    ids=["RPPS", "IDNPS"],
)
@pytest.mark.parametrize("source", ["annuaire", "ror"])
def test_a_wrong_rpps_of_a_file_is_refused_at_its_place_with_its_reason(
    tmp_path, source, system, prefix
):
    wrong = make_rpps(7)[:-1] + str((int(make_rpps(7)[-1]) + 1) % 10)
    held = [practitioner(1), practitioner(2) | {"identifier": [
        {"system": system, "value": prefix + wrong}
    ]}, practitioner(3)]  # fmt: skip
    run = take(bundle_file(tmp_path, *held), source)
    assert counts(run) == (2, 0, 0, 0, 1)
    [line] = run.lines.filter(outcome="rejected")
    assert (line.kind, line.source_id) == ("Practitioner", held[1]["id"])
    assert line.reason == f"Numéro RPPS incorrect (clé) : {prefix}{wrong}."


def test_an_invented_rpps_let_in_is_told_and_opens_nothing(tmp_path):
    wrong = make_rpps(7)[:-1] + str((int(make_rpps(7)[-1]) + 1) % 10)
    held = practitioner(2) | {
        "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "8" + wrong}]
    }
    run = take(bundle_file(tmp_path, practitioner(1), held), "annuaire", invented_numbers=True)
    assert counts(run) == (2, 0, 0, 0, 0)
    assert [reason for _, reason in told(run, "created")] == [
        "",
        "Numéro RPPS à la clé fausse : gardé à part, il n’ouvre rien.",
    ]
    found = Practitioner.objects.get(rpps=None)
    assert found.identifier_value == wrong
    for system, value in (("https://rpps.esante.gouv.fr", wrong),
                          ("urn:oid:1.2.250.1.71.4.2.1", "8" + wrong)):  # fmt: skip
        match = fhir.match_practitioners([{"system": system, "value": value}])
        assert Practitioner.objects.get(match) == found


@pytest.mark.parametrize("written", ["10003461033", "123", "0000000000x", "899700245667", ""])
def test_the_database_itself_refuses_a_wrong_rpps(written):
    with pytest.raises(DatabaseError), transaction.atomic():
        Practitioner.objects.create(rpps=written, family="A", given="B")


def test_the_database_accepts_what_the_rule_accepts():
    right = [make_rpps(number) for number in range(0, 4000, 97)]
    right += ["10100997245", "99700245667", "10000023084"]
    Practitioner.objects.bulk_create(
        Practitioner(rpps=each, family="A", given="B") for each in right
    )
    for each in right[:10]:
        for place in range(11):
            digit = str((int(each[place]) + 1) % 10)
            changed = each[:place] + digit + each[place + 1 :]
            with pytest.raises(DatabaseError), transaction.atomic():
                Practitioner.objects.create(rpps=changed, family="A", given="B")


def test_a_role_waits_for_its_professional():
    held = directory(1)
    late = held["Practitioner"].pop()
    with StandIn(held, key="k") as server:
        run = ask(server)
        assert counts(run) == (1, 0, 0, 0, 1)
        assert "Practitioner pra-0" in told(run)[0][1]
        held["Practitioner"].append(late | {"meta": {"lastUpdated": "2099-01-01T00:00:00+00:00"}})
        assert counts(ask(server)) == (2, 0, 0, 0, 0)
    assert PractitionerRole.objects.get().practitioner.family == "Essai"


def test_two_resources_of_one_number_are_one():
    held = directory(1)
    held["Practitioner"].append(practitioner(0) | {"id": "double"})
    held["PractitionerRole"].append(
        role(5, who=0) | {"practitioner": {"reference": "Practitioner/double"}}
    )
    with StandIn(held, key="k") as server:
        run = ask(server)
        assert counts(run) == (4, 0, 0, 0, 1)
        assert "Même numéro que pra-0" in told(run)[0][1]
        assert counts(ask(server, everything=True)) == (0, 0, 5, 0, 0)
    assert Practitioner.objects.get().roles.count() == 2


def test_a_whole_copy_closes_what_is_gone_and_opens_what_comes_back():
    held = directory(30)
    gone = held["PractitionerRole"].pop(), held["Practitioner"].pop()
    held["PractitionerRole"].append(gone[0])
    held["Practitioner"].append(gone[1])
    with StandIn(held, key="k") as server:
        ask(server)
        held["PractitionerRole"].pop()
        run = ask(server, whole=True)
        assert counts(run) == (0, 0, 60, 1, 0)
        assert PractitionerRole.objects.filter(ended_at__isnull=False).count() == 1
        assert "Absent" in told(run, "closed")[0][1]
        held["PractitionerRole"].append(gone[0])
        assert counts(ask(server, whole=True)) == (0, 1, 60, 0, 0)
    assert not PractitionerRole.objects.filter(ended_at__isnull=False).exists()


def test_a_whole_copy_that_lost_too_much_changes_nothing():
    with StandIn(directory(60), key="k") as server:
        ask(server)
    with StandIn(directory(20), key="k") as server:
        with pytest.raises(UnableToImport, match="semble incomplet"):
            ask(server, whole=True, fresh=True)
        assert not PractitionerRole.objects.filter(ended_at__isnull=False).exists()
        assert ask(server, whole=True, fresh=True, force=True).closed == 80


def test_a_mailbox_of_the_red_list_is_hidden_even_when_its_bearer_is_refused():
    address = "cachee@secret.mssante.fr"
    url = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"

    def mailbox(*, red):
        parts = [{"url": "listeRouge", "valueBoolean": red}]
        metadata = {"url": url + "as-ext-mailbox-mss-metadata", "extension": parts}
        return [{"system": "email", "value": address, "extension": [metadata]}]

    held = directory(1, Organization=[organization(0, telecom=mailbox(red=False))])
    with StandIn(held, key="k") as server:
        ask(server)
        assert Organization.objects.get().secure_email == address
        later = {"lastUpdated": "2099-01-01T00:00:00+00:00"}
        held["Organization"].append(organization(1, name="", meta=later, telecom=mailbox(red=True)))
        run = ask(server)
    assert run.rejected == 1
    assert Organization.objects.get().secure_email == ""
    assert not SecureMailbox.objects.exclude(address="").exists()


# --- Files --------------------------------------------------------------------------------------


def test_finess_is_read_and_only_guyane_is_kept(tmp_path):
    path = finess_file(
        tmp_path / "f.csv",
        finess_line(1, "EHPAD DE L’ÎLE"),
        finess_line(2, c13="75", c12="056"),
        "geolocalisation;970300026;1;2;x;y",
    )
    run = take(path)
    assert counts(run) == (1, 0, 0, 0, 0)
    found = Organization.objects.get()
    assert (found.finess, found.name) == (finess_number(1), "EHPAD DE L'ÎLE")
    assert (found.commune_id, found.purpose, found.category_code) == ("97302", "care_home", "500")
    assert (found.address_line, found.postal_code, str(found.opened_on)) == (
        "AV DU FLEUVE", "97300", "2020-01-31",
    )  # fmt: skip


def test_finess_handed_on_in_utf_8_is_recognized_and_a_false_promise_is_not_believed(tmp_path):
    path = finess_file(tmp_path / "u.csv", finess_line(1, "ÉTÉ"), encoding="utf-8")
    with pytest.raises(UnableToImport, match="est en UTF-8"):
        take(path, encoding="iso-8859-1")
    assert counts(take(path)) == (1, 0, 0, 0, 0)
    assert Organization.objects.get().name == "ÉTÉ"


def test_the_official_lines_of_guyane_come_in(tmp_path):
    path = DATA / "guyane/finess-etab-extrait-2lignes.csv"
    if not path.exists():
        pytest.skip(f"official example absent: {path}")
    assert counts(take(path)) == (2, 0, 0, 0, 0)
    found = Organization.objects.get(finess="970300026")
    assert (found.name, found.siret) == ("CENTRE HOSPITALIER DE CAYENNE", "26973302800022")
    assert (found.phone, found.fax, found.insee) == ("0594395050", "0594305250", "97302")


WRONG_LINES = {
    "a wrong key": (finess_line(1, c1="970900010"), "FINESS incorrect"),
    "no name": (finess_line(1, "", c4=""), "pas de nom"),
    "no commune": (finess_line(1, c12="AB"), "commune incorrect"),
    "no date": (finess_line(1, c28="2020-02-30"), "ouverture illisible"),
    "columns missing": ("structureet;970900015;970302022;X", "colonnes"),
}


@pytest.mark.parametrize("case", WRONG_LINES)
def test_a_wrong_line_is_refused_with_its_number_and_why(tmp_path, case):
    line, words = WRONG_LINES[case]
    run = take(finess_file(tmp_path / "f.csv", finess_line(2), line, finess_line(3)))
    assert counts(run) == (2, 0, 0, 0, 1)
    [(number, reason)] = told(run)
    assert number == 3
    assert words in reason


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ('"LES AMIS" DU FLEUVE', '"LES AMIS" DU FLEUVE'),
        ('MAISON "SOLEIL', 'MAISON "SOLEIL'),
        ('"MAISON ""SOLEIL"""', 'MAISON "SOLEIL"'),
    ],
)
def test_a_quote_in_a_name_spoils_nothing(tmp_path, typed, name):
    run = take(finess_file(tmp_path / "f.csv", finess_line(1, c4=typed), finess_line(2)))
    assert counts(run) == (2, 0, 0, 0, 0), told(run)
    assert Organization.objects.get(finess=finess_number(1)).name == name


def test_a_line_said_twice_is_kept_once(tmp_path):
    run = take(finess_file(tmp_path / "f.csv", finess_line(2), finess_line(2, "AUTRE")))
    assert counts(run) == (1, 0, 0, 0, 1)
    assert told(run) == [(3, f"Numéro en double : {finess_number(2)} est déjà à la ligne 2.")]
    assert Organization.objects.get().name == "EHPAD D'ESSAI"


def test_what_the_file_no_longer_says_is_closed_but_not_what_it_says_badly(tmp_path):
    path = tmp_path / "f.csv"
    take(finess_file(path, *(finess_line(number) for number in range(5))))
    kept = [finess_line(0), finess_line(1, "RENOMMÉ"), finess_line(2, c28="jamais"), finess_line(3)]
    run = take(finess_file(path, *kept))
    assert counts(run) == (0, 1, 2, 1, 1)
    assert [each.finess for each in Organization.objects.filter(active=False)] == [finess_number(4)]
    run = take(finess_file(path, finess_line(0), "structureet;x"))
    assert (run.closed, run.rejected) == (0, 1)
    assert "Aucune fermeture" in run.problem


HOPELESS = {
    "cut short": (lambda: finess_line(1).encode("latin-1")[:60], "coupé"),
    "empty": (lambda: b"", "vide"),
    "of another age": (lambda: (finess_line(1, "é" * 3) + "\n").encode("cp850"), "non reconnu"),
    "of two encodings": (
        lambda: (
            "".join(finess_line(n, "à€" * 3) + "\n" for n in (1, 2)).encode()[:-90]
            + (finess_line(3, "é") + "\n").encode("latin-1")
        ),
        "non reconnu",
    ),
    "UTF-16": (lambda: (finess_line(1) + "\n").encode("utf-16"), "UTF-16"),
    "another file": (lambda: b"nom;age\nx;1\n", "pas celui"),
}


@pytest.mark.parametrize("case", HOPELESS)
def test_a_file_that_cannot_be_believed_changes_nothing(tmp_path, case):
    path = tmp_path / "f.csv"
    take(finess_file(path, finess_line(9)))
    content, words = HOPELESS[case]
    path.write_bytes(content())
    with pytest.raises(UnableToImport, match=words):
        take(path)
    assert list(Organization.objects.values_list("finess", "active")) == [(finess_number(9), True)]


def test_structures_outside_national_sets(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(
        "identifiant;nom;genre;commune;code_postal;insee;telephone;messagerie;offres;zones\n"
        "A1;Aide du fleuve;Aide à domicile;Cayenne;97300;;0594111111;a@b.example;"
        "Aide au repas, Ménage;97302,97307\n"
        "A2;Sans genre;Inconnu;;;;;;;\n"
        "A3;Mauvaise zone;;;;;;;;99999\n"
        "A4;DAC autoproclamé;Dispositif d’appui à la coordination;;;;;;;\n",
        encoding="utf-8",
    )
    run = take(path, source="structures")
    assert counts(run) == (4, 0, 0, 0, 2)
    assert [line for line, _ in told(run)] == [3, 4]
    found = Organization.objects.get(identifier_value="A1")
    assert (found.purpose, found.commune_id) == ("home_help", "97302")
    services = HealthcareService.objects.filter(organization=found).order_by("name")
    assert [(each.name, each.zones) for each in services] == [
        ("Aide au repas", ["97302", "97307"]),
        ("Ménage", ["97302", "97307"]),
    ]
    # A file never gives the rights of a support team.
    assert Organization.objects.get(identifier_value="A4").purpose == "other"
    path.write_text("identifiant;nom;genre\nA1;Aide du fleuve;Aide à domicile\n")
    assert take(path, source="structures").closed == 0


def test_the_columns_of_a_plain_table_may_have_accents_and_capitals(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("Identifiant;Nom;Code postal;Téléphone\nA1;Aide du fleuve;97300;0594111111\n")
    assert counts(take(path, source="structures")) == (1, 0, 0, 0, 0)
    found = Organization.objects.get()
    assert (found.postal_code, found.phone) == ("97300", "0594111111")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("identifiant;nom;couleur\nA;B;C\n", "Colonnes inconnues : couleur"),
        ("identifiant\nA\n", "Colonnes absentes : nom"),
        ("identifiant,nom\nA,B\n", "points-virgules"),
        ("identifiant;nom;Nom\nA;B;C\n", "deux fois"),
        ("identifiant;nom\nA;é\n".encode("latin-1"), "encodage"),
        ('identifiant;nom\nA;"B\n', "illisible"),
    ],
)
def test_a_wrong_table_is_refused_whole(tmp_path, content, words):
    path = tmp_path / "s.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnableToImport, match=words):
        take(path, source="structures")
    assert not Organization.objects.exists()


# --- All or nothing -----------------------------------------------------------------------------


def test_a_fault_in_the_merge_leaves_the_directory_as_it_was(monkeypatch):
    from carbet.registries.directory.operations import merging

    def fail(*_args):
        raise RuntimeError("power cut")

    with StandIn(directory(10), key="k") as server:
        with monkeypatch.context() as patch:
            patch.setattr(merging, "_hide_red_list", fail)
            with pytest.raises(RuntimeError):
                ask(server)
        assert not Practitioner.objects.exists()
        run = ImportRun.objects.get()
        assert "rien n’a été changé" in run.problem
        asked = len(server.requests)
        assert ask(server).created == 21
        assert len(server.requests) == asked
    with row_security.acting_as(ACTOR):
        assert AuditEvent.objects.filter(operation="directory.import.merge").count() == 1


def test_what_a_source_says_no_more_is_emptied_and_what_others_said_stays(tmp_path):
    take(finess_file(tmp_path / "f.csv", finess_line(0)))
    phone = [{"system": "phone", "value": "0594222222"}]
    held = directory(0, Organization=[organization(0, telecom=phone, alias=["Surnom"])])
    with StandIn(held, key="k") as server:
        ask(server)
        found = Organization.objects.get()
        assert (found.phone, found.alias, found.category_code) == ("0594222222", "Surnom", "500")
        held["Organization"] = [organization(0, updated="2099-01-01T00:00:00+00:00")]
        ask(server)
    found = Organization.objects.get()
    assert (found.phone, found.alias, found.category_code) == ("", "", "500")
