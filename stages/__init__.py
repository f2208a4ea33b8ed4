"""WHAT happens: one module per DVC stage."""
