"""Where the build puts ``quickjs.wasm`` (hatch_build.py)."""
