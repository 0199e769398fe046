import pytest

from echotrace.errors import MissingDependencyError, UsageError
from echotrace.providers.stt.whisper_models import (
    TINY_REPOSITORY,
    find_model,
    is_cached,
    repository_of,
)
from tests.fakes.scripted_whisper import put_into_cache


def test_the_repository_of_tiny_is_the_librarys_own():
    from faster_whisper.utils import _MODELS

    assert _MODELS["tiny"] == TINY_REPOSITORY


def test_an_empty_cache_has_no_model(hub_cache):
    assert find_model("tiny") is None
    assert find_model("large-v2") is None
    assert not is_cached(TINY_REPOSITORY)


def test_a_complete_cache_gives_the_folder(hub_cache, scripted_model):
    snapshot = put_into_cache(scripted_model, hub_cache)
    assert find_model("tiny") == snapshot
    assert find_model(TINY_REPOSITORY) == snapshot
    assert is_cached(TINY_REPOSITORY)
    assert find_model("base") is None


@pytest.mark.parametrize("gone", ["model.bin", "tokenizer.json", "config.json", "vocabulary.json"])
def test_a_partial_cache_is_named_with_the_file_it_lacks(hub_cache, scripted_model, gone):
    """Left to the library, a missing tokenizer.json is 23 s of retries, offline or not."""
    put_into_cache(scripted_model, hub_cache, without=(gone,))
    assert not is_cached(TINY_REPOSITORY)
    with pytest.raises(MissingDependencyError) as caught:
        find_model("tiny")
    assert caught.value.code == "MODEL_INCOMPLETE"
    assert gone.partition(".")[0] in caught.value.why
    assert "--allow-download" in caught.value.hint


def test_a_directory_is_taken_at_its_word(scripted_model):
    assert find_model(str(scripted_model)) == scripted_model


def test_a_relative_directory_is_a_directory_and_no_repository(scripted_model, monkeypatch):
    monkeypatch.chdir(scripted_model.parent)
    assert find_model("scripted").name == "scripted"
    assert find_model("./scripted").resolve() == scripted_model


def test_an_empty_directory_names_what_it_lacks(tmp_path, hub_cache):
    with pytest.raises(MissingDependencyError) as caught:
        find_model(str(tmp_path))
    assert caught.value.code == "MODEL_INCOMPLETE"
    assert "model.bin" in caught.value.why
    assert "tokenizer.json" in caught.value.why


@pytest.mark.parametrize("name", ["/no/such/dir", "./models/tiny", "~/nothing", "a/b/c", "../x"])
def test_a_directory_that_is_not_there_is_said_to_be_missing(name, hub_cache):
    with pytest.raises(MissingDependencyError) as caught:
        find_model(name)
    assert caught.value.code == "MODEL_FOLDER"


def test_two_parts_may_be_a_repository_and_are_looked_up_in_the_cache_only(hub_cache):
    assert find_model("models/tiny") is None


@pytest.mark.parametrize(
    ("name", "near"), [("tinyy", "tiny"), ("large-v4", "large-v"), ("medium.eng", "medium.en")]
)
def test_a_misspelt_size_gets_the_nearest(name, near, hub_cache):
    with pytest.raises(UsageError) as caught:
        repository_of(name)
    assert f"faster-whisper:{near}" in caught.value.hint
    assert "tiny" in caught.value.why


@pytest.mark.parametrize("name", ["", "a b", "ti\0ny", "ti\nny", "zzzzzz", "\udcff"])
def test_a_name_of_nonsense_is_a_usage_error_of_one_line(name, hub_cache):
    with pytest.raises(UsageError) as caught:
        find_model(name)
    assert "\n" not in caught.value.what
    caught.value.what.encode("utf-8")
