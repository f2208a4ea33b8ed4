"""A stage process ends when the process that started it is gone, so that no orphan writes beside a retry."""


def watch_supervisor() -> None:
    """Start the watchdog if a supervisor named itself in the environment; otherwise do nothing."""
