"""A signing certificate of our own, made when it is first needed and never written down.

The profile is that of the C2PA specification 2.2, section 14.5.1 (X.509 v3, not a CA, key usage digitalSignature, an
allowed extended key usage, authority key identifier). No trust list holds its root, so readers call it untrusted;
integrity, which survival is graded on, does not depend on that.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.x509 import Certificate, CertificateBuilder, Name


class Chain(NamedTuple):
    """PEM texts: leaf and root certificate together, the leaf's private key, the root alone."""

    certificates: bytes
    key: bytes
    root: bytes


def make(lifetime: timedelta = timedelta(days=3650)) -> Chain:
    """A fresh Ed25519 root and leaf, valid from a day ago for ``lifetime`` from now.

    Ed25519 signs fastest of the algorithms that C2PA allows (section 13.2).
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    root_key, leaf_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    issuer, subject = _name("washtest test root"), _name("washtest test signer")
    until = datetime.now(UTC) + lifetime
    root = _built(issuer, issuer, root_key.public_key(), root_key.public_key(), until, True).sign(root_key, None)
    leaf = _built(subject, issuer, leaf_key.public_key(), root_key.public_key(), until, False).sign(root_key, None)
    key = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Chain(_pem(leaf) + _pem(root), key, _pem(root))


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(common: str) -> Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "washtest"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _built(
    subject: Name, issuer: Name, own: Ed25519PublicKey, signing: Ed25519PublicKey, until: datetime, is_ca: bool
) -> CertificateBuilder:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    usage = x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(own)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing), critical=False)
        .add_extension(usage, critical=True)
    )
    if is_ca:
        return builder
    # E-mail protection is the one extended usage that every C2PA reader allows without configuration.
    return builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
