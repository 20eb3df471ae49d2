"""Passwords, tokens and TLS: from the environment, the system's keyring and PEM files; never from an argument."""

from __future__ import annotations

import os
import ssl

from tomoscribe.core.errors import ConfigError, MissingExtraError
from tomoscribe.reports.site import Secret, Tls


def secret_value(secret: Secret, user: str | None) -> str:
    """The secret itself; it goes into a header and nowhere else.

    Raises:
        ConfigError: the variable or the keyring entry is not there.
    """
    if secret.variable is not None:
        value = os.environ.get(secret.variable)
        if not value:
            raise ConfigError(f"expected the secret in {secret.variable}, found nothing", remedy="set that variable")
        return value
    return _from_keyring(str(secret.keyring), user or "token")


def _from_keyring(service: str, user: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise MissingExtraError("reading a secret from the keyring", "pacs") from error
    try:
        value = keyring.get_password(service, user)
    except KeyringError as error:
        raise ConfigError(
            "the system's keyring cannot be read", where=service, remedy="unlock it, or use 'variable'"
        ) from error
    if not value:
        raise ConfigError(
            "expected a secret in the keyring, found none", where=service, remedy=f"keyring set {service} {user}"
        )
    return value


def client_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer; the peer's certificate and host name are checked unless ``verify`` is off.

    Raises:
        ConfigError: a PEM file is missing or none.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=tls.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise _bad_pem(tls, error) from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def server_context(tls: Tls) -> ssl.SSLContext:
    """Our certificate; where ``ca`` is named, callers must show one of its certificates.

    Raises:
        ConfigError: a PEM file is missing or none.
    """
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(str(tls.certificate), tls.key)
        if tls.ca is not None:
            context.load_verify_locations(cafile=tls.ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise _bad_pem(tls, error) from error
    return context


def _bad_pem(tls: Tls, error: OSError) -> ConfigError:
    files = ", ".join(f for f in (tls.ca, tls.certificate, tls.key) if f)
    return ConfigError(
        f"a TLS file cannot be used: {error.strerror or type(error).__name__}",
        where=files or "the system's authorities",
        remedy="check that they are there, PEM, and readable",
    )
