"""Stage `encode_text`: data/features (captions) -> data/text."""

from pathlib import Path

from motionlib import params, supervision, text, tracking
from motionlib.artifacts import TextTable, read_captions, read_tokens, write_text

FEATURES, TEXT = Path("data/features"), Path("data/text")


def main() -> None:
    """Embed every unique caption once, so that no training ever runs the encoder."""
    config = params.load().text
    encoder = text.encoder(config.encoder, config.max_tokens)
    captions = read_captions(FEATURES)
    with tracking.run("encode_text", config.model_dump() | text.describe(encoder)) as log:
        log.dataset("features", FEATURES)
        described = text.describe(encoder), read_tokens(FEATURES)
        write_text(TEXT, TextTable(captions, *encoder.encode(captions), *described))
        log.metrics({"captions": float(len(captions))}, step=0)


if __name__ == "__main__":
    supervision.watch_supervisor()
    main()
