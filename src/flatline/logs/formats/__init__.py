"""One format a file: ``TITLE``, ``recognises(name, start)`` and ``read(stream, log)``."""
