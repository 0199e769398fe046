import hashlib
import importlib
import json
from collections import namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.errors import MissingDependencyError, ProviderError, StorageError, UsageError
from echotrace.providers.stt.model_download import download_model, plan_download
from echotrace.providers.stt.model_store import file_matches, list_models, model_folder
from echotrace.providers.stt.whisper_models import is_cached
from tests.fakes.hub_server import COMMIT, FILES, REPOSITORY, HubServer, digest
from tests.fakes.scripted_whisper import put_into_cache

Usage = namedtuple("Usage", "total used free")
NEEDED = {name: content for name, content in FILES.items() if name != "README.md"}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub that this process's own library asks, and an empty cache."""
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("echotrace.providers.stt.model_download._PAUSES_S", (0.0, 0.0, 0.0))
    with HubServer() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        template = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


def fetched(told=lambda *_: None):
    return download_model(plan_download("tiny", offline=False), told)


def cached():
    return [model for model in list_models() if model.source == "cache"]


def lay_out(cache, files=NEEDED):
    """Put files into the cache as the hub's library does: links into a folder of blobs."""
    home = cache / f"models--{REPOSITORY.replace('/', '--')}"
    snapshot = home / "snapshots" / COMMIT
    for folder in (snapshot, home / "blobs", home / "refs"):
        folder.mkdir(parents=True, exist_ok=True)
    (home / "refs" / "main").write_text(COMMIT)
    for name, content in files.items():
        blob = home / "blobs" / digest(name, content)
        blob.write_bytes(content)
        (snapshot / name).symlink_to(blob)
    return home


def test_a_disk_that_is_too_small_is_refused_before_the_first_byte(hub, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 10**9, 10**6))
    with pytest.raises(StorageError) as caught:
        plan_download("tiny", offline=False)
    assert caught.value.code == "DISK_FULL"
    assert "1,000,000 are free" in caught.value.why
    needed = int(caught.value.why.partition(" ")[0].replace(",", ""))
    assert sum(map(len, NEEDED.values())) < needed < 100 * 10**6
    assert not any("/resolve/" in path for path, _ in hub.seen)


def test_a_full_disk_does_not_matter_to_a_model_that_is_there(hub, tmp_path, monkeypatch):
    lay_out(tmp_path / "hub")
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 10**9, 0))
    plan = plan_download("tiny", offline=False)
    assert (plan.fetch, plan.needed_bytes, len(plan.present)) == ((), 0, len(NEEDED))


def test_a_plan_names_what_is_missing_partial_and_damaged(hub, tmp_path):
    home = lay_out(tmp_path / "hub", {**NEEDED, "tokenizer.json": b"other"})
    model = home / "blobs" / digest("model.bin", FILES["model.bin"])
    model.write_bytes(b"spoilt")
    partial = digest("tokenizer.json", FILES["tokenizer.json"]) + ".incomplete"
    (home / "blobs" / partial).write_bytes(FILES["tokenizer.json"][:1000])
    plan = plan_download(REPOSITORY, offline=False)
    assert {file.name for file in plan.fetch} == {"model.bin", "tokenizer.json"}
    assert plan.repaired == ("model.bin",)
    assert plan.partial_bytes == 1000
    assert plan.needed_bytes == len(FILES["model.bin"]) + len(FILES["tokenizer.json"]) - 1000


def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub):
    hub.faults["model.bin"] = [("cut", 1_000_000), 503, ("cut", 700_000), None]
    told = {}
    folder = fetched(lambda name, count: told.setdefault(name, []).append(count))
    wanted = hub.fetched("model.bin")
    assert wanted == [None, "bytes=1000000-", "bytes=1000000-", "bytes=1700000-"]
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]
    assert told["model.bin"] == sorted(told["model.bin"])
    assert told["model.bin"][-1] == len(FILES["model.bin"])


def test_a_server_that_knows_no_ranges_sends_the_whole_again(hub):
    hub.faults["model.bin"] = [("cut", 1_000), "whole"]
    assert (fetched() / "model.bin").read_bytes() == FILES["model.bin"]


