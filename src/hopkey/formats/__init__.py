"""Hoppscotch collections, requests and environments: shapes, version migrations, JSON codec. Pure."""
