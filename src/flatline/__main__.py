"""``python -m flatline`` and the command ``flatline``."""

import os
import sys


def run() -> None:
    """Starts the command line with our own libraries first on the path.

    ``-m`` puts the working folder first, and PYTHONPATH comes before installed packages: a file of the user's there
    may be called click.py.
    """
    if not getattr(sys.flags, "safe_path", False) and sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    own = {os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    sys.path.sort(key=lambda entry: os.path.abspath(entry) in own)
    from flatline.cli import main

    main()


if __name__ == "__main__":
    run()
