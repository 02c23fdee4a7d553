"""Rights: asked, approved, delegated, closed; and another application entered through Carbet."""

import base64
import hashlib
import hmac
import os
import re
import secrets
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests
from playwright.sync_api import expect

from tests.journeys.person import Someone

pytestmark = pytest.mark.journey

REGION = "olivier.ringuet@carbet.example"
GP = "yann.lebihan@carbet.example"
PASSWORD = "une pirogue sur le Maroni"


@pytest.fixture
def come(browser, house):
    """Return a function that brings someone to the house, at their own browser."""
    came = []
    pictures = os.environ.get("CARBET_PICTURES")

    def come(email="", **options):
        someone = Someone(browser, house, pictures=Path(pictures) if pictures else None, **options)
        came.append(someone)
        if email:
            someone.sign_in(email)
        return someone

    yield come
    for someone in came:
        someone.leave()


def code_of(seed):
    """Return the code that an authentication application shows now (RFC 6238)."""
    key = base64.b32decode(seed.replace(" ", "").upper() + "=" * (-len(seed) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def test_the_region_approves_delegates_and_closes(come):
    # Given a secretary who asks to work in a doctor's office
    newcomer = come()
    newcomer.go("/compte/connexion/")
    newcomer.follow("Demandez-le à votre structure")
    newcomer.type(re.compile("Dans quelle structure"), "Larivot")
    newcomer.press("Chercher")
    newcomer.follow(re.compile("Cabinet médical du Larivot"))
    newcomer.type("Prénom", "Maïté")
    newcomer.type(re.compile("^Nom d’exercice"), "Lony")
    newcomer.type(re.compile("^Adresse électronique"), "maite.lony@carbet.example")
    newcomer.page.get_by_label("Profession", exact=True).select_option("331")
    newcomer.press("Envoyer la demande")
    newcomer.follow("suivre la demande")
    newcomer.sees("En attente de la structure")

    # When the region approves
    region = come(REGION)
    region.page.get_by_role("navigation", name="Menu principal").get_by_role(
        "link", name="Habilitations"
    ).press("Enter")
    region.follow(re.compile("^Demandes"))
    region.follow("Maïté Lony")
    region.press("Accepter")
    region.sees("Maïté Lony peut désormais travailler")

    # Then she chooses a password, proves a second factor, and is inside
    newcomer.page.reload()
    newcomer.sees("Demande acceptée")
    newcomer.type("Mot de passe", PASSWORD)
    newcomer.type("Le même, encore une fois", PASSWORD)
    newcomer.press("Choisir ce mot de passe")
    newcomer.type(re.compile("Adresse électronique"), "maite.lony@carbet.example")
    newcomer.type(re.compile("^Mot de passe"), PASSWORD)
    newcomer.press("Se connecter")
    newcomer.go("/compte/securite/application/")
    seed = re.search(r"\b[A-Z2-7]{32}\b", newcomer.page.content())
    assert seed
    newcomer.type(re.compile("code", re.IGNORECASE), code_of(seed.group()))
    with newcomer.page.expect_navigation():
        newcomer.page.keyboard.press("Enter")
    newcomer.check()
    newcomer.go("/")
    newcomer.sees("Ma journée")

    # When the region lets her act for the doctor
    region.go("/habilitations/?q=bihan")
    region.follow("Dr Yann Le Bihan")
    delegates = region.page.get_by_label("Secrétaire", exact=True)
    delegates.select_option(label=delegates.locator("option", has_text="Maïté Lony").inner_text())
    region.press("Déléguer")
    region.sees("Maïté Lony agit pour cette personne")
    newcomer.go("/patients/")
    newcomer.sees("Mes patients")

    # Then her own account says so; and when she leaves, her next page is the sign-in
    newcomer.go("/habilitations/miennes/")
    newcomer.sees(re.compile("Vous agissez pour"))
    region.go("/habilitations/?q=lony")
    region.follow("Maïté Lony")
    region.press("A quitté la structure")
    region.sees("L’accès est fermé")
    newcomer.page.goto(newcomer.house.url + "/patients/")
    assert "/connexion" in newcomer.page.url


def test_a_lost_telephone_and_a_review_of_everybody(come):
    # Given a pharmacist who lost her telephone, and the region who recognised her
    region = come(REGION)
    region.go("/habilitations/?q=chong")
    region.follow(re.compile("Mei-Lin Chong"))
    region.type(re.compile("reconnu"), "Venue au bureau avec sa carte.")
    region.press("Envoyer un nouvel accès")
    address = region.page.get_by_role("link", name="ouvrir le lien envoyé").get_attribute("href")

    # When she follows the link, chooses a password and a second factor
    pharmacist = come()
    pharmacist.go(address)
    pharmacist.type("Mot de passe", PASSWORD)
    pharmacist.type("Le même, encore une fois", PASSWORD)
    pharmacist.press("Choisir ce mot de passe")
    pharmacist.type(re.compile("Adresse électronique"), "mei-lin.chong@carbet.example")
    pharmacist.type(re.compile("^Mot de passe"), PASSWORD)
    pharmacist.press("Se connecter")
    pharmacist.go("/compte/securite/application/")
    seed = re.search(r"\b[A-Z2-7]{32}\b", pharmacist.page.content())
    pharmacist.type(re.compile("code", re.IGNORECASE), code_of(seed.group()))
    with pharmacist.page.expect_navigation():
        pharmacist.page.keyboard.press("Enter")
    pharmacist.go("/")
    pharmacist.sees("Ma journée")

    # When the region reviews those whose right ends, in one gesture
    region.go("/habilitations/revue/")
    region.tick("Reste", within="M. Fabrice Symphorien")
    region.press("Enregistrer les décisions")
    region.sees("1 habilitation prolongée.")
    expect(region.page.get_by_role("group", name="M. Fabrice Symphorien")).to_have_count(0)


class Application(BaseHTTPRequestHandler):
    """A small regional application that knows no account: it asks Carbet who comes."""

    house = ""
    client = ("", "")
    asked: dict[str, str] = {}
    # Who is inside, by subject: the application's own sessions.
    inside: dict[str, str] = {}

    def log_message(self, *said):
        pass

    def do_GET(self):
        address = urlsplit(self.path)
        if address.path == "/":
            who = next(iter(self.inside.values()), "")
            self._say(
                f"<p>{who} est là</p>" if who else '<a href="/entrer">Se connecter avec Carbet</a>'
            )
        elif address.path == "/entrer":
            self._ask()
        else:
            self._judge({name: each[0] for name, each in parse_qs(address.query).items()})

    def do_POST(self):
        """Hear from Carbet that somebody left: their session ends here too."""
        said = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        claims = self._claims(said["logout_token"][0])
        assert "http://schemas.openid.net/event/backchannel-logout" in claims["events"]
        self.inside.pop(claims["sub"], None)
        self.send_response(204)
        self.end_headers()

    @property
    def back(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/retour"

    def _ask(self):
        verifier = secrets.token_urlsafe(48)
        Application.asked = {"state": secrets.token_urlsafe(16), "verifier": verifier}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query = {
            "response_type": "code",
            "client_id": self.client[0],
            "redirect_uri": self.back,
            "scope": "openid profile professional",
            "state": self.asked["state"],
            "nonce": "n-journey",
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        self.send_response(302)
        self.send_header(
            "Location", f"{self._published('authorization_endpoint')}?{urlencode(query)}"
        )
        self.end_headers()

    def _judge(self, answer):
        assert answer["state"] == self.asked["state"]
        basic = base64.b64encode(":".join(self.client).encode()).decode()
        tokens = self._fetch(
            self._published("token_endpoint"),
            {
                "grant_type": "authorization_code",
                "code": answer["code"],
                "redirect_uri": self.back,
                "code_verifier": self.asked["verifier"],
            },
            f"Basic {basic}",
        )
        claims = self._claims(tokens["id_token"])
        assert claims["nonce"] == "n-journey"
        assert "otp" in claims["amr"]
        who = self._fetch(
            self._published("userinfo_endpoint"),
            authorization=f"Bearer {tokens['access_token']}",
        )
        assert who["sub"] == claims["sub"]
        self.inside[claims["sub"]] = who["name"]
        self._say(f"Bonjour {who['name']}, {who['roles'][0]['organization']}")

    def _claims(self, token):
        keys = jwt.PyJWKSet.from_dict(self._fetch(self._published("jwks_uri")))
        return jwt.decode(
            token,
            key=keys[jwt.get_unverified_header(token)["kid"]],
            algorithms=["RS256"],
            audience=self.client[0],
            issuer=self._published("issuer"),
        )

    def _published(self, name):
        return self._fetch(f"{self.house}/.well-known/openid-configuration")[name]

    def _fetch(self, address, said=None, authorization=""):
        method = "POST" if said else "GET"
        headers = {"Authorization": authorization} if authorization else {}
        answer = requests.request(method, address, data=said, headers=headers, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def _say(self, words):
        head = '<!doctype html><html lang="fr"><title>Imagerie</title>'
        page = f"{head}<main><h1>Imagerie</h1>{words}</main>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())


@pytest.fixture
def application(house):
    """Serve the application on the loopback; return its address."""
    Application.house, Application.inside = house.url, {}
    served = ThreadingHTTPServer(("127.0.0.1", 0), Application)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    served.server_close()
    thread.join(5)


@pytest.mark.parametrize("confirms", [True, False], ids=["confirmed", "led straight in"])
def test_another_application_signs_in_through_carbet(come, application, confirms):
    # Given an application that the region declares
    region = come(REGION)
    region.go("/habilitations/applications/")
    region.type("Nom de l’application", f"Imagerie {'un' if confirms else 'deux'}")
    region.type("Adresse de l’application", f"{application}/")
    region.type(re.compile("Adresse de retour"), f"{application}/retour")
    region.type(re.compile("Adresse prévenue"), f"{application}/sortie")
    if not confirms:
        region.reach(region.page.get_by_label(re.compile("Demander une confirmation")))
        region.page.keyboard.press("Space")
    region.press("Déclarer")
    Application.client = (
        region.page.locator("#client-id").inner_text(),
        region.page.locator("#client-secret").inner_text(),
    )

    # When a doctor who is not signed in comes to it
    doctor = come()
    doctor.page.goto(application)
    doctor.page.get_by_role("link", name="Se connecter avec Carbet").press("Enter")
    doctor.page.wait_for_url(re.compile("/connexion/"))
    doctor.type(re.compile("Adresse électronique"), GP)
    doctor.type(re.compile("^Mot de passe"), doctor.house.password)
    doctor.press("Se connecter")
    doctor.give_code()
    if confirms:
        doctor.page.wait_for_url(re.compile("/authorize"))
        doctor.check()
        doctor.sees("Rien de vos patients")
        doctor.page.get_by_role("button", name="Entrer").press("Enter")

    # Then the application knows who came, and in which structure
    expect(doctor.page.get_by_text("Bonjour Dr Yann Le Bihan")).to_be_visible()
    expect(doctor.page.get_by_text("Cabinet médical du Larivot")).to_be_visible()
    doctor.page.goto(application)
    expect(doctor.page.get_by_text("Dr Yann Le Bihan est là")).to_be_visible()

    # And when he leaves Carbet, the application hears it and closes his session by itself
    doctor.go("/compte/")
    doctor.page.get_by_label("Mon compte").first.press("Enter")
    doctor.press("Se déconnecter")
    limit = time.monotonic() + 30
    while Application.inside and time.monotonic() < limit:
        doctor.page.wait_for_timeout(200)
    doctor.page.goto(application)
    expect(doctor.page.get_by_text("Se connecter avec Carbet")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_region_says_that_a_service_fails_and_everybody_sees_it(come, scripts):
    title = f"Recherche en panne {'avec' if scripts else 'sans'} écran vivant"
    # Given a doctor whose day is open
    doctor = come(GP, scripts=scripts, width=390, height=844)
    doctor.sees("Ma journée")

    # When the region declares an incident
    region = come(REGION, scripts=scripts)
    region.go("/services/etat/")
    region.follow("Déclarer")
    region.page.get_by_label("Service", exact=True).select_option("directory")
    region.type("Titre", title)
    region.type(re.compile("^Message"), "Appelez le 15 en attendant.")
    region.press("Déclarer")
    region.sees("Tous les professionnels le voient dès maintenant")

    # Then the tile says so within seconds, by itself where scripts run
    if not scripts:
        doctor.go("/")
    line = doctor.page.get_by_role("banner").get_by_role("link", name=title)
    expect(line).to_be_visible(timeout=8000)
    services = doctor.page.get_by_role("region", name="Services régionaux")
    expect(services.get_by_text(title)).to_be_visible(timeout=8000)
    expect(services.get_by_role("listitem").filter(has_text=title)).to_contain_text("Incident")
    doctor.check()
    services.get_by_role("listitem").filter(has_text=title).get_by_role(
        "link", name="Incident"
    ).press("Enter")
    doctor.sees("Appelez le 15 en attendant.")

    # And when it is over, everybody reads what happened
    region.follow("Terminer")
    region.type(re.compile("^Ce qui s’est passé"), "Disque remplacé.")
    region.press("Déclarer terminé")
    region.sees("Terminé. Tous les professionnels le voient.")
    if scripts:
        expect(doctor.page.get_by_text("Disque remplacé.")).to_be_visible(timeout=8000)
        expect(line).to_have_count(0, timeout=8000)
    doctor.go("/services/etat/")
    expect(line).to_have_count(0)
    doctor.sees("Disque remplacé.")
    doctor.sees("Renouvellement des certificats")
