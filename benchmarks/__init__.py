"""Every speed claim of the README, as a ratio against the plain way, measured in the same run."""
