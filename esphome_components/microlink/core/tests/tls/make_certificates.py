#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the certificates of the TLS tests: python make_certificates.py > certificates.h.

With --chains those of bench/memory.

The keys are new at every run and protect nothing. The tests bring their own wall time (2030), so nothing expires.
"""

import datetime as dt
import hashlib
import ipaddress
import sys
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "relay.example"
SANS = [
    x509.DNSName(HOST),
    x509.DNSName("*.wild.example"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
    x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
]
META = "derpkey" + "6b24a6bb80cdabb40314d06c9f25880114f2aa09790f37c904670b85d178534f"


@dataclass(kw_only=True)
class Issued:
    """A certificate and its key."""

    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def issue(  # noqa: PLR0913 - a certificate has that many fields
    name: str,
    key: object,
    issuer: Issued | None = None,
    *,
    ca: bool = False,
    sans: list | None = None,
    years: tuple[int, int] = (2024, 2074),
    usage: x509.ObjectIdentifier | None = None,
    serial: int | None = None,
    more: list[x509.ExtensionType] | None = None,
) -> Issued:
    """One certificate; self-signed without an issuer."""
    # A meta certificate's name has 71 characters, more than X.520 allows.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.cert.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(dt.datetime(years[0], 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(years[1], 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    for extension in more or []:
        builder = builder.add_extension(extension, critical=False)
    signer = issuer.key if issuer else key
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Issued(cert=builder.sign(signer, digest), key=key)


def p256() -> ec.EllipticCurvePrivateKey:
    """A new key."""
    return ec.generate_private_key(ec.SECP256R1())


def emit(name: str, text: str) -> None:
    """A C++ constant, with longer lines than PEM's usual ones: fewer of them."""
    begin, *body, end = text.strip().splitlines()
    base64 = "".join(body)
    lines = [begin, *(base64[i : i + 96] for i in range(0, len(base64), 96)), end]
    print(f'constexpr std::string_view {name} = R"({"\n".join(lines)}\n)";')


def emit_cert(name: str, issued: Issued) -> None:
    """Its PEM."""
    emit(name, issued.cert.public_bytes(serialization.Encoding.PEM).decode())


def emit_key(name: str, issued: Issued) -> None:
    """Its private key."""
    emit(
        name,
        issued.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )


def like_public(issuer: Issued, key: object, *, leaf: bool) -> list[x509.ExtensionType]:
    """What certificates of public authorities carry besides: a good half of their length."""
    url = x509.UniformResourceIdentifier("http://authority.example.org/issuer/number-one")
    where = x509.AccessDescription(x509.AuthorityInformationAccessOID.CA_ISSUERS, url)
    points = x509.DistributionPoint([url], None, None, None)
    out = [
        x509.KeyUsage(leaf, False, False, False, False, not leaf, not leaf, False, False),  # noqa: FBT003 - the library's
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
        x509.AuthorityInformationAccess([where]),
        x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), None)]),
        x509.CRLDistributionPoints([points]),
    ]
    # Two signed timestamps, as of a log.
    stamps = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), b"\x04\x81\xf0" + bytes(240))
    return [*out, stamps] if leaf else out


def chains() -> None:
    """Print the header of bench/memory: chains like those of Let's Encrypt."""
    print("// SPDX-License-Identifier: MIT\n// Made by make_certificates.py --chains.\n#pragma once\n")
    print("#include <string_view>\n\nnamespace microlink::testing {\n")
    kinds = {
        "EC": (ec.generate_private_key(ec.SECP384R1()), p256()),
        "RSA": (rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)),
    }
    for kind, (middle_key, leaf_key) in kinds.items():
        root = issue(f"{kind} Root", rsa.generate_private_key(65537, 4096), ca=True)
        more = like_public(root, middle_key, leaf=False)
        middle = issue(f"{kind} Middle", middle_key, root, ca=True, usage=ExtendedKeyUsageOID.SERVER_AUTH, more=more)
        more = like_public(middle, leaf_key, leaf=True)
        leaf = issue("leaf", leaf_key, middle, sans=SANS, usage=ExtendedKeyUsageOID.SERVER_AUTH, more=more)
        emit_cert(f"{kind}_ROOT", root)
        emit_cert(f"{kind}_MIDDLE", middle)
        emit_cert(f"{kind}_LEAF", leaf)
        emit_key(f"{kind}_LEAF_KEY", leaf)
    print("\n}  // namespace microlink::testing")


def main() -> None:
    """Print the header."""
    if sys.argv[1:] == ["--chains"]:
        chains()
        return
    root = issue("Test Root", p256(), ca=True)
    big_root = issue("Big Root", rsa.generate_private_key(65537, 4096), ca=True)
    middle = issue("Middle", ec.generate_private_key(ec.SECP384R1()), big_root, ca=True)
    old_middle = issue("Old Middle", p256(), root, ca=True, years=(2010, 2020))
    leaf_key = p256()
    pinned = issue(HOST, p256(), sans=SANS)
    print("// SPDX-License-Identifier: MIT\n// Made by make_certificates.py.\n#pragma once\n")
    print("#include <string_view>\n\nnamespace microlink::tls::testing {\n")
    emit_cert("ROOT", root)
    emit_cert("OTHER_ROOT", issue("Test Root", p256(), ca=True))
    emit_cert("BIG_ROOT", big_root)
    emit_cert("MIDDLE", middle)
    emit_cert("OLD_MIDDLE", old_middle)
    leaf = issue("leaf", leaf_key, root, sans=SANS)
    emit_key("LEAF_KEY", leaf)
    emit_cert("LEAF", leaf)
    emit_cert("LEAF_OF_MIDDLE", issue("leaf", leaf_key, middle, sans=SANS))
    emit_cert("LEAF_OF_OLD_MIDDLE", issue("leaf", leaf_key, old_middle, sans=SANS))
    emit_cert("LEAF_EXPIRED", issue("leaf", leaf_key, root, sans=SANS, years=(2020, 2022)))
    emit_cert("LEAF_FUTURE", issue("leaf", leaf_key, root, sans=SANS, years=(2060, 2070)))
    emit_cert("LEAF_COMMON_NAME_ONLY", issue(HOST, leaf_key, root))
    emit_cert("LEAF_FOR_CLIENTS", issue("leaf", leaf_key, root, sans=SANS, usage=ExtendedKeyUsageOID.CLIENT_AUTH))
    emit_cert("LEAF_OF_LEAF", issue("leaf", leaf_key, leaf, sans=SANS))
    emit_cert("PINNED", pinned)
    emit_key("PINNED_KEY", pinned)
    digest = hashlib.sha256(pinned.cert.public_bytes(serialization.Encoding.DER)).hexdigest()
    print(f'constexpr std::string_view PIN = "sha256-raw:{digest}";')
    emit_cert("PINNED_EXPIRED", expired := issue(HOST, leaf_key, sans=SANS, years=(2020, 2022)))
    digest = hashlib.sha256(expired.cert.public_bytes(serialization.Encoding.DER)).hexdigest()
    print(f'constexpr std::string_view PIN_EXPIRED = "sha256-raw:{digest}";')
    emit_cert("META", issue(META, p256(), serial=2))
    emit_cert("META_ED25519", issue(META, ed25519.Ed25519PrivateKey.generate(), serial=2))
    emit_cert("META_AS_LEAF", issue(META, leaf_key, sans=SANS, serial=2))
    print("\n}  // namespace microlink::tls::testing")


if __name__ == "__main__":
    sys.exit(main())
