"""Stage `bundle`: data/features, models, reports -> models/bundle, reports/bundle."""

import shutil
from pathlib import Path

from motionlib import params, supervision, tracking
from motionlib.artifacts import Report, read_features, read_json, write_report
from motionlib.export import page
from motionlib.promotion import bundle, card, summary

FEATURES, MODELS, REPORTS = Path("data/features"), Path("models"), Path("reports")
BUNDLE, REPORT = Path("models/bundle"), Path("reports/bundle")


def main() -> None:
    """Put what is promoted into one folder, and what is known of it on one page."""
    config = params.load()
    names = {"tokenizer": config.bundle.tokenizer, "prior": config.bundle.prior}
    prior = MODELS / "priors" / names["prior"]
    features, reports = read_features(FEATURES), summary.read_reports(REPORTS, config)
    encoder = read_json(prior / "model.json")["text_encoder"]
    evaluator = reports["evaluate"]["evaluator"]
    facts = {"text encoder": encoder["spec"], "evaluator": evaluator, "features": features.mode}
    parts = bundle.Parts(
        features=features,
        tokenizer=MODELS / "tokenizers" / names["tokenizer"],
        prior=prior,
        reference=MODELS / "references" / names["tokenizer"],
        sampling=config.priors[names["prior"]].sampling,
        text_encoder=encoder,
        max_tokens=config.text.max_tokens,
        evaluator=evaluator,
        reports=reports,
        card=card.model_card(reports, names, bundle.licences(features), facts),
        names=names,
    )
    with tracking.run("bundle", config.bundle.model_dump()) as log:
        shutil.rmtree(BUNDLE, ignore_errors=True)
        numbers = {"bundle": bundle.write_bundle(BUNDLE, parts), "summary": summary.read(REPORTS, config)}
        html = page.run_page(REPORTS, names["tokenizer"], names["prior"], config.evaluate.evaluator).encode()
        write_report(REPORT, Report(numbers, {"index.html": html}))
        log.artifacts(REPORT)


if __name__ == "__main__":
    supervision.watch_supervisor()
    main()
