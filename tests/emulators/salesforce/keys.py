"""RSA keys of JWT logins: the client signs with the private key, the org verifies."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

KEY_BITS = 2048


def ensure_private_key(path: Path) -> bytes:
    """Create the private key at `path` if it is missing; return its public key."""
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    return _to_pem(key.public_key())


def read_public_key(path: Path) -> bytes:
    """Return the public key in a PEM file that holds a key or a certificate."""
    pem = path.read_bytes()
    if b"BEGIN CERTIFICATE" in pem:
        return _to_pem(x509.load_pem_x509_certificate(pem).public_key())
    return pem


def _to_pem(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
