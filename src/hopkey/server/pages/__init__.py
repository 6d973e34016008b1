"""The process that renders pages: Django as WSGI, in a few threads, behind a local socket.

The gate has a process of its own, so that no page ever takes the interpreter from it (measured: bench/gate).
"""
