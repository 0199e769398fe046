"""Whatever is answered: what was written loads back as it was answered, and the rest stays."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.config.loader import load_settings
from echotrace.config.secrets import Secret, get_secret
from echotrace.config.write import commit
from echotrace.setup.answers import Answers, answers_of, plan_of
from echotrace.setup.detect import read_saved
from echotrace.setup.providers import provider_names
from tests.fakes.llm_key import KEY

WORDS = st.text("abXY09 :/\\\"'#=[]{}.,-_%é中🙂", min_size=1, max_size=12).filter(str.strip)
MODELS = WORDS.map(lambda text: f"m{text}")
ENGINES = st.one_of(st.sampled_from(["auto", "sphinx", "faster-whisper:tiny"]), WORDS)
ANSWERS = st.builds(
    Answers,
    offline=st.booleans(),
    provider=st.one_of(st.none(), st.sampled_from(provider_names())),
    model=st.one_of(st.none(), MODELS),
    base_url=st.one_of(st.none(), st.just("http://127.0.0.1:1")),
    stt=ENGINES,
    gold=st.one_of(st.none(), ENGINES),
    device=st.sampled_from(["cpu", "cuda"]),
    allow_download=st.booleans(),
    profile=st.sampled_from(["default", "phone", 'with "quotes"']),
    keys=st.sampled_from([(), (Secret("GROQ_API_KEY", KEY),)]),
)
FIRST = """# my own file
analyzer_timeout_s = 33.5 # long

[audio]
caller_channel = 1 # left out

[llm]
timeout_s = 7.5
{llm}
[stt]
beam_size = 2 # faster

[profiles.phone]
snr_good_db = 15.0

[profiles.'with "quotes"']
"""
LINES = st.sampled_from(
    ["", 'provider = "groq:m"', 'provider = "ollama"\nmodel = "m"', 'base_url = "http://h"']
)


def _write_and_load(answers, environ):
    saved = read_saved(environ)
    plan = plan_of(saved, answers)
    written = commit(plan.changes)
    return plan, written, load_settings({}, environ=environ, cwd=None).settings


@settings(max_examples=80)
@given(ANSWERS, ANSWERS, LINES)
def test_answers_come_back_and_the_rest_is_untouched(first, second, llm):
    with tempfile.TemporaryDirectory() as name:
        environ = {"HOME": name}
        path = Path(name) / ".config/echotrace/config.toml"
        path.parent.mkdir(parents=True)
        path.write_text(FIRST.format(llm=llm), "utf-8")
        for answers in (first, second):
            before = load_settings({}, environ=environ, cwd=None).settings
            plan, _, after = _write_and_load(answers, environ)
            assert answers_of(after) == answers_of(answers.as_settings(before))
            assert after == _but_thresholds(answers.as_settings(before), after)
            text = path.read_text("utf-8")
            assert KEY not in text
            for kept in ("# my own file", "33.5 # long", "= 1 # left out", "= 2 # faster"):
                assert kept in text
            again, written, _ = _write_and_load(answers, environ)
            assert (again.changes, written) == ((), ())
            if answers.keys and answers.provider == "groq":
                assert get_secret("GROQ_API_KEY", {}, path.with_name("secrets.toml")) is not None
            else:
                assert plan.secrets is None


@settings(max_examples=40)
@given(ANSWERS)
def test_a_first_file_holds_no_more_than_what_differs_from_the_defaults(answers):
    from dataclasses import replace

    answers = replace(answers, profile="default")
    with tempfile.TemporaryDirectory() as name:
        environ = {"HOME": name}
        plan, written, after = _write_and_load(answers, environ)
        assert answers_of(after) == replace(answers_of(answers.as_settings(after)), keys=())
        keys = answers.keys if answers.provider == "groq" else ()  # a key without a use stays out
        assert bool(written) == bool(plan.settings or keys)


def _but_thresholds(wanted, loaded):
    from dataclasses import replace

    return replace(wanted, thresholds=loaded.thresholds)
