"""What a User-Agent header says in words: "Firefox on Windows". Pure; nothing is decided by it."""

from __future__ import annotations

# Order matters: every Chromium calls itself Chrome and Safari too.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python", "a Python program"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
_SMALL = ("iPhone", "iPad", "Android")


def device_words(agent: str) -> str:
    """The browser and the system of a User-Agent header, as far as they are known."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser[:1].upper() + browser[1:] or system or "Unknown device"


def is_small(agent: str) -> bool:
    """Whether it is a phone or a tablet."""
    return any(mark in agent for mark in _SMALL)
