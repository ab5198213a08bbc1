"""A certificate for 127.0.0.1 that this machine signs for itself: tokens travel over HTTPS alone."""

import ipaddress
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.ports import ADDRESS

_COMMON_NAME = "Atelier's local stack"
_LIFE = timedelta(days=90)  # made anew at every start
# How requests (and with it Azure's synchronous clients) and OpenSSL (Python's ssl) are told whom to trust.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Certificate:
    """PEM files: the certificate, its private key, and `bundle`: whom this machine trusted already, and this one."""

    path: Path
    key: Path
    bundle: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.path, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.path)

    def trust(self) -> dict[str, str]:
        """The environment of a process that shall accept the certificate, besides all others it accepts."""
        return dict.fromkeys(_BUNDLES, str(self.bundle))


def make_certificate(folder: Path, environ: Mapping[str, str] = os.environ) -> Certificate:
    """A new one in `folder`; only its owner may read the key."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Certificate(folder / "certificate.pem", folder / "key.pem", folder / "trusted.pem")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign(key)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made.key.unlink(missing_ok=True)
    descriptor = os.open(made.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    made.path.write_bytes(certificate)
    trusted = [Path(environ[name]) for name in _BUNDLES if environ.get(name)] or [Path(certifi.where())]
    others = b"\n".join(path.read_bytes() for path in dict.fromkeys(trusted) if path != made.bundle)
    made.bundle.write_bytes(others + b"\n" + certificate)
    return made


def _sign(key: ec.EllipticCurvePrivateKey) -> bytes:
    """In PEM.

    Azurite 3.37 reads a copy's source from itself, and then trusts its own certificate by a PEM that it puts together
    in lines of 64 characters; where the last line is full it adds an empty one, and no certificate is read. So none is
    made that would fill its last line.
    """
    name = _COMMON_NAME
    while (len(made := _certificate(key, name).public_bytes(serialization.Encoding.DER)) + 2) // 3 * 4 % 64 == 0:
        name += " "
    return x509.load_der_x509_certificate(made).public_bytes(serialization.Encoding.PEM)


def _certificate(key: ec.EllipticCurvePrivateKey, common_name: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now, identifier = datetime.now(UTC), x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    names = [x509.IPAddress(ipaddress.ip_address(ADDRESS)), x509.DNSName("localhost")]
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    return (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        # OpenSSL's strict checks, which Python 3.13 turns on, ask for both identifiers.
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
