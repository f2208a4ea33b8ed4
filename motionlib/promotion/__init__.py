"""What is promoted, whether it may be, who promoted it, and where it lies."""