@pytest.mark.parametrize(
    ("faults", "code", "said"),
    [
        ({"model.bin": [404]}, "MODEL_DOWNLOAD", "answered 404 for model.bin"),
        ({"model.bin": [500]}, "MODEL_DOWNLOAD", "answered 500 for model.bin"),
        ({"model.bin": ["short"]}, "MODEL_DOWNLOAD", "broke off early"),
        ({"model.bin": ["wrong"]}, "MODEL_CORRUPT", "does not match its hash"),
        ({"config.json": ["wrong"]}, "MODEL_CORRUPT", "does not match its hash"),
        ({"api": [404]}, "MODEL_DOWNLOAD", "answered 404"),
        ({"api": [401]}, "MODEL_NOT_FOUND", "private"),
    ],
)
def test_what_the_hub_does_wrong_is_one_clear_error(hub, tmp_path, faults, code, said):
    hub.faults = faults
    with pytest.raises(ProviderError) as caught:
        fetched()
    assert caught.value.code == code
    assert said in caught.value.why
    assert not list(tmp_path.glob("hub/*/snapshots")), "nothing incomplete is put in place"


def test_what_came_wrong_is_thrown_away_and_comes_right_the_next_time(hub):
    hub.faults["model.bin"] = ["wrong", None]
    with pytest.raises(ProviderError, match=r"model\.bin"):
        fetched()
    assert (fetched() / "model.bin").read_bytes() == FILES["model.bin"]


@pytest.mark.parametrize("length", [len(FILES["model.bin"]) + 5, len(FILES["model.bin"])])
def test_an_unfinished_file_of_something_else_is_thrown_away(hub, tmp_path, length):
    home = lay_out(tmp_path / "hub", {})
    partial = home / "blobs" / (digest("model.bin", FILES["model.bin"]) + ".incomplete")
    partial.write_bytes(bytes(length))
    if length == len(FILES["model.bin"]):
        with pytest.raises(ProviderError, match="did not come as the hub promised"):
            fetched()
    assert (fetched() / "model.bin").read_bytes() == FILES["model.bin"]
    assert not partial.exists()


def test_a_repository_that_is_no_whisper_model_is_refused(hub):
    hub.files = {"pytorch_model.bin": b"x", "config.json": b"{}"}
    with pytest.raises(UsageError) as caught:
        fetched()
    assert "lists no model.bin" in caught.value.why


def test_a_cache_that_cannot_be_written_is_a_storage_error(hub, tmp_path):
    (tmp_path / "hub").write_text("a file in its place")
    with pytest.raises(StorageError) as caught:
        fetched()
    assert caught.value.code == "MODEL_STORAGE"


def test_a_folder_that_is_none_is_a_storage_error_before_the_hub_is_asked(hub, monkeypatch):
    """The hub's library looks for its token there before it asks."""
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/dev/null/token")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(StorageError) as caught:
        fetched()
    assert caught.value.code == "MODEL_STORAGE"
    assert caught.value.what.endswith("cannot be written to /dev/null")
    assert "HF_HOME" in caught.value.hint
    assert hub.seen == []


def _of_file(**changed):
    file = {"rfilename": "model.bin", "size": 5, "blobId": "a" * 40} | changed
    config = {"rfilename": "config.json", "size": 5, "blobId": "b" * 40}
    return json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": [file, config]})


@pytest.mark.parametrize(
    "answer",
    [
        '{"sha": "x"}',
        "[]",
        '"text"',
        "<html>please log in</html>",
        json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": [{"size": 3}]}),
        json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": 5}),
        _of_file(size="many"),
        _of_file(size=-1),
        _of_file(blobId="../../../elsewhere"),
        _of_file().replace(COMMIT, "../../elsewhere"),
    ],
)
def test_a_hub_that_answers_something_else_is_one_clear_line(hub, tmp_path, answer):
    hub.answer = answer.encode()
    with pytest.raises(ProviderError) as caught:
        fetched()
    assert caught.value.code == "MODEL_DOWNLOAD"
    assert caught.value.why == f"{hub.endpoint} answered something else than a hub does"
    assert "HF_ENDPOINT" in caught.value.hint
    assert list(tmp_path.iterdir()) == [], "nothing is written"


def test_offline_asks_nobody(hub):
    with pytest.raises(UsageError) as caught:
        plan_download("tiny", offline=True)
    assert caught.value.code == "OFFLINE"
    assert hub.seen == []


@given(st.binary(max_size=3000), st.integers(0, 2999))
def test_a_files_hash_tells_any_changed_byte(tmp_path_factory, content, place):
    path = tmp_path_factory.mktemp("f") / "file"
    path.write_bytes(content)
    names = (digest("small", content), hashlib.sha256(content).hexdigest())
    assert all(file_matches(path, name) for name in names)
    if content:
        changed = bytearray(content)
        changed[place % len(content)] ^= 1
        path.write_bytes(bytes(changed))
        assert not any(file_matches(path, name) for name in names)
    assert file_matches(path, "no-hash") is None


