"""Reports the running interpreter, and which of the given modules and packages are installed.

Input: `{"modules": [...], "packages": [...]}` on standard input. Output: JSON. Imports none of the modules.
"""

import json
import platform
import sys
from importlib import metadata, util


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def lacks(module: str) -> bool:
    try:
        return util.find_spec(module) is None
    except (ImportError, ValueError):
        return True


asked = json.load(sys.stdin)
answer = {
    "interpreter": {
        "version": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": sys.platform,
        "machine": platform.machine(),
        "byte_order": sys.byteorder,
    },
    "packages": {package: version(package) for package in asked["packages"]},
    "lacking": [module for module in asked["modules"] if lacks(module)],
}
print(json.dumps(answer))
