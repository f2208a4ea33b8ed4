"""WHEN and WHERE stages run: Prefect flows over the DVC graph."""