def test_a_cache_without_links_is_read_too(hub_cache, scripted_model):
    snapshot = put_into_cache(scripted_model, hub_cache)
    (model,) = cached()
    assert (model.name, model.folder, model.is_complete) == ("faster-whisper:tiny", snapshot, True)
    assert model.bytes == sum(path.stat().st_size for path in scripted_model.iterdir())
    assert model_folder("tiny") == snapshot
    assert all(item.is_complete for item in list_models(verify=True))


def test_another_repository_is_listed_by_its_own_name(hub_cache, scripted_model):
    put_into_cache(scripted_model, hub_cache, "someone/whisper--ct2")
    put_into_cache(
        scripted_model, hub_cache, "someone/bert", without=("model.bin", "vocabulary.json")
    )
    assert [model.name for model in cached()] == ["faster-whisper:someone/whisper--ct2"]


@pytest.mark.parametrize("gone", ["model.bin", "tokenizer.json", "config.json", "vocabulary.json"])
def test_what_is_missing_is_named(hub_cache, scripted_model, gone):
    put_into_cache(scripted_model, hub_cache, without=(gone,))
    (model,) = cached()
    assert len(model.problems) == 1
    assert gone in model.problems[0]
    with pytest.raises(MissingDependencyError) as caught:
        model_folder("tiny")
    assert caught.value.hint == "echotrace models download tiny"


def test_links_that_lead_nowhere_empty_files_and_leftovers_are_problems(tmp_path, hub_cache):
    home = lay_out(hub_cache, {**NEEDED, "config.json": b""})
    (home / "blobs" / digest("tokenizer.json", FILES["tokenizer.json"])).unlink()
    (home / "blobs" / "abc.12345678.incomplete").write_bytes(bytes(1234))
    (model,) = cached()
    assert model.problems == (
        "tokenizer.json is missing",
        "config.json is empty",
        "a download of it is unfinished (1,234 bytes are there)",
    )


def test_a_revision_that_is_not_named_is_the_newest(hub_cache):
    home = lay_out(hub_cache)
    (home / "refs" / "main").unlink()
    (model,) = cached()
    assert model.is_complete
    assert model.folder == home / "snapshots" / COMMIT == model_folder("tiny")
    assert is_cached(REPOSITORY)


@pytest.mark.parametrize("named", [None, "", "0" * 40, COMMIT])
@pytest.mark.parametrize("gone", [("model.bin",), tuple(NEEDED), ()])
@pytest.mark.parametrize("empty", [(), ("config.json",)])
def test_what_is_listed_as_complete_is_found_and_nothing_else(hub_cache, named, gone, empty):
    files = {name: content for name, content in NEEDED.items() if name not in gone}
    home = lay_out(hub_cache, files | {name: b"" for name in empty if name in files})
    if named is None:
        (home / "refs" / "main").unlink()
    else:
        (home / "refs" / "main").write_text(named)
    (model,) = cached()
    assert is_cached(REPOSITORY) == model.is_complete == (not gone and not empty)
    if model.is_complete:
        assert model_folder("tiny") == model.folder
        return
    with pytest.raises(MissingDependencyError) as caught:
        model_folder("tiny")
    assert caught.value.code == "MODEL_INCOMPLETE"
    assert caught.value.why == "; ".join(model.problems)
    assert caught.value.hint == "echotrace models download tiny"


def test_a_download_names_the_revision_again_and_fetches_nothing(hub, tmp_path):
    home = lay_out(tmp_path / "hub")
    (home / "refs" / "main").unlink()
    assert fetched() == model_folder("tiny")
    assert not any("/resolve/" in path for path, _ in hub.seen)
    assert (home / "refs" / "main").read_text() == COMMIT


def test_an_unfinished_download_alone_is_listed(hub_cache):
    home = lay_out(hub_cache, {})
    (home / "snapshots" / COMMIT).rmdir()
    (home / "blobs" / "abc.incomplete").write_bytes(bytes(7))
    (model,) = cached()
    assert (model.is_complete, model.bytes, model.left_over_bytes) == (False, 0, 7)
    with pytest.raises(MissingDependencyError) as caught:
        model_folder("tiny")
    assert caught.value.code == "MODEL_MISSING"
    assert caught.value.why.startswith("nothing of it is finished in the cache")
