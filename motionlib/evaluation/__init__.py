"""How good a model is: metrics of arrays, the evaluator that embeds motion and text, and intervals for all of them."""
