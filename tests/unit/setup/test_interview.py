from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echotrace.config.secrets import Secret
from echotrace.errors import EchoTraceError, UsageError
from echotrace.providers.llm.choose import PROVIDERS
from echotrace.setup import accept, providers, questions
from echotrace.setup.answers import plan_of
from echotrace.setup.checks import CheckResult
from echotrace.setup.interview import Check, Interview
from echotrace.setup.ollama import OllamaFound
from echotrace.setup.question import Option, Question, pick
from echotrace.setup.speech_models import WHISPER_SIZES, seconds_per_minute
from tests.fakes.llm_key import KEY

OK = CheckResult(ok=True, text="fine")
REFUSED = CheckResult(ok=False, text="refused", code="LLM_KEY_REFUSED")
UNKNOWN = CheckResult(ok=False, text="unknown", code="LLM_MODEL_UNKNOWN")
STORED = Secret("GROQ_API_KEY", "gsk_" + "s" * 30)


def names_until(interview, replies, results=None):
    """Drive an interview; return the steps by name until none or the replies run out."""
    replies, seen = dict(replies), []
    while (step := interview.next_step()) is not None:
        if isinstance(step, Check):
            seen.append(f"check {step.name}")
            given_results = (results or {}).get(step.name, [])
            interview.record(step.name, given_results.pop(0) if given_results else OK)
            continue
        seen.append(step.name)
        answer = replies.get(step.name, "")
        if isinstance(answer, list):
            answer = answer.pop(0)
        interview.reply(answer)
    return seen


def refusal(interview, text):
    """Reply; return the error or None."""
    try:
        interview.reply(text)
    except EchoTraceError as error:
        return error
    return None


def test_only_what_is_needed_is_asked(place):
    mock = Interview.begin(place.detected())
    assert names_until(mock, {}) == ["network", "provider", "check llm", "stt", "gold", "check stt"]
    assert (mock.answers.provider, mock.answers.model, mock.answers.gold) == ("mock", None, None)
    groq = Interview.begin(place.detected())
    asked = names_until(groq, {"provider": "groq", "key": KEY, "stt": "tiny", "gold": "small"})
    assert asked == [
        *("network", "provider", "key", "model", "check llm", "stt", "gold", "download"),
        *("check stt", "check gold"),
    ]
    assert groq.answers.keys[0].reveal() == KEY
    assert groq.answers.stt == "faster-whisper:tiny"
    assert groq.answers.allow_download
    assert KEY not in repr(groq)


def test_what_is_here_decides_the_defaults(place):
    groq = Interview.begin(place.detected(keys=[STORED], models=("a", "b")))
    assert "key" not in names_until(groq, {})
    assert (groq.answers.provider, groq.answers.model) == ("groq", "openai/gpt-oss-20b")
    ollama = Interview.begin(place.detected(models=("a", "b"), gpus=1, whisper=["small"]))
    asked = names_until(ollama, {"stt": "small"})
    assert "device" in asked
    assert "download" not in asked
    assert (ollama.answers.provider, ollama.answers.model) == ("ollama", "a")
    assert ollama.answers.device == "cuda"
    offline = place.detected(keys=[STORED], models=("a",), offline=True)
    assert questions.default_provider(offline) == "ollama"


def test_a_saved_configuration_is_its_own_default(place):
    place.write(
        '[llm]\nprovider = "ollama"\nmodel = "b"\n[stt]\nengine = "sphinx"\n[profiles.phone]\n'
        "snr_good_db = 15.0\n"
    )
    detected = place.detected(keys=[STORED], models=("a", "b"))
    interview = Interview.begin(detected)
    assert "profile" in names_until(interview, {})
    assert plan_of(detected.saved, interview.answers).changes == ()


def test_going_back_reaches_every_question_and_the_first_refuses(place):
    interview = Interview.begin(place.detected(models=("a",)), test=False)
    forward = []
    while isinstance(step := interview.next_step(), Question):
        forward.append(step.name)
        interview.reply("")
    backward = []
    while interview.changeable():
        interview.reply("back") if interview.next_step() else interview.back()
        backward.append(interview.next_step().name)
    assert backward == forward[::-1]
    with pytest.raises(UsageError, match="first question"):
        interview.reply("back")


