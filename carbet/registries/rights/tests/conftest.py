"""A stand-in for Pro Santé Connect that answers on the loopback, and cheats when asked to."""

import threading

import pytest
from django.core.cache import cache

from carbet.connectors.pro_sante_connect_stand_in import Holder, StandIn, server
from carbet.core.identifiers import idnps_from_rpps


@pytest.fixture(scope="session")
def provider():
    """Serve one stand-in for all the tests of the process: its key takes a moment to make."""
    stand_in = StandIn(
        issuer="",
        client_id="carbet",
        secret="the-secret-of-the-stand-in",
        redirect_uris=("http://localhost:8000/compte/pro-sante-connect/retour/",),
        logout_uris=("http://localhost:8000/compte/connexion/",),
        holders=(),
    )
    served = server(stand_in, "127.0.0.1", 0)
    stand_in.issuer = f"http://127.0.0.1:{served.server_address[1]}"
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield stand_in
    served.shutdown()
    served.server_close()
    thread.join(5)


@pytest.fixture
def psc(provider, world, settings):
    """Return the stand-in, where every professional of the world holds an e-CPS."""
    provider.faults, provider.logged_out = {}, []
    provider.holders = tuple(
        Holder(idnps_from_rpps(role.practitioner.rpps), role.practitioner.family, "", key)
        for key, role in world.roles.items()
    )
    settings.PUBLIC_URL = "http://localhost:8000"
    settings.PRO_SANTE_CONNECT = {
        "issuer": provider.issuer,
        "discovery": f"{provider.issuer}/.well-known/wallet-openid-configuration",
        "client_id": provider.client_id,
        "secret": provider.secret,
        "stand_in": True,
    }
    cache.clear()
    return provider
