"""Why it happens; one root cause a file, found by discovery."""
