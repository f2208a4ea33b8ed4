"""params.yaml held against the registries, so that a typo stops before the first stage.

`python -m motionlib.settings [FILE]` does it and ends with 2 if something does not fit.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from motionlib import params


class BadSettingsError(ValueError):
    """A setting in params.yaml is unknown or impossible; the message names its place."""


def check(config: params.Params) -> None:
    """Hold every kind and every setting of a kind against its registry, and every name against what it names.

    Raises:
        BadSettingsError: On the first that does not fit, naming its place in params.yaml.
    """
    from motionlib.evaluation.evaluators import EVALUATORS
    from motionlib.priors import PRIORS
    from motionlib.text import encoder
    from motionlib.tokenizers import TOKENIZERS

    _text(lambda: encoder(config.text.encoder, config.text.max_tokens))
    for name, evaluator in config.evaluators.items():
        _settings(f"evaluators.{name}", EVALUATORS, evaluator.kind, evaluator.model)
        _trained(f"evaluators.{name}.train", evaluator, EVALUATORS[evaluator.kind].given)
    _named("evaluate.evaluator", config.evaluate.evaluator, config.evaluators)
    for name, tokenizer in config.tokenizers.items():
        _settings(f"tokenizers.{name}", TOKENIZERS, tokenizer.kind, tokenizer.model)
    for name, prior in config.priors.items():
        _settings(f"priors.{name}", PRIORS, prior.kind, prior.model)
        _fits(f"priors.{name}.sampling", PRIORS[prior.kind].Sampling.model_validate, prior.sampling)
        _named(f"priors.{name}.tokenizer", prior.tokenizer, config.tokenizers)
    _named("bundle.prior", config.bundle.prior, config.priors)
    wanted = config.priors[config.bundle.prior].tokenizer
    if config.bundle.tokenizer != wanted:
        raise BadSettingsError(f"bundle.tokenizer: {config.bundle.tokenizer!r}, but the prior learns {wanted!r}")


def _settings(place: str, registry: Mapping[str, Any], kind: str, settings: Mapping[str, Any]) -> None:
    if kind not in registry:
        raise BadSettingsError(f"{place}.kind: unknown kind {kind!r}; known: {sorted(registry)}")
    _fits(f"{place}.model", registry[kind].Config.model_validate, settings)


def _trained(place: str, evaluator: params.EvaluatorEntry, given: bool) -> None:
    if given == (evaluator.train is not None):
        why = "is given, not trained: leave it out" if given else "is trained, so it is needed"
        raise BadSettingsError(f"{place}: a {evaluator.kind!r} {why}")


def _fits(place: str, validate: Callable[[Any], object], settings: Mapping[str, Any]) -> None:
    try:
        validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([place, *(str(part) for part in first["loc"])])
        raise BadSettingsError(f"{where}: {first['msg']} (got {first['input']!r})") from error


def _named(place: str, name: str, among: Mapping[str, object]) -> None:
    if name not in among:
        raise BadSettingsError(f"{place}: {name!r} is none of {sorted(among)}")


def _text(build: Callable[[], object]) -> None:
    try:
        build()
    except ValueError as error:
        raise BadSettingsError(f"text: {error}") from error


def main(path: Path = Path("params.yaml")) -> int:
    """Check a file; 0 if it is good, 2 with one sentence if it is not."""
    try:
        check(params.load(path))
    except ValidationError as error:
        for problem in error.errors():
            print(f"{path}: {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}", file=sys.stderr)
        return 2
    except BadSettingsError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*(Path(argument) for argument in sys.argv[1:2])))