def test_permission_to_fetch_is_forgotten_with_the_model_it_was_for(place):
    interview = Interview.begin(place.detected())
    names_until(interview, {"stt": "tiny"})
    assert interview.answers.allow_download
    interview.reopen("stt")
    assert names_until(interview, {"stt": "sphinx"}) == ["stt", "check stt"]
    assert not interview.answers.allow_download


def test_changing_the_provider_asks_for_its_model_again(place):
    interview = Interview.begin(place.detected(keys=[STORED], models=("a",)))
    names_until(interview, {"provider": "ollama"})
    interview.reopen("provider")
    asked = names_until(interview, {"provider": "groq", "model": "x"})
    assert asked == ["provider", "model", "check llm"]
    assert (interview.answers.provider, interview.answers.model) == ("groq", "x")


def test_going_offline_afterwards_asks_for_the_provider_again(place):
    interview = Interview.begin(place.detected(keys=[STORED], models=("a",)))
    names_until(interview, {})
    interview.reopen("network")
    asked = names_until(interview, {"network": "no", "provider": "mock"})
    assert asked[:3] == ["network", "provider", "check llm"]
    assert interview.answers.offline


def test_a_refused_key_comes_back_to_its_question(place):
    interview = Interview.begin(place.detected())
    replies = {"provider": "groq", "key": ["gsk_wrong", KEY]}
    asked = names_until(interview, replies, {"llm": [REFUSED]})
    assert asked.count("key") == 2
    assert [key.reveal() for key in interview.answers.keys] == [KEY]


def test_a_refused_key_that_was_stored_is_asked_for_and_one_of_the_environment_is_not(place):
    stored = Interview.begin(place.detected(keys=[STORED]))
    assert "key" in names_until(stored, {"key": KEY}, {"llm": [REFUSED]})
    variable = Interview.begin(place.detected(keys=[STORED], in_environment=True))
    asked = names_until(variable, {"after llm": "keep"}, {"llm": [REFUSED]})
    assert "key" not in asked
    assert "after llm" in asked


@pytest.mark.parametrize(
    ("answer", "result", "then"),
    [
        ("retry", REFUSED, "check llm"),
        ("change", UNKNOWN, "model"),
        ("back", REFUSED, "provider"),
        ("", replace(UNKNOWN, code="LLM_DNS"), "provider"),
        ("keep", UNKNOWN, "stt"),
    ],
)
def test_after_a_failure(place, answer, result, then):
    interview = Interview.begin(place.detected(keys=[STORED], in_environment=True))
    asked = names_until(interview, {"after llm": answer}, {"llm": [result]})
    assert asked[asked.index("after llm") + 1] == then


def test_ollama_is_looked_for_again(place):
    interview = Interview.begin(place.detected())
    interview.reply("")
    interview.reply("ollama")
    assert interview.next_step() == Check("ollama")
    interview.found_ollama(OllamaFound(address="h:1", running=True, models=("new",)))
    assert interview.next_step().default == "new"


def test_the_address_of_another_provider_is_not_taken_over_silently(place):
    place.write('[llm]\nprovider = "groq"\nbase_url = "http://127.0.0.1:9"\n')
    interview = Interview.begin(place.detected(models=("a",)))
    assert "address" in names_until(interview, {"provider": "ollama"})
    assert interview.answers.base_url is None
    kept = Interview.begin(place.detected(models=("a",)))
    names_until(kept, {"provider": "ollama", "address": "keep"})
    assert kept.answers.base_url == "http://127.0.0.1:9"


