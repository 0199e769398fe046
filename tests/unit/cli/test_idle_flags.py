"""Flags that would change nothing are refused, and no flag that could change something is."""

from dataclasses import replace

import pytest

from echotrace.cli.idle_flags import AuditFlags, refuse_idle_flags
from echotrace.config.settings import SttSettings
from echotrace.errors import UsageError

NONE = AuditFlags(
    streaming=False,
    base_url=False,
    device=False,
    compute_type=False,
    normalizer=False,
    key_terms=False,
    transcript=False,
    reference=False,
    stages=None,
)
FLAGS = {
    "streaming": "--streaming",
    "base_url": "--stt-base-url",
    "device": "--stt-device",
    "compute_type": "--stt-compute-type",
    "normalizer": "--normalizer",
    "key_terms": "--key-terms",
}


def refusal(engine="auto", gold=None, **given):
    try:
        refuse_idle_flags(replace(NONE, **given), SttSettings(engine=engine, gold=gold))
    except UsageError as error:
        return error
    return None


@pytest.mark.parametrize(("name", "flag"), FLAGS.items())
def test_a_flag_of_the_transcription_needs_that_stage(name, flag):
    engine = {"base_url": "openai:m"}.get(name, "auto")
    told = refusal(engine, **{name: True}, reference=True, stages=("signal", "turns"))
    assert told.what == f"{flag} would have no effect"
    assert told.code == "IDLE_FLAG"
    assert told.why == "--stages signal,turns leaves transcription out"
    for stages in (None, ("transcription",), ("signal", "a_plug_in"), ("transcripton",)):
        assert refusal(engine, **{name: True}, reference=True, stages=stages) is None


def test_other_stages_alone_are_nobodys_mistake():
    assert refusal(stages=("signal",)) is None


@pytest.mark.parametrize(
    ("engine", "gold", "transcript", "base_url", "device"),
    [
        ("auto", None, False, True, False),
        ("sphinx", None, False, True, True),
        ("faster-whisper:tiny", None, False, True, False),
        ("openai:m", None, False, False, True),
        ("groq:m", None, False, False, True),
        ("groq", "faster-whisper:tiny", False, False, False),
        ("sphinx", "openai:m", False, False, True),
        ("acme:m", None, False, False, False),
        ("sphinx", "acme", False, False, False),
        ("auto", None, True, True, True),
        ("openai:m", None, True, True, True),
        ("auto", "openai:m", True, False, True),
        ("auto", "faster-whisper:tiny", True, True, False),
    ],
)
def test_a_flag_of_an_engine_needs_that_engine(engine, gold, transcript, base_url, device):
    def is_refused(name):
        return refusal(engine, gold, transcript=transcript, **{name: True}) is not None

    assert is_refused("base_url") == base_url
    assert is_refused("device") == is_refused("compute_type") == device


def test_the_hint_fits_what_is_there():
    assert "--stt openai:MODEL" in refusal("sphinx", base_url=True).hint
    assert "--gold openai:MODEL" in refusal("sphinx", base_url=True, transcript=True).hint
    assert "sphinx and groq:m" in refusal("sphinx", "groq:m", device=True).why


def test_a_normaliser_needs_something_to_compare_with():
    assert "--normalizer" in refusal(normalizer=True).what
    assert refusal(normalizer=True, reference=True) is None
    assert refusal(gold="faster-whisper:tiny", normalizer=True) is None


def test_key_terms_are_found_without_a_reference_too():
    assert refusal(key_terms=True, transcript=True) is None
