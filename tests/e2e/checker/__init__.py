"""Real processes, a history of all that clients saw, and the truth that Redis wrote down."""