LOCAL = "http://127.0.0.1:8000/v1"
REMOTE = "https://router.example/v1"
VENDOR = "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("typed", "stored", "asks_key", "model"),
    [
        ("", None, True, "gpt-4o-mini"),
        ("vendor", None, True, "gpt-4o-mini"),
        (VENDOR, VENDOR, True, "gpt-4o-mini"),
        ("127.0.0.1:8000/v1", LOCAL, False, None),
        (REMOTE, REMOTE, True, None),
    ],
)
def test_an_openai_server_is_asked_for_by_its_address(place, typed, stored, asks_key, model):
    interview = Interview.begin(place.detected())
    replies = {"provider": "openai", "address": typed, "key": KEY, "model": model or "m"}
    asked = names_until(interview, replies)
    assert asked[:3] == ["network", "provider", "address"]
    assert ("key" in asked) == asks_key
    answers = interview.answers
    assert (answers.provider, answers.base_url, answers.model) == ("openai", stored, model or "m")
    assert [key.name for key in answers.keys] == ["OPENAI_API_KEY"] * asks_key
    interview.reopen("model")
    assert interview.next_step().default == (model or "m")


def test_what_the_environment_says_of_an_openai_server_is_proposed(place):
    detected = place.detected(addresses={"OPENAI_BASE_URL": REMOTE})
    proposed = Interview.begin(detected)
    names_until(proposed, {"provider": "openai", "key": KEY, "model": "m"})
    assert proposed.answers.base_url == REMOTE
    vendor = Interview.begin(detected)
    names_until(vendor, {"provider": "openai", "address": "vendor", "key": KEY})
    assert vendor.answers.base_url == VENDOR  # else the variable would win
    assert vendor.answers.model == "gpt-4o-mini"


def test_the_address_of_an_openai_server_is_forgotten_with_the_provider(place):
    interview = Interview.begin(place.detected(keys=[STORED]))
    names_until(interview, {"provider": "openai", "address": LOCAL, "model": "m"})
    interview.reopen("provider")
    names_until(interview, {"provider": "groq"})
    assert (interview.answers.provider, interview.answers.base_url) == ("groq", None)


def test_the_address_of_another_provider_is_not_proposed_as_openais(place):
    place.write('[llm]\nprovider = "groq"\nbase_url = "http://127.0.0.1:9"\n')
    interview = Interview.begin(place.detected())
    names_until(interview, {"provider": "openai", "key": KEY})
    assert interview.answers.base_url is None
    place.write('[llm]\nbase_url = "http://127.0.0.1:9"\n')
    unnamed = Interview.begin(place.detected())
    names_until(unnamed, {"provider": "openai", "model": "m"})
    assert unnamed.answers.base_url == "http://127.0.0.1:9"


def test_a_local_server_that_wants_a_key_after_all_gets_one(place):
    interview = Interview.begin(place.detected())
    replies = {"provider": "openai", "address": LOCAL, "model": "m", "key": KEY}
    asked = names_until(interview, replies, {"llm": [REFUSED]})
    assert asked.count("check llm") == 2
    assert asked[asked.index("check llm") + 1] == "key"
    assert [key.reveal() for key in interview.answers.keys] == [KEY]


@pytest.mark.parametrize("typed", ["ftp://h", "http://me:pass123@h", "http://h/?key=1", KEY])
def test_an_address_that_is_none_is_asked_for_again(place, typed):
    interview = Interview.begin(place.detected())
    interview.reply("")
    interview.reply("openai")
    error = refusal(interview, typed)
    assert error is not None
    assert "pass123" not in error.what + error.why + error.hint
    assert KEY[:12] not in error.what + error.why + error.hint
    assert interview.next_step().name == "address"


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("", "b"), ("1", "apple"), ("3", "cherry"), ("CHERRY", "cherry"), ("ch", "cherry")],
)
def test_an_answer_is_a_name_a_number_or_a_beginning(typed, answer):
    options = tuple(Option(value=name) for name in ("apple", "b", "cherry"))
    question = Question(name="x", title="?", flag="-x", options=options, default="b")
    assert pick(question, typed) == answer
    for wrong in ("4", "0", "chery", "99999999999999999999", "²"):
        with pytest.raises(UsageError):
            pick(question, wrong)


@pytest.mark.parametrize("key", [KEY, "sk-" + "a1" * 12, "Ab1" * 15])
def test_a_key_in_the_wrong_place_is_not_repeated(place, key):
    detected = place.detected()
    answers = Interview.begin(detected).answers
    for check in (
        lambda: accept.check_model(key),
        lambda: accept.check_provider(key),
        lambda: accept.check_profile(key, detected),
        lambda: accept.check_engine(key, detected, answers),
    ):
        with pytest.raises(UsageError) as raised:
            check()
        error = raised.value
        assert key not in error.what + error.why + error.hint


