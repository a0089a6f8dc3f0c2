"""The key pair of JWT logins: the org knows the public half, a client signs."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048


def ensure(path: Path) -> bytes:
    """Return the public half of the private key at `path`, made when absent."""
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    return _pem(key.public_key())


def read(path: Path) -> bytes:
    """Return the public key of a PEM that is one, or a certificate."""
    told = path.read_bytes()
    if b"BEGIN CERTIFICATE" in told:
        return _pem(x509.load_pem_x509_certificate(told).public_key())
    return told


def _pem(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
