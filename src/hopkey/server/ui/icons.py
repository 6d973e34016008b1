"""The icons of the pages, drawn for these pages on a grid of 16: paths of an SVG, by name."""

from __future__ import annotations

ICONS = {
    "folder": '<path d="M1.8 12.5v-9h4l1.6 2h6.8v7z"/>',
    "sliders": (
        '<path d="M2 4.5h1.6M6.4 4.5H14M2 8h7.1M11.9 8H14M2 11.5h3.1M7.9 11.5H14"/>'
        '<circle cx="5" cy="4.5" r="1.4"/><circle cx="10.5" cy="8" r="1.4"/><circle cx="6.5" cy="11.5" r="1.4"/>'
    ),
    "people": (
        '<circle cx="6" cy="5.4" r="2.6"/><path d="M1.5 13.5c.4-2.8 2.2-4.2 4.5-4.2s4.1 1.4 4.5 4.2M10.6 3'
        'a2.5 2.5 0 0 1 0 4.8M12 9.6c1.4.5 2.3 1.8 2.5 3.9"/>'
    ),
    "key": '<circle cx="5.2" cy="10.8" r="3.2"/><path d="M7.5 8.5 13.5 2.5M10.7 5.3l2 2"/>',
    "gauge": '<path d="M2.3 12.5a6.2 6.2 0 1 1 11.4 0M8 9.5l2.6-3.4"/><circle cx="8" cy="9.8" r=".8"/>',
    "settings": (
        '<circle cx="8" cy="8" r="2.2"/><path d="M8 1.8v2M8 12.2v2M1.8 8h2M12.2 8h2M3.6 3.6 5 5M11 11l1.4 1.4M12.4 3.6 '
        '11 5M5 11l-1.4 1.4"/>'
    ),
    "search": '<circle cx="7" cy="7" r="4.5"/><path d="m10.4 10.4 3.6 3.6"/>',
    "expand": '<path d="m4.5 6.2 3.5 3.5 3.5-3.5"/>',
    "close": '<path d="m4 4 8 8M12 4l-8 8"/>',
}
