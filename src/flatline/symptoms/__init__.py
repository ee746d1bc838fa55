"""What a person would see; one symptom a file. Nothing here says why."""
