"""Bundles in MLflow's registry, and who of them is champion. The journal decides; MLflow's aliases mirror it."""

import os
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from motionlib import params
from motionlib.artifacts import read_json
from motionlib.promotion import gate, journal
from motionlib.promotion.listing import LISTING, bundle_id
from motionlib.tracking import store

if TYPE_CHECKING:
    from motionlib.promotion.bundle import Bundle

NAME = "motion"
CHAMPION, CHALLENGER, COMMERCIAL = "champion", "challenger", "commercial"
BUNDLE_TAG, HEAD_TAG, WITHDRAWN_TAG = "bundle", "journal.head", "withdrawn"
LINEAGE_PREFIXES = ("git.", "dvc.", "lineage.", "stage", "prefect.", "bundle")
WHERE = "where"  # in the journal: folder of the bundle


class UnknownModelError(ValueError):
    """There is no model of that name; the message says what there is, or what makes one."""


class LicenceError(ValueError):
    """A model may not stand under an alias because of the licences of its clips."""


@dataclass(frozen=True)
class Registered:
    """One version of the registered model.

    Attributes:
        bundle: Id of its bundle. aliases: `champion`, `challenger`. created: ms since 1970.
    """

    version: str
    bundle: str
    aliases: tuple[str, ...]
    withdrawn: bool
    created: int
    run_id: str
    tags: Mapping[str, str]


def models() -> list[Registered]:
    """All registered versions, newest first; [] if there is none."""
    client = store.client()
    found = client.search_model_versions(f"name = '{NAME}'")
    aliases = _aliases() if found else {}
    made = [
        Registered(
            version=str(one.version),
            bundle=one.tags.get(BUNDLE_TAG, ""),
            aliases=tuple(sorted(alias for alias, version in aliases.items() if version == str(one.version))),
            withdrawn=one.tags.get(WITHDRAWN_TAG) == "true",
            created=int(one.creation_timestamp),
            run_id=str(one.run_id or ""),
            tags=dict(one.tags),
        )
        for one in found
    ]
    return sorted(made, key=lambda one: int(one.version), reverse=True)


def register(folder: Path, run_id: str, tags: Mapping[str, str]) -> tuple[str, bool]:
    """Put a bundle into the registry as challenger.

    Args:
        run_id: MLflow run that it came out of. tags: Its lineage.

    Returns:
        The version, and whether it is new: a bundle that is registered already is not registered again.
    """
    identity = bundle_id(folder)
    for known in models():
        if known.bundle == identity:
            return known.version, False
    version = _log_model(folder, run_id)
    client = store.client()
    for name, value in {**tags, BUNDLE_TAG: identity}.items():
        client.set_model_version_tag(NAME, version, store.tag_name(name), str(value)[: store.VALUE_CHARACTERS])
    client.set_registered_model_alias(NAME, CHALLENGER, version)
    return version, True


def _log_model(folder: Path, run_id: str) -> str:
    """Log the bundle as a pyfunc made of code, and register that."""
    os.environ.update(MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false", MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false")
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    params = ParamSchema([ParamSpec("seed", DataType.long, 0), ParamSpec("seconds", DataType.double, 0.0)])
    with warnings.catch_warnings(), mlflow.start_run(run_id=run_id, log_system_metrics=False):
        warnings.simplefilter("ignore", UserWarning)  # MLflow would like an example, and to run the model on it
        info = mlflow.pyfunc.log_model(
            name="bundle",
            python_model=str(Path(__file__).with_name("pyfunc.py")),
            artifacts={"bundle": str(folder)},
            signature=ModelSignature(inputs=Schema([ColSpec(DataType.string)]), params=params),
            pip_requirements=["motionlib"],
            registered_model_name=NAME,
        )
    return str(info.registered_model_version)


def champion() -> str | None:
    """Version of the champion, as the journal says."""
    return journal.champion(journal.entries())


def champion_folder() -> Path | None:
    """Folder of the champion's bundle, or None as long as there is no champion."""
    return folder_of(CHAMPION) if champion() else None


def decided(version: str) -> bool:
    """Whether the journal holds a decision on this version already."""
    return any(entry.version == version for entry in journal.entries())


def promote(version: str, who: str, why: str, evidence: Mapping[str, Any] | None = None) -> journal.Entry:
    """Make a version the champion: a journal entry, then the alias.

    Raises:
        UnknownModelError: If there is no such version, or it was withdrawn.
        ValueError: If it is champion already, or nobody or no reason is named.
    """
    known = _version(version)
    if known.withdrawn:
        raise UnknownModelError(f"version {version} was withdrawn; see the journal for why")
    if champion() == known.version:
        raise ValueError(f"version {version} is the champion already")
    return _decide("promote", known.version, known.version, who, why, evidence or {})


def release(version: str, who: str, why: str) -> journal.Entry:
    """Put a version under the alias `commercial`, which stands for models that may be sold with.

    Raises:
        UnknownModelError: If there is no such version, or it was withdrawn.
        LicenceError: If a clip of its bundle stands under a licence that `promote.commercial_licences` does not list.
    """
    known = _version(version)
    if known.withdrawn:
        raise UnknownModelError(f"version {version} was withdrawn; see the journal for why")
    clips = read_json(_fetch(known.version) / "licences.json")
    refused = gate.refused_licences(set(clips.values()), params.load().promote)
    if refused:
        first = min(clip for clip, licence in clips.items() if (licence or "unknown") in refused)
        count = sum((licence or "unknown") in refused for licence in clips.values())
        raise LicenceError(
            f"version {version} may not be {COMMERCIAL}: {count} of its {len(clips)} clips stand under "
            f"{', '.join(refused)}; the first is {first}"
        )
    facts = {"alias": COMMERCIAL, "licences": dict(sorted(Counter(clips.values()).items()))}
    entry = _decide("release", known.version, champion(), who, why, facts)
    store.client().set_registered_model_alias(NAME, COMMERCIAL, known.version)
    return entry


