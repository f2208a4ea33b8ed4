"""Every tokenizer and prior that was trained, side by side: read from MLflow, written for people and for papers."""
