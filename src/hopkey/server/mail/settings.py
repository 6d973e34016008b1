"""Whether mail is set up, and where it is handed over."""

from __future__ import annotations

from pathlib import Path

from hopkey.server.config import ConfigError, current
from hopkey.server.smtp_url import SmtpServer, smtp_url_read


def is_set_up() -> bool:
    """Whether this server can send mail. Pages that would send some say so where it cannot."""
    config = current()
    return bool(config.smtp_url or config.smtp_url_file)


def smtp_server() -> SmtpServer | None:
    """Where mail goes, or None where it is not set up. Raises `ConfigError` for a file that cannot be used."""
    config = current()
    text = config.smtp_url
    if not text and config.smtp_url_file:
        try:
            text = Path(config.smtp_url_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigError(
                f"HOPKEY_SMTP_URL_FILE names {config.smtp_url_file}, which cannot be read: {why}."
            ) from None
    if not text:
        return None
    try:
        return smtp_url_read(text)
    except ValueError as error:
        raise ConfigError(f"HOPKEY_SMTP_URL {error}.") from None
