"""Stage `bundle` in an empty folder with tiny models; what a bundle does; and its way through the registry."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner

from motionlib import priors, text, tokenizers
from motionlib.artifacts import BadArtifactError, FeatureClip, Report, read_features, write_features, write_report
from motionlib.cli import main
from motionlib.evaluation.off_distribution import bands, reference
from motionlib.evaluation.off_distribution.codes import remember
from motionlib.evaluation.off_distribution.measures import Known
from motionlib.evaluation.off_distribution.verdict import VERDICTS
from motionlib.evaluation.off_distribution.windows import neighbourhood
from motionlib.ingest import synthetic
from motionlib.promotion import journal, registry
from motionlib.promotion.bundle import Bundle
from motionlib.promotion.listing import bundle_id, check
from motionlib.promotion.registry import UnknownModelError
from motionlib.text import BadEncoderError
from motionlib.tracking import store
from stages import bundle as stage

ROOT = Path(__file__).parents[2]
ENCODER, TOKENS, FRAMES = "hash:32", 16, 32
REPORTS = {
    "ingest": {"count": {"files": 3, "quarantine": 1}, "hours": 0.5},
    "normalize": {"clips": {"out": 2}, "captions": {"unique": 4}},
    "train_evaluator": {},
    "train_tokenizer/vq_2048": {},
    "off_distribution/vq_2048": {},
    "codebook/vq_2048": {"shape": {"codebook_size": 16}, "codebooks": [{"usage": 0.75, "perplexity": 9.0}]},
    "train_prior/gpt": {},
    "evaluate/gpt": {
        "evaluator": "e" * 64,
        "reconstruction": {"mpjpe_mm": {"mean": 41.5, "low": 40.0, "high": 43.0}},
        "per_clip": {"walk": {"mpjpe_mm": 41.5}},
    },
}


def write_inputs(folder: Path, seed: int = 0) -> None:
    """What the stage reads: two clips, of which one is mirrored, models that have learned nothing, and reports."""
    torch.manual_seed(seed)
    rows = np.random.default_rng(0).normal(size=(2 * FRAMES, 263)).astype(np.float32)
    clips = [
        FeatureClip("walk", 0, FRAMES, "train", False, "d", "", "", "", "CC0-1.0"),
        FeatureClip("M:walk", FRAMES, FRAMES, "train", True, "d", "", "", "", "CC0-1.0"),
    ]
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    made = [(clip, rows[clip.start : clip.start + FRAMES]) for clip in clips]
    write_features(folder / "data/features", made, [], mean=mean, std=std, fps=20.0, mode="compat")
    encoder = text.encoder(ENCODER, TOKENS)
    sizes = {"width": 8, "depth": 1, "code_width": 8, "codes": 16}
    tokenizer = tokenizers.build("vqvae", sizes, torch.from_numpy(mean), torch.from_numpy(std))
    tokenizers.save(folder / "models/tokenizers/vq_2048", tokenizer)
    write_reference(folder)
    prior = priors.build("gpt", {"layers": 1, "width": 16, "heads": 2, "max_steps": 12}, tokenizer.shape, encoder.dim)
    priors.save(folder / "models/priors/gpt", prior, text.describe(encoder))
    for name, numbers in REPORTS.items():
        write_report(folder / "reports" / name, Report(numbers))
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["text"] = {"encoder": ENCODER, "max_tokens": TOKENS}
    content["priors"]["gpt"]["sampling"] = {}
    (folder / "params.yaml").write_text(yaml.safe_dump(content))


def write_reference(folder: Path) -> None:
    """What deliveries are held against: two clips, to nothing in particular calibrated."""
    features = read_features(folder / "data/features")
    near = neighbourhood(features, features.clips, [np.full(FRAMES, 40.0)] * 2, 100)
    known = Known(near, remember([np.arange(8, dtype=np.int64)[:, None]], 16))
    calibration = bands.Calibration(dict.fromkeys(bands.MEASURES, bands.Band(1.0, 2.0)), [0.0, 0.5, 1.0], 2.0, 9, {})
    reference.write(folder / "models/references/vq_2048", reference.Reference(known, calibration), "compat")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder in which the stage ran; never changed by a test."""
    folder = tmp_path_factory.mktemp("bundled")
    write_inputs(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        stage.main()
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    """A copy of the bundle, to spoil."""
    return Path(shutil.copytree(made / "models/bundle", tmp_path / "bundle"))


def test_the_stage_writes_a_bundle_a_report_and_the_page(made):
    facts = check(made / "models/bundle")
    assert facts["names"] == {"tokenizer": "vq_2048", "prior": "gpt"}
    assert facts["licences"] == {"CC0-1.0": 1}  # the mirrored clip is not another clip
    assert facts["features"] == {"dimensions": 263, "fps": 20.0, "mode": "compat"}
    assert facts["evaluator"] == "e" * 64
    report = json.loads((made / "reports/bundle/report.json").read_text())
    assert report["bundle"] == bundle_id(made / "models/bundle")
    assert report["summary"]["codebook_usage"] == 0.75
    assert {"reference/weights.safetensors", "reference/model.json"} <= set(facts["files"])
    assert (made / "reports/bundle/index.html").read_text().startswith("<!doctype html>")


def test_the_card_is_made_from_the_reports(made):
    card = (made / "models/bundle/MODEL_CARD.md").read_text()
    assert "| MPJPE, held out | 41.5 (40 to 43) mm |" in card
    assert "| codebook usage | 75 % | of 16 codes |" in card
    assert "| CC0-1.0 | 1 |" in card
    assert "1 of 3 files were quarantined" in card


def test_two_runs_give_the_same_bytes(made, tmp_path, monkeypatch):
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    stage.main()
    stage.main()  # a bundle that lies there is replaced
    assert bundle_id(tmp_path / "models/bundle") == bundle_id(made / "models/bundle")


def test_there_is_no_pickle_in_it(made):
    suffixes = {path.suffix for path in (made / "models/bundle").rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".npy", ".md"}


def test_the_same_seed_gives_the_same_motion(folder):
    model = Bundle.load(folder)
    one, two = (model.generate(["A person  walks"], seconds=1.6, seed=3)[0] for _ in range(2))
    other = model.generate(["a person walks"], seconds=1.6, seed=4)[0]
    assert one.text == "a person walks"
    assert one.features.shape == (32, 263)  # 1.6 s at 20 Hz
    assert one.codes.shape == (8, 1)
    np.testing.assert_array_equal(one.features, two.features)
    assert not np.array_equal(one.codes, other.codes)


def test_motions_come_in_the_order_of_texts_and_counts(folder):
    motions = Bundle.load(folder).generate(["walk", "jump"], seconds=[0.4, 0.8], count=2)
    assert [(motion.text, len(motion.codes)) for motion in motions] == [
        ("walk", 2),
        ("walk", 2),
        ("jump", 4),
        ("jump", 4),
    ]


def test_a_reconstruction_is_what_its_codes_stand_for(folder):
    model = Bundle.load(folder)
    features = np.random.default_rng(1).normal(size=(30, 263)).astype(np.float32)
    codes = model.encode(features)
    assert codes.shape == (7, 1)  # 30 frames hold 7 whole steps of 4
    np.testing.assert_array_equal(model.reconstruct(features), model.decode(codes))


@pytest.mark.parametrize(
    ("texts", "seconds", "problem"),
    [
        ([], None, "nothing to generate"),
        ([" "], None, "empty"),
        (["walk"], 0.0, "positive length"),
        (["a"], [1, 2], "one or 1"),
    ],
)
def test_wrong_requests_are_refused(folder, texts, seconds, problem):
    with pytest.raises(ValueError, match=problem):
        Bundle.load(folder).generate(texts, seconds)


@pytest.mark.parametrize("codes", [np.zeros((0, 1)), np.zeros((3, 2)), np.full((3, 1), 16), np.full((3, 1), -1)])
def test_codes_that_are_none_are_refused(folder, codes):
    with pytest.raises(ValueError, match="codes"):
        Bundle.load(folder).decode(codes.astype(np.int64))


def test_a_changed_file_is_named(folder):
    weights = folder / "prior/weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(BadArtifactError, match=r"prior/weights\.safetensors: changed"):
        Bundle.load(folder)


def test_a_missing_and_a_foreign_file_are_named(folder):
    (folder / "extra.bin").write_bytes(b"x")
    with pytest.raises(BadArtifactError, match=r"extra\.bin does not belong"):
        Bundle.load(folder)
    (folder / "extra.bin").unlink()
    (folder / "mean.npy").unlink()
    with pytest.raises(BadArtifactError, match=r"mean\.npy: missing"):
        Bundle.load(folder)
    with pytest.raises(BadArtifactError, match="no bundle in"):
        Bundle.load(folder / "prior")


def test_another_text_encoder_is_refused(folder):
    facts = json.loads((folder / "bundle.json").read_text())
    facts["text_encoder"]["spec"] = "hash:64"
    (folder / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(BadEncoderError, match="learned with text encoder hash:64"):
        Bundle.load(folder)


# --- the registry ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def registered(made, tmp_path_factory):
    """A checkout whose MLflow holds the bundle as version 1 and another one as version 2; 1 was promoted."""
    place = tmp_path_factory.mktemp("checkout")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
        store.forget_client()
        run = store.open_run("retrain", {})
        assert registry.register(made / "models/bundle", run, {"git.commit": "abc"}) == ("1", True)
        assert registry.register(made / "models/bundle", run, {}) == ("1", False)
        registry.promote("1", "ann", "the first", {"mpjpe_mm": 41.5})
        write_inputs(place, seed=1)
        stage.main()
        assert registry.register(place / "models/bundle", run, {}) == ("2", True)
        yield place
        store.forget_client()


@pytest.fixture
def checkout(registered, tmp_path, monkeypatch):
    """The same, to work in: a journal and a database of its own."""
    (tmp_path / ".motionlib").mkdir()
    shutil.copy(registered / "mlflow.db", tmp_path)
    shutil.copy(registered / journal.FILE, tmp_path / journal.FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    store.forget_client()
    yield tmp_path
    store.forget_client()


def alias(name: str) -> str:
    return str(store.client().get_model_version_by_alias(registry.NAME, name).version)


def test_a_registered_bundle_is_challenger_until_it_is_promoted(checkout):
    assert [(one.version, one.aliases) for one in registry.models()] == [("2", ("challenger",)), ("1", ("champion",))]
    registry.promote("2", "ann", "moves better")
    assert registry.champion() == alias("champion") == "2"
    with pytest.raises(ValueError, match="champion already"):
        registry.promote("2", "ann", "again")


def test_one_call_goes_back_to_the_champion_before(checkout):
    registry.promote("2", "ann", "moves better")
    assert registry.rollback("bob", "limps") == "1"
    assert registry.champion() == alias("champion") == "1"
    assert [(entry.what, entry.who, entry.why) for entry in journal.entries()][-1] == ("rollback", "bob", "limps")
    assert registry.verify() == 3


def test_without_an_earlier_champion_there_is_nothing_to_go_back_to(checkout):
    with pytest.raises(UnknownModelError, match="no earlier champion"):
        registry.rollback("bob", "limps")


def test_a_withdrawn_champion_hands_over_and_does_not_come_back(checkout):
    registry.promote("2", "ann", "moves better")
    assert registry.withdraw("2", "ann", "a clip's licence") == "1"
    assert registry.champion() == alias("champion") == "1"
    with pytest.raises(UnknownModelError, match="withdrawn"):
        registry.promote("2", "ann", "please")
    assert registry.withdraw("1", "ann", "the same clip") is None
    with pytest.raises(UnknownModelError, match="no champion yet"):
        registry.resolve("champion")


def licensed(checkout: Path, *allowed: str) -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["promote"]["commercial_licences"] = list(allowed)
    (checkout / "params.yaml").write_text(yaml.safe_dump(content))


def test_a_model_of_free_clips_is_released_and_the_champion_stays(checkout):
    licensed(checkout, "CC0-1.0")
    entry = registry.release("2", "ann", "for the game")
    assert (entry.what, entry.version, entry.champion) == ("release", "2", "1")
    assert entry.evidence["licences"] == {"CC0-1.0": 1}
    assert registry.resolve("commercial") == alias("commercial") == "2"
    assert registry.champion() == "1"
    registry.withdraw("2", "ann", "a clip was not free after all")
    with pytest.raises(UnknownModelError, match="nothing was released"):
        registry.resolve("commercial")


def test_one_clip_under_another_licence_forbids_the_release_and_is_named(checkout):
    licensed(checkout, "MIT")
    with pytest.raises(registry.LicenceError, match=r"1 of its 1 clips stand under CC0-1.0; the first is walk"):
        registry.release("2", "ann", "for the game")
    assert [entry.what for entry in journal.entries()] == ["promote"]
    refused = CliRunner().invoke(main, ["promote", "2", "--alias", "commercial", "--json"])
    assert refused.exit_code == 1
    assert "may not be commercial" in json.loads(refused.stdout)["refused"]


def test_a_journal_that_was_cut_is_found(checkout):
    registry.promote("2", "ann", "moves better")
    lines = journal.FILE.read_text().splitlines()
    journal.FILE.write_text(lines[0] + "\n")
    with pytest.raises(journal.BadJournalError, match="is gone"):
        registry.verify()


def test_lineage_names_bundle_and_commit(checkout, made):
    found = registry.lineage("champion")
    assert found["bundle"] == bundle_id(made / "models/bundle")
    assert found["git.commit"] == "abc"


def test_a_name_that_nothing_bears_is_refused_with_what_there_is(checkout):
    with pytest.raises(UnknownModelError, match="there are versions 1, 2"):
        registry.folder_of("7")


@pytest.mark.parametrize("name", ["champion", "1"])
def test_a_model_is_loaded_by_its_name(checkout, made, name):
    assert registry.load(name).id == bundle_id(made / "models/bundle")


@pytest.mark.filterwarnings("ignore::UserWarning")  # MLflow compares installed packages with those of the model
def test_mlflow_itself_loads_the_champion_and_predicts(checkout, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{checkout}/mlflow.db")
    model = mlflow.pyfunc.load_model("models:/motion@champion")
    one, two = model.predict(["a person walks", "a person jumps"], params={"seed": 1, "seconds": 1.6})
    assert (one["text"], one["fps"]) == ("a person walks", 20.0)
    assert one["joints"].shape == two["joints"].shape == (32, 22, 3)
    again = model.predict(["a person walks", "a person jumps"], params={"seed": 1, "seconds": 1.6})
    np.testing.assert_array_equal(one["joints"], again[0]["joints"])


# --- a delivery against a bundle ------------------------------------------------------------------------------


@pytest.fixture
def delivery(tmp_path, monkeypatch):
    """Three takes in a folder that is no project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    synthetic.write(tmp_path / "monday", 3)
    return tmp_path / "monday"


def check_it(delivery: Path, *arguments: object):
    return CliRunner().invoke(main, ["check", str(delivery), *map(str, arguments)])


def test_a_delivery_is_measured_before_any_training(delivery, folder):
    done = check_it(delivery, "--json", "--model", folder)
    assert done.exit_code == 0
    found = json.loads(done.stdout)["off_distribution"]
    assert found["bundle"] == bundle_id(folder)
    assert found["verdict"] in VERDICTS
    assert found["verdict"] in found["possible"]
    assert found["score"]["low"] <= found["score"]["mean"] <= found["score"]["high"]
    assert (found["kept"], found["measured"], found["few"]) == (3, 3, True)
    scores = [one["score"] for one in found["clips"]]
    assert scores == sorted(scores, reverse=True)
    assert {one["path"] for one in found["farthest"]} == {str(path) for path in delivery.rglob("*.bvh")}


def test_the_screen_and_the_page_tell_the_verdict(delivery, folder):
    done = check_it(delivery, "--html", "page", "--model", folder)
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("off-distribution: ")]
    assert said.removeprefix("off-distribution: ").startswith(VERDICTS)
    page = Path("page/index.html").read_text()
    assert said.partition("; ")[2] in page
    assert "The farthest takes" in page


def test_without_a_champion_the_last_bundle_is_the_measure(delivery, folder):
    shutil.copytree(folder, "models/bundle")
    assert json.loads(check_it(delivery, "--json").stdout)["off_distribution"]["model"] == "the last bundle"


def test_a_bundle_that_was_changed_is_told_and_judges_nothing(delivery, folder):
    (folder / "reference/model.json").write_text("{}")
    shutil.copytree(folder, "models/bundle")
    assert check_it(delivery, "--model", folder).exit_code == 2
    found = json.loads(check_it(delivery, "--json").stdout)["off_distribution"]
    assert found["verdict"] is None
    assert "changed since it was bundled" in found["why"]


def test_a_bundle_from_before_there_were_bands_says_so(delivery, folder):
    listing = json.loads((folder / "bundle.json").read_text())
    listing["files"] = {name: at for name, at in listing["files"].items() if not name.startswith("reference/")}
    (folder / "bundle.json").write_text(json.dumps(listing))
    shutil.rmtree(folder / "reference")
    done = check_it(delivery, "--model", folder)
    assert done.exit_code == 2
    assert "without the bands" in done.stderr
