"""What a codebook is used for: how much of it, how evenly, in which order, and for which motion."""

from motionlib.codebook.analysis import analyse, headline
from motionlib.codebook.counts import usage
from motionlib.codebook.maps import transitions_png
from motionlib.codebook.order import grams, transitions
from motionlib.codebook.pictures import usage_png
from motionlib.codebook.vectors import neighbours

__all__ = ["analyse", "grams", "headline", "neighbours", "transitions", "transitions_png", "usage", "usage_png"]
