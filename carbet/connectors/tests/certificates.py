"""Certificates of a day, for servers and clients of the tests."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


def authority(folder: Path) -> dict:
    """Write an authority, a server and a client that it vouches for, and a stranger's authority."""
    own, stranger = _named("Autorité"), _named("Autre autorité")
    written = {
        "authority": _write(folder / "authority.pem", _signed(own, own, is_authority=True)),
        "stranger": _write(folder / "stranger.pem", _signed(stranger, stranger, is_authority=True)),
    }
    for name in ("server", "client"):
        held = _named(name)
        written[name] = (
            _write(folder / f"{name}.pem", _signed(held, own)),
            _write(folder / f"{name}.key", _private(held[1])),
        )
    return written


def _named(name: str) -> tuple[x509.Name, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key


def _signed(held, by, *, is_authority: bool = False) -> bytes:
    now = datetime.now(UTC)
    places = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    built = (
        x509.CertificateBuilder()
        .subject_name(held[0])
        .issuer_name(by[0])
        .public_key(held[1].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .sign(by[1], hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def _private(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)