def reject(version: str, who: str, why: str, evidence: Mapping[str, Any]) -> journal.Entry:
    """Note that a challenger was not promoted."""
    return _decide("reject", version, champion(), who, why, evidence)


def rollback(who: str, why: str) -> str:
    """Make the champion before the present one champion again, in one call, and give its version.

    Raises:
        UnknownModelError: If there was none.
    """
    previous = journal.before(journal.entries())
    if previous is None:
        raise UnknownModelError("there is no earlier champion to go back to")
    _decide("rollback", previous, previous, who, why, {"from": champion()})
    return previous


def withdraw(version: str, who: str, why: str) -> str | None:
    """Take a version out of use for good, and give the champion after that.

    If it is champion, the champion before it takes over; if there is none, there is no champion.

    Raises:
        UnknownModelError: If there is no such version.
    """
    known = _version(version)
    found = journal.entries()
    after = champion() if champion() != known.version else journal.before(found, out=known.version)
    client = store.client()
    client.set_model_version_tag(NAME, known.version, WITHDRAWN_TAG, "true")
    _decide("withdraw", known.version, after, who, why, {})
    if _aliases().get(COMMERCIAL) == known.version:
        client.delete_registered_model_alias(NAME, COMMERCIAL)
        if free := journal.released(journal.entries()):
            client.set_registered_model_alias(NAME, COMMERCIAL, free)
    return after


def verify() -> int:
    """Check the journal's chain, and that it still holds the entry that MLflow noted as the newest.

    Raises:
        BadJournalError: If it was changed or cut.
    """
    found = store.client().search_registered_models(f"name = '{NAME}'")
    return journal.verify(head=found[0].tags.get(HEAD_TAG) if found else None)


def lineage(name: str) -> dict[str, Any]:
    """Where a model comes from: bundle, commits, and the stage versions and hashes of what made it."""
    version = resolve(name)
    known = _version(version)
    tags = {key: value for key, value in sorted(known.tags.items()) if key.startswith(LINEAGE_PREFIXES)}
    return {"model": NAME, "version": version, "bundle": known.bundle, "run": known.run_id, **tags}


def resolve(name: str) -> str:
    """The version that `champion`, `challenger`, `commercial` or a version stands for.

    Raises:
        UnknownModelError: If there is none.
    """
    if name == CHAMPION:
        now = champion()
        if now is None:
            raise UnknownModelError("there is no champion yet; `make run` trains and promotes one")
        return now
    if name == COMMERCIAL:
        free = journal.released(journal.entries())
        if free is None:
            raise UnknownModelError("nothing was released yet; `motionlib promote VERSION --alias commercial` does it")
        return free
    if name == CHALLENGER:
        latest = _aliases().get(CHALLENGER)
        if latest is None:
            raise UnknownModelError("there is no challenger yet; `make run` trains one")
        return latest
    return _version(name).version


def folder_of(name: str) -> Path:
    """Folder of the bundle that `champion`, `challenger`, a version or a folder's path stands for.

    Raises:
        UnknownModelError: If there is none.
    """
    if (Path(name) / LISTING).is_file():
        return Path(name)
    if name == CHAMPION:  # the journal knows where it lies, so MLflow need not be asked
        entry = journal.reign(journal.entries())
        where = Path(str(entry.evidence.get(WHERE, ""))) if entry else Path()
        if (where / LISTING).is_file():
            return where
    return _fetch(resolve(name))


def load(name: str) -> "Bundle":
    """The model that `champion`, `challenger`, a version or a bundle's folder stands for.

    Raises:
        UnknownModelError: If there is none.
        BadArtifactError: If a file of it was changed.
    """
    from motionlib.promotion.bundle import Bundle

    return Bundle.load(folder_of(name))


def _decide(
    what: journal.What, version: str, after: str | None, who: str, why: str, evidence: Mapping[str, Any]
) -> journal.Entry:
    known = _version(version)
    facts = {**evidence, "bundle": known.bundle, WHERE: _portable(_fetch(after)) if after else ""}
    entry = journal.append(what, version, after, who, why, facts)
    client = store.client()
    if after is None:
        client.delete_registered_model_alias(NAME, CHAMPION)
    else:
        client.set_registered_model_alias(NAME, CHAMPION, after)
    client.set_registered_model_tag(NAME, HEAD_TAG, entry.hash)
    return entry


def _version(version: str) -> Registered:
    known = {one.version: one for one in models()}
    if version not in known:
        there = f"there are versions {', '.join(sorted(known, key=int))}" if known else "`make run` makes one"
        raise UnknownModelError(f"no model {version!r}: neither a bundle's folder nor a version; {there}")
    return known[version]


def _aliases() -> dict[str, str]:
    return {alias: str(version) for alias, version in store.client().get_registered_model(NAME).aliases.items()}


def _fetch(version: str) -> Path:
    """Folder of a version's bundle: where it lies if that is here, else a download."""
    source = str(store.client().get_model_version_download_uri(NAME, version))
    local = Path(unquote(urlparse(source).path)) if source.startswith("file:") else None
    if local is None:
        from mlflow.artifacts import download_artifacts

        local = Path(download_artifacts(source))
    return local / "artifacts" / "bundle"


def _portable(folder: Path) -> str:
    """Relative to the checkout where it lies in it, so that a checkout can be moved."""
    try:
        return str(folder.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
