"""The board: who is champion and why, the journal, the last run, data, codes and motions; live or as static pages.

It reads files and the journal and changes nothing.
"""
