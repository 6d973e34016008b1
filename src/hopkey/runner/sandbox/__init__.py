"""The script sandbox: QuickJS as WebAssembly under wasmtime.

Import `hopkey.runner.sandbox.sandbox` only when there is a script to run: it brings wasmtime.
"""

from hopkey.runner.sandbox.types import (
    Expectation,
    FetchRequest,
    FetchResponse,
    Host,
    Iteration,
    Limits,
    Outcome,
    Script,
    ScriptError,
    ScriptResponse,
    TestBlock,
    source_clean,
)

__all__ = [
    "Expectation",
    "FetchRequest",
    "FetchResponse",
    "Host",
    "Iteration",
    "Limits",
    "Outcome",
    "Script",
    "ScriptError",
    "ScriptResponse",
    "TestBlock",
    "source_clean",
]
