# SPDX-License-Identifier: MIT
"""What the values of `microlink:` may be; every message says what to do."""

import re
import ssl
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import esphome.config_validation as cv

# The core's limits (capacity.h, client.h, config.h).
MAX_URL_BYTES = 192
MAX_AUTH_KEY_BYTES = 128
MAX_HOSTNAME_BYTES = 63
# A private authority has one certificate or a few; a whole bundle would not fit on a chip.
MAX_CERTIFICATE_BYTES = 16 * 1024

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def _split_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is no number
    except ValueError as error:
        raise cv.Invalid(f"'{url}' is no URL ({error}); write it like https://headscale.example.net") from error
    return parts


def CONTROL_URL(value: object) -> str:  # noqa: N802 - a validator reads like a type in a schema
    """Accept https://HOST or https://HOST:PORT."""
    url = cv.string_strict(value).rstrip("/")
    parts = _split_url(url)
    if parts.scheme == "http":
        raise cv.Invalid(
            "The control server must be reached over https://, since the node would believe whatever key an http:// "
            "server shows. Give the server a certificate; a private authority goes into 'ca_certificate'"
        )
    if parts.scheme != "https" or not parts.hostname:
        raise cv.Invalid(f"'{url}' is no control server; write it like https://headscale.example.net")
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        raise cv.Invalid(f"Only a host and a port belong into the URL: https://{parts.netloc.rpartition('@')[2]}")
    if not url.isascii() or any(character.isspace() for character in url):
        raise cv.Invalid("The URL has characters that a host name cannot have; write an international name in punycode")
    if len(url) > MAX_URL_BYTES:
        raise cv.Invalid(f"The URL is {len(url)} characters long; {MAX_URL_BYTES} are possible")
    return url


def CONTROL_KEY(value: object) -> str:  # noqa: N802 - a validator reads like a type in a schema
    """Accept "mkey:" and 64 hex digits."""
    key = cv.string_strict(value).strip()
    if not re.fullmatch(r"mkey:[0-9a-fA-F]{64}", key):
        raise cv.Invalid(
            "The control server's key is 'mkey:' and 64 hex digits; the server shows it as \"publicKey\" under "
            "https://SERVER/key?v=140"
        )
    return key.lower()


def AUTH_KEY(value: object) -> str:  # noqa: N802 - a validator reads like a type in a schema
    """Accept a key as control planes make them. Messages never repeat it."""
    key = cv.string_strict(value).strip()
    if not key:
        raise cv.Invalid("The auth key is empty. Leave 'auth_key' out to log in through the login URL")
    if not re.fullmatch(r"[!-~]+", key):
        raise cv.Invalid("The auth key has characters that no auth key has; copy it again")
    if len(key) > MAX_AUTH_KEY_BYTES:
        raise cv.Invalid(
            f"The auth key is {len(key)} characters long; {MAX_AUTH_KEY_BYTES} are possible: copy it again"
        )
    return key


def HOSTNAME(value: object) -> str:  # noqa: N802 - a validator reads like a type in a schema
    """Accept one DNS label."""
    name = cv.string_strict(value)
    if len(name) > MAX_HOSTNAME_BYTES:
        raise cv.Invalid(f"The host name is {len(name)} characters long; {MAX_HOSTNAME_BYTES} are possible")
    if not re.fullmatch(r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?", name):
        raise cv.Invalid(
            f"'{name}' is no host name: letters, digits and dashes, with a letter or digit at both ends. The tailnet's "
            "domain is added by the control server"
        )
    return name


def CA_CERTIFICATE(value: object) -> Path:  # noqa: N802 - a validator reads like a type in a schema
    """Accept the path of a PEM file with certificates that can be read."""
    path = Path(cv.file_(value))
    read_certificates(path)
    return path


def read_certificates(path: Path) -> str:
    """Return the certificates of a PEM file and nothing else that stands in it. Raises cv.Invalid."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise cv.Invalid(
            f"{path} cannot be read as PEM ({error}); convert it: openssl x509 -inform DER -in FILE -out FILE.pem"
        ) from error
    if "PRIVATE KEY-----" in text:
        raise cv.Invalid(f"{path} holds a private key, which must not get into a firmware; name a file without it")
    found = _CERTIFICATE.findall(text)
    if not found:
        raise cv.Invalid(
            f"{path} holds no certificate. It takes the authority's certificate in PEM form, which begins with "
            "-----BEGIN CERTIFICATE-----"
        )
    pem = "\n".join([*found, ""])
    try:
        ssl.create_default_context(cadata=pem)
    except ssl.SSLError as error:
        raise cv.Invalid(f"{path} holds a damaged certificate ({error.reason or error}); copy it again") from error
    if len(pem) > MAX_CERTIFICATE_BYTES:
        raise cv.Invalid(
            f"{path} holds {len(pem)} bytes of certificates; {MAX_CERTIFICATE_BYTES} are possible. Only the authority "
            "that signed the servers' certificates is needed"
        )
    return pem
