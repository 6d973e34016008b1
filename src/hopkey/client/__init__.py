"""Talks to a Hopkey or Hoppscotch server with a personal access token."""
