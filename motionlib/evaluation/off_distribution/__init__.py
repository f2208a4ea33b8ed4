"""What a tokenizer is worth on motion unlike its training's: hold-outs, calibrated bands, the score of a delivery."""
