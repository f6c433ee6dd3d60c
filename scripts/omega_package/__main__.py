"""``make omega``: writes both files into ``dist/`` (or the folder given) and says how large they are."""

import sys
import tomllib
from pathlib import Path

from omega_package.archive import SERVICE, archive
from omega_package.ipk import NAME, package


def main() -> int:
    """Builds."""
    top = Path(__file__).resolve().parents[2]
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else top / "dist"
    version = tomllib.loads((top / SERVICE / "pyproject.toml").read_text())["project"]["version"]
    agent = archive(top)
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in (
        (folder / f"{NAME}.pyz", agent),
        (folder / f"{NAME}_{version}_all.ipk", package(top, agent, version)),
    ):
        new = path.with_name(f"{path.name}.new")
        new.write_bytes(content)
        new.replace(path)
        print(f"{path.relative_to(top) if path.is_relative_to(top) else path}: {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
