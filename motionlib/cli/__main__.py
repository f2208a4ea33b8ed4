"""`python -m motionlib.cli`: the same as the console script."""

from motionlib.cli import main

main()
