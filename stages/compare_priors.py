"""Stage `compare_priors`: models/priors, models/tokenizers, data -> reports/compare_priors, motions side by side."""

import json
from pathlib import Path

from motionlib import params, priors, supervision, text, tokenizers, tracking, training
from motionlib.artifacts import Report, read_features, read_text, write_report
from motionlib.evaluation import beside
from motionlib.export import player
from motionlib.promotion.model import MotionModel

FEATURES, TEXT, REPORT = Path("data/features"), Path("data/text"), Path("reports/compare_priors")
TOKENIZERS, PRIORS = Path("models/tokenizers"), Path("models/priors")
TITLE = "The same words to every prior"


def main() -> None:
    """Give every prior the same sentences, and show what each makes of them beside the nearest training motion."""
    settings = params.load()
    config, features, table = settings.compare_priors, read_features(FEATURES), read_text(TEXT)
    training.deterministic(config.seed, threads=1)
    encoder = text.encoder(settings.text.encoder, settings.text.max_tokens)

    with tracking.run("compare_priors", config.model_dump(mode="json")) as log:
        log.dataset("features", FEATURES)
        told = beside.nearest(config.prompts, encoder, features, table)
        shown = [beside.Shown(beside.NEAREST, one.prompt, one.rows) for one in told]
        for name, entry in params.apart_from_seeds(settings.priors).items():
            prior = priors.load(PRIORS / name, table.encoder, features.mode)
            tokenizer = tokenizers.load(TOKENIZERS / entry.tokenizer, mode=features.mode)
            model = MotionModel(tokenizer, prior, encoder, entry.sampling)
            made = model.rows(list(config.prompts), [config.seconds] * len(config.prompts), config.seed)
            shown += [beside.Shown(name, prompt, rows) for prompt, rows in zip(config.prompts, made, strict=True)]
        packed = [
            player.pack(one.joints, features.fps, title=one.title, text=one.prompt)
            for one in beside.by_prompt(shown, config.prompts)
        ]
        pictures = {
            "motions.json": json.dumps(packed, sort_keys=True).encode(),
            "side_by_side.html": player.player_page(packed, TITLE).encode(),
        }
        write_report(REPORT, Report(beside.numbers(told, shown, features.fps), pictures))
        log.artifacts(REPORT)


if __name__ == "__main__":
    supervision.watch_supervisor()
    main()
