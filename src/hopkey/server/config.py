"""Settings of the server, frozen once at start. The only reader (and writer) of ``os.environ``.

Every setting is one field of `Config` with its environment variable, default and help text beside it, so that
``hopkey serve --help``, the documentation test and the parser below all read the same table.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from email.utils import parseaddr
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from hopkey.server.smtp_url import smtp_url_read

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class ConfigError(Exception):
    """A setting that cannot be used. The message names the setting and says what would do."""


def _setting(default: Any, variable: str, text: str, *, flag: bool = True, secret: bool = False) -> Any:
    metadata = {"variable": variable, "help": text, "flag": flag, "secret": secret}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return Path(base) / "hopkey"


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one server process.

    Durations carry their unit in the name. ``database_url`` is empty for the embedded SQLite database in
    ``data_dir``.
    """

    data_dir: Path = _setting(
        _default_data_dir, "HOPKEY_DATA_DIR", "directory of the database, the secret key and the lock"
    )
    database_url: str = _setting(
        "",
        "HOPKEY_DATABASE_URL",
        "postgresql://user@host:5432/name; empty: SQLite in the data directory",
        flag=False,
        secret=True,
    )
    secret_key: str = _setting(
        "",
        "HOPKEY_SECRET_KEY",
        "key that signs sessions, at least 32 characters; required with PostgreSQL, the same on every node",
        flag=False,
        secret=True,
    )
    secret_key_file: str = _setting(
        "", "HOPKEY_SECRET_KEY_FILE", "file that holds the secret key, instead of HOPKEY_SECRET_KEY"
    )
    host: str = _setting("127.0.0.1", "HOPKEY_HOST", "address to listen on")
    port: int = _setting(8080, "HOPKEY_PORT", "port to listen on, 1 to 65535")
    workers: int = _setting(1, "HOPKEY_WORKERS", "serving processes, 1 to 64")
    threads: int = _setting(2, "HOPKEY_THREADS", "threads for pages in each process, 1 to 64")
    public_url: str = _setting(
        "",
        "HOPKEY_PUBLIC_URL",
        "address people type, such as https://hopkey.example.com; with https, cookies are secure only",
    )
    allowed_hosts: tuple[str, ...] = _setting(
        tuple, "HOPKEY_ALLOWED_HOSTS", "further host names that are answered, separated by commas"
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        tuple,
        "HOPKEY_TRUSTED_PROXIES",
        "networks (CIDR, separated by commas) whose X-Forwarded-For and X-Forwarded-Proto are believed",
    )
    failed_token_limit: int = _setting(
        60,
        "HOPKEY_FAILED_TOKEN_LIMIT",
        "unknown tokens an address may present per minute before it gets 429; 0: no limit",
    )
    session_days: int = _setting(14, "HOPKEY_SESSION_DAYS", "days a sign-in lasts, 1 to 365")
    upload_limit_mb: int = _setting(
        32, "HOPKEY_UPLOAD_LIMIT_MB", "largest request body and import file in megabytes, 1 to 512"
    )
    audit_days: int = _setting(0, "HOPKEY_AUDIT_DAYS", "days audit events are kept, 1 to 36500; 0: for ever")
    recent_minutes: int = _setting(
        60,
        "HOPKEY_RECENT_MINUTES",
        "minutes after which generating and deleting tokens, and acts in the console, ask to confirm the sign-in; "
        "0: never",
    )
    smtp_url: str = _setting(
        "",
        "HOPKEY_SMTP_URL",
        "where mail is handed over: smtp://user:password@host:587?tls=starttls or smtps://user:password@host; "
        "empty: mail is not set up",
        flag=False,
        secret=True,
    )
    smtp_url_file: str = _setting(
        "", "HOPKEY_SMTP_URL_FILE", "file that holds that address, instead of HOPKEY_SMTP_URL"
    )
    mail_from: str = _setting(
        "", "HOPKEY_MAIL_FROM", "sender of mails, such as Hopkey <hopkey@example.com>; required with HOPKEY_SMTP_URL"
    )
    outbox_days: int = _setting(
        30, "HOPKEY_OUTBOX_DAYS", "days that the lists of mails and webhook deliveries go back, 1 to 3650"
    )
    webhook_private: str = _setting(
        "auto",
        "HOPKEY_WEBHOOK_PRIVATE",
        "whether webhooks may lead to private and loopback addresses: allow, refuse, or auto: only while "
        "HOPKEY_PUBLIC_URL is empty",
    )
    signup: str = _setting(
        "closed",
        "HOPKEY_SIGNUP",
        "who may make an account: closed (whom an administrator invites), invitation (also whom a team invites), "
        "domain (also whoever has an address of HOPKEY_SIGNUP_DOMAINS)",
    )
    signup_domains: tuple[str, ...] = _setting(
        tuple, "HOPKEY_SIGNUP_DOMAINS", "mail domains, separated by commas, for HOPKEY_SIGNUP=domain"
    )
    password_sign_in: bool = _setting(
        True,
        "HOPKEY_PASSWORD_SIGN_IN",
        "yes or no: whether people sign in with a password; no needs another way to be configured",
    )
    require_second_factor: str = _setting(
        "no", "HOPKEY_REQUIRE_SECOND_FACTOR", "whose sign-in needs a second factor: no, administrators or everybody"
    )
    oidc_issuer: str = _setting(
        "",
        "HOPKEY_OIDC_ISSUER",
        "issuer of the OpenID Connect provider people sign in with, such as https://id.example.com",
    )
    oidc_client_id: str = _setting("", "HOPKEY_OIDC_CLIENT_ID", "client id that the provider gave this server")
    oidc_client_secret: str = _setting(
        "", "HOPKEY_OIDC_CLIENT_SECRET", "client secret that the provider gave this server", flag=False, secret=True
    )
    oidc_client_secret_file: str = _setting(
        "", "HOPKEY_OIDC_CLIENT_SECRET_FILE", "file that holds the client secret, instead of HOPKEY_OIDC_CLIENT_SECRET"
    )
    oidc_name: str = _setting(
        "single sign-on", "HOPKEY_OIDC_NAME", "name of the provider on the sign-in page: Sign in with ..."
    )
    cache_mb: int = _setting(
        64, "HOPKEY_CACHE_MB", "memory of each process for ready-made answers, in megabytes, 1 to 4096"
    )
    log_level: str = _setting("info", "HOPKEY_LOG_LEVEL", "debug, info, warning or error")

    def __post_init__(self) -> None:
        _range(self, "port", 1, 65535)
        _range(self, "workers", 1, 64)
        _range(self, "threads", 1, 64)
        _range(self, "failed_token_limit", 0, 1_000_000)
        _range(self, "session_days", 1, 365)
        _range(self, "upload_limit_mb", 1, 512)
        _range(self, "cache_mb", 1, 4096)
        _range(self, "audit_days", 0, 36_500)
        _range(self, "recent_minutes", 0, 100_000)
        _range(self, "outbox_days", 1, 3650)
        if self.webhook_private not in ("auto", "allow", "refuse"):
            raise ConfigError(f"HOPKEY_WEBHOOK_PRIVATE is {self.webhook_private!r}; use auto, allow or refuse.")
        _mail(self)
        _choice(self, "signup", ("closed", "invitation", "domain"))
        _choice(self, "require_second_factor", ("no", "administrators", "everybody"))
        self._check_identity()
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise ConfigError(f"HOPKEY_LOG_LEVEL is {self.log_level!r}; use debug, info, warning or error.")
        if self.public_url:
            parts = urlsplit(self.public_url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
                raise ConfigError("HOPKEY_PUBLIC_URL must be a scheme and a host, such as https://hopkey.example.com.")
        if self.database_url:
            scheme = self.database_url.split("://", 1)[0]
            if scheme not in ("postgresql", "postgres") or "://" not in self.database_url:
                raise ConfigError(
                    "HOPKEY_DATABASE_URL must begin with postgresql://; empty means SQLite in the data directory."
                )
        if self.secret_key and len(self.secret_key) < 32:
            raise ConfigError(
                "HOPKEY_SECRET_KEY is shorter than 32 characters. Make one: "
                "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
            )

    def _check_identity(self) -> None:
        domains = tuple(domain.lower().removeprefix("@") for domain in self.signup_domains)
        object.__setattr__(self, "signup_domains", domains)
        if self.signup == "domain" and not domains:
            raise ConfigError("HOPKEY_SIGNUP=domain needs HOPKEY_SIGNUP_DOMAINS, such as example.com,example.org.")
        if any("." not in domain or not _DOMAIN.fullmatch(domain) for domain in domains):
            raise ConfigError(
                f"HOPKEY_SIGNUP_DOMAINS must list domains such as example.com, not {','.join(domains)!r}."
            )
        object.__setattr__(self, "oidc_issuer", self.oidc_issuer.rstrip("/"))
        if self.oidc_issuer:
            parts = urlsplit(self.oidc_issuer)
            local = parts.hostname in ("localhost", "127.0.0.1", "::1")
            if parts.scheme != "https" and not (parts.scheme == "http" and local):
                raise ConfigError("HOPKEY_OIDC_ISSUER must begin with https://, as the provider names itself.")
            if not parts.hostname or parts.query or parts.fragment:
                raise ConfigError("HOPKEY_OIDC_ISSUER must be the provider's address, such as https://id.example.com.")
            if not self.oidc_client_id:
                raise ConfigError("HOPKEY_OIDC_ISSUER needs HOPKEY_OIDC_CLIENT_ID: register this server there first.")
        if not self.password_sign_in and not (self.oidc_issuer or self.smtp_url or self.smtp_url_file):
            raise ConfigError(
                "HOPKEY_PASSWORD_SIGN_IN=no would leave no way in: set HOPKEY_OIDC_ISSUER (single sign-on) or "
                "HOPKEY_SMTP_URL (codes by mail) first, or leave passwords on."
            )

    @property
    def uses_postgresql(self) -> bool:
        return bool(self.database_url)

    @property
    def sqlite_path(self) -> Path:
        return self.data_dir / "hopkey.sqlite3"

    @property
    def webhooks_reach_private(self) -> bool:
        """Whether webhooks may be sent to private and loopback addresses."""
        return self.webhook_private == "allow" or (self.webhook_private == "auto" and not self.public_url)

    @property
    def base_url(self) -> str:
        """Address for links, without a trailing slash."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def __repr__(self) -> str:
        shown = (
            f"{item.name}={'***' if item.metadata['secret'] else getattr(self, item.name)!r}" for item in fields(self)
        )
        return f"Config({', '.join(shown)})"

    @classmethod
    def load(cls, environ: Mapping[str, str], overrides: Mapping[str, str] | None = None) -> Config:
        """Settings from environment variables, overridden by texts keyed by field name (the flags).

        Raises `ConfigError` for a text that does not read as its type. Unknown ``HOPKEY_`` names are left alone: the
        command line has variables of its own.
        """
        overrides = overrides or {}
        types = get_type_hints(cls)
        values: dict[str, Any] = {}
        for item in fields(cls):
            variable = item.metadata["variable"]
            text = overrides.get(item.name, environ.get(variable))
            if text is None or (text == "" and item.name not in overrides):
                continue
            values[item.name] = _parse(variable, text, types[item.name])
        return cls(**values)

    def to_environ(self) -> dict[str, str]:
        """The environment variables from which `load` makes these settings again."""
        result = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, bool):
                value = "yes" if value else "no"
            result[item.metadata["variable"]] = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        return result


def _mail(config: Config) -> None:
    """Raises `ConfigError` for settings of mail that cannot be used; the address itself is never repeated."""
    if config.smtp_url:
        try:
            smtp_url_read(config.smtp_url)
        except ValueError as error:
            raise ConfigError(f"HOPKEY_SMTP_URL {error}.") from None
    sender = parseaddr(config.mail_from)[1]
    if config.mail_from and (sender.count("@") != 1 or any(char in config.mail_from for char in "\r\n")):
        raise ConfigError("HOPKEY_MAIL_FROM must be an address such as Hopkey <hopkey@example.com>.")
    if (config.smtp_url or config.smtp_url_file) and not sender:
        raise ConfigError("HOPKEY_SMTP_URL needs a sender: set HOPKEY_MAIL_FROM, such as Hopkey <hopkey@example.com>.")


def _range(config: Config, name: str, low: int, high: int) -> None:
    value = getattr(config, name)
    if not low <= value <= high:
        variable = next(item.metadata["variable"] for item in fields(config) if item.name == name)
        raise ConfigError(f"{variable} is {value}; it must be from {low} to {high}.")


def _choice(config: Config, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(config, name)
    if value not in choices:
        variable = next(item.metadata["variable"] for item in fields(config) if item.name == name)
        raise ConfigError(f"{variable} is {value!r}; use {', '.join(choices[:-1])} or {choices[-1]}.")


def _parse(variable: str, text: str, kind: Any) -> Any:
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"{variable} must be a whole number, not {text!r}.") from None
    if kind is bool:
        word = text.strip().lower()
        if word not in ("yes", "true", "on", "1", "no", "false", "off", "0"):
            raise ConfigError(f"{variable} must be yes or no, not {text!r}.")
        return word in ("yes", "true", "on", "1")
    if kind is Path:
        return Path(text).expanduser().absolute()
    if kind is str:
        return text.strip()
    items = tuple(part.strip() for part in text.split(",") if part.strip())
    if kind == tuple[str, ...]:
        return items
    try:
        return tuple(ipaddress.ip_network(item) for item in items)
    except ValueError as error:
        raise ConfigError(f"{variable} must list networks such as 10.0.0.0/8: {error}.") from None


@functools.cache
def current() -> Config:
    """The settings of this process, read once."""
    return Config.load(os.environ)


def install(config: Config) -> None:
    """Make `config` the settings of this process and of every process it starts."""
    os.environ.update(config.to_environ())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hopkey.server.settings")
    current.cache_clear()
