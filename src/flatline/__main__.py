"""``python -m flatline`` is the command ``flatline``."""

from flatline.cli import main

if __name__ == "__main__":
    main()