def test_a_key_with_a_blank_is_refused_without_showing_it(place):
    interview = Interview.begin(place.detected())
    interview.reply("")
    interview.reply("groq")
    with pytest.raises(EchoTraceError) as raised:
        interview.reply(KEY[:20] + " " + KEY[20:])
    assert KEY[:12] not in raised.value.what + raised.value.why + raised.value.hint
    interview.reply("")
    assert interview.next_step().name == "provider"


def test_a_folder_is_stored_so_that_it_means_the_same_everywhere(place, tmp_path, monkeypatch):
    from tests.fakes.speech_models import mini_model

    folder = mini_model("whisper-mini-fast")
    monkeypatch.chdir(folder.parent)
    detected = place.detected()
    answers = Interview.begin(detected).answers
    for text in (folder.name, f"faster-whisper:{folder.name}", str(folder)):
        assert accept.check_engine(text, detected, answers) == f"faster-whisper:{folder}"
    with pytest.raises(UsageError):
        accept.check_engine("faster-whisper:/no/such/folder", detected, answers)


def test_every_registered_provider_has_words_and_a_new_one_is_offered(place, monkeypatch):
    assert providers.provider_names()[: len(PROVIDERS)] == PROVIDERS
    assert "openai" in PROVIDERS
    for name in PROVIDERS:
        assert providers.facts_of(name).words
    monkeypatch.setattr(providers, "PROVIDERS", (*PROVIDERS, "newcomer"))
    interview = Interview.begin(place.detected())
    names_until(interview, {"provider": "newcomer", "model": "m"})
    assert (interview.answers.provider, interview.answers.model) == ("newcomer", "m")


def test_a_plug_in_that_is_installed_is_offered(place, tmp_path, monkeypatch):
    from tests.fakes.distribution import install

    install(tmp_path / "plugins", "contrib", "llm", {"acme": "Acme"}, "class Acme: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path / "plugins"))
    assert providers.provider_names() == (*PROVIDERS, "acme")
    interview = Interview.begin(place.detected())
    names_until(interview, {"provider": "acme", "model": "m"})
    assert (interview.answers.provider, interview.answers.model) == ("acme", "m")


def test_larger_models_are_slower_and_more_cores_faster():
    for cores in (1, 2, 3, 4):
        paces = [seconds_per_minute(size, cores) for size in WHISPER_SIZES]
        assert paces == sorted(paces)
    tiny = WHISPER_SIZES[0]
    assert seconds_per_minute(tiny, 1) > seconds_per_minute(tiny, 2) > seconds_per_minute(tiny, 4)
    assert seconds_per_minute(tiny, 4) == seconds_per_minute(tiny, 64)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    "",
                    "back",
                    "1",
                    "2",
                    "3",
                    "groq",
                    "ollama",
                    "openai",
                    "mock",
                    "vendor",
                    LOCAL,
                    "yes",
                    "no",
                    "sphinx",
                    "tiny",
                    "keep",
                    "retry",
                    "change",
                    KEY,
                    "default",
                ]
            ),
            st.text(max_size=6),
        ),
        max_size=25,
    ),
    st.lists(st.sampled_from([OK, REFUSED, UNKNOWN]), max_size=8),
)
def test_whatever_is_typed_never_breaks_and_never_shows_a_key(place, typed, results):
    detected = place.detected()
    interview = Interview.begin(detected)
    results = list(results)
    for text in typed:
        while isinstance(step := interview.next_step(), Check):
            interview.record(step.name, results.pop() if results else OK)
        if step is None:
            break
        error = refusal(interview, text)
        if error is not None:
            assert KEY not in error.what + error.why + error.hint
            assert interview.next_step() == step
    if interview.next_step() is None:
        plan = plan_of(detected.saved, interview.answers)
        assert KEY.encode() not in plan.config.after
        assert KEY not in repr(plan)
