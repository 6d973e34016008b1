"""Django's settings, derived from `hopkey.server.config`. Nothing here reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from hopkey.server import config as _config
from hopkey.server.logs import logging_settings
from hopkey.server.secret_key import secret_key_read, throwaway_key

_CONFIG = _config.current()
_HERE = Path(__file__).parent


def _database(config: _config.Config) -> dict[str, Any]:
    if not config.uses_postgresql:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(config.sqlite_path),
            "OPTIONS": {
                "timeout": 10,
                # A write transaction takes its lock at once: upgrading a read lock later fails under load.
                "transaction_mode": "IMMEDIATE",
                # FULL: what was answered is on disk, revocations above all (docs/security.md).
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
            },
        }
    parts = urlsplit(config.database_url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "hopkey",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {key: value for key, _, value in (item.partition("=") for item in parts.query.split("&")) if key},
    }


SECRET_KEY = secret_key_read(_CONFIG) or throwaway_key()
DEBUG = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "hopkey.server.urls"
AUTH_USER_MODEL = "accounts.User"
APPEND_SLASH = False
DATABASES = {"default": _database(_CONFIG)}

_PUBLIC = urlsplit(_CONFIG.public_url)
_HTTPS = _PUBLIC.scheme == "https"
ALLOWED_HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    *([_PUBLIC.hostname] if _PUBLIC.hostname else []),
    *([_CONFIG.host] if _CONFIG.host not in ("0.0.0.0", "::", "127.0.0.1", "localhost") else []),  # noqa: S104
    *_CONFIG.allowed_hosts,
]
CSRF_TRUSTED_ORIGINS = [f"{_PUBLIC.scheme}://{_PUBLIC.netloc}"] if _PUBLIC.netloc else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SESSION_COOKIE_NAME = "hopkey_session"
CSRF_COOKIE_NAME = "hopkey_csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = _CONFIG.session_days * 86_400
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = _CONFIG.upload_limit_mb * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "hopkey.server.changes",
    "hopkey.server.audit",
    "hopkey.server.mail",
    "hopkey.server.webhooks",
    "hopkey.server.accounts",
    "hopkey.server.notices",
    "hopkey.server.workspaces",
    "hopkey.server.tokens",
    "hopkey.server.automation",
    "hopkey.server.provisioning",
    "hopkey.server.figures",
    "hopkey.server.maintenance",
    "hopkey.server.ui",
    "hopkey.server.console",
    "hopkey.server.web",
]

MIDDLEWARE = [
    "hopkey.server.ui.middleware.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "hopkey.server.ui.middleware.NoNulMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "hopkey.server.accounts.middleware.SessionSeenMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hopkey.server.ui.context.shell",
            ],
        },
    }
]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
# In the database, so that the limit on sign-in attempts holds across workers and nodes. Beyond the limit on entries
# live ones are dropped, and with them the count of attempts: it must be out of reach of whoever makes entries.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "hopkey_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "forms": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "hopkey_forms",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}

LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "hopkey.server.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "10/m/ip,5/300s/key",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
    "passkey": "60/m/ip",
    "mailed_code": "60/m/ip,5/900s/key",
    # Mailed codes: asked for, and tried.
    "request_login_code": "20/m/ip,3/m/key,10/h/key",
    "oidc": "60/m/ip",
    "confirm": "30/m/user",
}
MFA_ADAPTER = "hopkey.server.accounts.adapter.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True
# Clocks of phones differ: the codes just before and after count as well, each once (accounts/factors.py).
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODE_DIGITS = 10
EMAIL_BACKEND = "hopkey.server.mail.backend.OutboxBackend"

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder"]

LOGGING = logging_settings(_CONFIG)
