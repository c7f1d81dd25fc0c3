"""Statistics over subjects, on plain arrays; misuse raises ValueError."""
