import json
import os
import stat

import pytest

from tests.fakes.cli import DEMO, echotrace, environment
from tests.fakes.llm_key import KEY, pieces_of_key
from tests.fakes.llm_servers import (
    LlmServer,
    Reply,
    Stall,
    error,
    groq_answer,
    ollama_answer,
    openai_answer,
)
from tests.fakes.terminal import CTRL_C, CTRL_D, Terminal

CLIP = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"
FAST = DEMO / "models/whisper-mini-fast"
GOLD = DEMO / "models/whisper-mini-gold"
NOWHERE = "127.0.0.1:1"  # nothing listens there

NETWORK = "May EchoTrace use the network?"
PROVIDER = "Which language model should be timed?"
STT = "Which speech engine is under audit?"
GOLD_TITLE = "Which engine writes the gold"
WRITE = "Write it?"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def groq():
    def answer(seen):
        if seen.headers.get("authorization") != f"Bearer {KEY}":
            given = seen.headers.get("authorization", "")
            return error(401, {"error": {"message": f"Invalid API Key: {given}"}})
        return groq_answer("Please", " block", " it")

    with LlmServer(answer, models=("served-model", "other-model")) as server:
        yield server


@pytest.fixture
def ollama():
    with LlmServer(lambda seen: ollama_answer("Yes", " sir"), models=("tiny:1b", "b:7b")) as server:
        yield server


def config_of(home):
    return home / ".config/echotrace/config.toml"


def secrets_of(home):
    return home / ".config/echotrace/secrets.toml"


def terminal(home, *arguments, **extra):
    extra.setdefault("OLLAMA_HOST", NOWHERE)
    return Terminal("setup", *arguments, env=environment(home, **extra), cwd=home)


def setup(home, *arguments, **extra):
    extra.setdefault("OLLAMA_HOST", NOWHERE)
    return echotrace("setup", *arguments, home=home, **extra)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def files(home):
    return [path for path in home.rglob("*") if path.is_file()]


def assert_key_is_nowhere(raw, home, *, but=None):
    for piece in pieces_of_key():
        assert piece.encode() not in raw
        for path in files(home):
            if path != but:
                assert piece.encode() not in path.read_bytes(), path


def probe_of(home, **extra):
    arguments = ("--stages", "llm", "--probes", "1", "--json")
    extra["ECHOTRACE_LLM_SPACING_S"] = "0"
    result = echotrace("analyze", CLIP, *arguments, home=home, **extra)
    assert result.code == 0, result.stderr
    return result.document["probes"]["llm"]


GROQ_COURSE = [
    (NETWORK, ""),
    (PROVIDER, "groq"),
    ("Key of groq", KEY),
    ("Which model of groq?", "served-model"),
    (STT, str(FAST)),
    (GOLD_TITLE, str(GOLD)),
    (WRITE, "yes"),
]


def test_groq_from_the_first_question_to_a_run_that_uses_it(home, groq):
    address = {"GROQ_BASE_URL": groq.url}
    with terminal(home, **address) as screen:
        for title, text in GROQ_COURSE:
            screen.answer(title, text)
        assert screen.wait() == 0, screen.text
    assert "first token after" in screen.text
    assert f"written: {config_of(home)}" in screen.text
    assert mode(config_of(home)) == mode(secrets_of(home)) == 0o600
    assert mode(config_of(home).parent) == 0o700
    assert KEY in secrets_of(home).read_text()
    assert_key_is_nowhere(screen.raw, home, but=secrets_of(home))
    assert sorted(path.name for path in files(home)) == ["config.toml", "secrets.toml"]
    probe = probe_of(home, **address)
    assert (probe["provider"], probe["model"]) == ("groq", "served-model")
    assert probe["ttft_ms"]["status"] == "measured"
    assert groq.chats[-1].headers["authorization"] == f"Bearer {KEY}"
    assert groq.chats[-1].body["model"] == "served-model"
    arguments = ("--stages", "transcription", "--end", "1.2", "--json")
    result = echotrace("analyze", CLIP, *arguments, home=home)
    heard = result.document["transcription"]
    assert heard["engine"] == "faster-whisper:whisper-mini-fast"
    assert "whisper-mini-gold" in heard["gold_source"]


def test_ollama_from_the_first_question_to_a_run_that_uses_it(home, ollama):
    address = {"OLLAMA_HOST": ollama.host}
    with terminal(home, **address) as screen:
        screen.expect("tiny:1b, b:7b")
        screen.answer(NETWORK, "no").answer(PROVIDER, "")
        screen.answer("Which model of ollama?", "b:7b").expect("first token after")
        screen.answer(STT, "sphinx").answer(GOLD_TITLE, "").answer(WRITE, "")
        assert screen.wait() == 0, screen.text
    probe = probe_of(home, **address)
    assert (probe["provider"], probe["model"]) == ("ollama", "b:7b")
    assert probe["ttft_ms"]["status"] == "measured"
    assert ollama.chats[-1].body["model"] == "b:7b"
    assert "offline = true" in config_of(home).read_text()
    assert not secrets_of(home).exists()


def test_a_local_openai_server_from_the_first_question_to_a_run_that_uses_it(home):
    with LlmServer(lambda seen: openai_answer("Yes", " sir")) as server, terminal(home) as screen:
        screen.answer(NETWORK, "no").answer(PROVIDER, "openai")
        screen.answer("Where is the server?", f"{server.host}/v1")
        screen.answer("Which model of openai?", "my-model").expect("first token after")
        screen.answer(STT, "sphinx").answer(GOLD_TITLE, "").answer(WRITE, "")
        assert screen.wait() == 0, screen.text
        assert "Key of openai" not in screen.text
        probe = probe_of(home)
        assert (probe["provider"], probe["model"]) == ("openai", "my-model")
        assert (probe["sent_to"], probe["ttft_ms"]["status"]) == (server.host, "measured")
        assert {chat.path for chat in server.chats} == {"/v1/chat/completions"}
    assert not secrets_of(home).exists()


def test_an_openai_server_by_flags(home):
    def answer(seen):
        key = seen.headers.get("authorization")
        return openai_answer("Yes") if key is None else error(401, {"error": {"message": key}})

    with LlmServer(answer, models=("served",)) as server:
        address = ("--llm-base-url", f"{server.url}/v1")
        result = setup(home, "--yes", "--provider", "openai", *address)
        assert result.code == 0, result.stderr
        assert "served at" in result.stderr
        wanted = f'[llm]\nprovider = "openai"\nbase_url = "{server.url}/v1"\n'
        assert config_of(home).read_text() == wanted
        refused = setup(home, "--yes", "--provider", "openai", *address, OPENAI_API_KEY=KEY)
        assert (refused.code, "refused the key" in refused.stderr) == (4, True)
    assert_key_is_nowhere((refused.stdout + refused.stderr).encode(), home)


KINDS = (0, 2, 3)  # a choice, what is typed unseen, a text
LEAVING = [
    *((CTRL_C, index) for index in range(len(GROQ_COURSE))),
    *((CTRL_D, index) for index in KINDS),
]
IN_THE_SUITE = (*KINDS, len(GROQ_COURSE) - 1)
"""Each kind of prompt, and the last one; the others are choices as the first and the last."""


@pytest.mark.parametrize(
    ("key", "index"),
    [
        pytest.param(
            key,
            index,
            id=f"{GROQ_COURSE[index][0][:12]}-{key!a}",
            marks=() if index in IN_THE_SUITE else pytest.mark.slow,
        )
        for key, index in LEAVING
    ],
)
def test_leaving_at_any_prompt_writes_nothing(home, groq, index, key):
    with terminal(home, "--skip-tests", GROQ_BASE_URL=groq.url) as screen:
        for title, text in GROQ_COURSE[:index]:
            screen.answer(title, text)
        screen.expect(GROQ_COURSE[index][0]).prompt()
        assert screen.leave(key) == 130, screen.text
    assert "without writing" in screen.text
    assert "Traceback" not in screen.text
    assert list(home.iterdir()) == []
    assert_key_is_nowhere(screen.raw, home)


def test_leaving_while_a_choice_is_tried_writes_nothing(home):
    def never(seen):
        return Reply(before_headers=(Stall(),))

    with LlmServer(never) as server, terminal(home, GROQ_BASE_URL=server.url) as screen:
        for title, text in GROQ_COURSE[:4]:
            screen.answer(title, text)
        screen.expect("testing the language model")
        assert screen.leave(CTRL_C) == 130, screen.text
    assert list(home.iterdir()) == []


def test_a_refused_key_is_asked_for_again(home, groq):
    wrong = KEY[::-1]
    with terminal(home, GROQ_BASE_URL=groq.url) as screen:
        screen.answer(NETWORK, "yes").answer(PROVIDER, "1").answer("Key of groq", wrong)
        screen.answer("Which model of groq?", "served-model").expect("refused the key (401)")
        screen.answer("Key of groq", KEY).expect("first token after")
        screen.answer(STT, "sphinx").answer(GOLD_TITLE, "none").answer(WRITE, "yes")
        assert screen.wait() == 0, screen.text
    assert wrong[:12] not in screen.text
    assert wrong not in secrets_of(home).read_text()
    assert_key_is_nowhere(screen.raw, home, but=secrets_of(home))


def test_a_stored_key_that_is_refused_is_replaced(home, groq):
    secrets_of(home).parent.mkdir(parents=True, mode=0o700)
    secrets_of(home).write_text(f'# mine\nOTHER = "kept"\ngroq_api_key = "{KEY[::-1]}"\n')
    secrets_of(home).chmod(0o600)
    with terminal(home, GROQ_BASE_URL=groq.url) as screen:
        screen.answer(NETWORK, "").answer(PROVIDER, "")
        screen.answer("Which model of groq?", "served-model").expect("refused the key (401)")
        screen.answer("Key of groq", KEY).expect("first token after")
        screen.answer(STT, "sphinx").answer(GOLD_TITLE, "").answer(WRITE, "")
        assert screen.wait() == 0, screen.text
    assert secrets_of(home).read_text() == f'# mine\nOTHER = "kept"\ngroq_api_key = "{KEY}"\n'


def test_ollama_that_is_down_or_empty_says_what_to_type(home):
    empty = LlmServer(lambda seen: ollama_answer("Yes"), models=())
    with empty, terminal(home, OLLAMA_HOST=empty.host) as screen:
        screen.answer(NETWORK, "").answer(PROVIDER, "ollama")
        screen.expect("without a model", "ollama pull").answer("What now?", "change")
        screen.expect(PROVIDER).prompt()
        assert screen.leave(CTRL_C) == 130
    with terminal(home) as screen:
        screen.answer(NETWORK, "").answer(PROVIDER, "ollama")
        screen.expect("not running", "ollama serve").answer("What now?", "")
        screen.answer(PROVIDER, "mock").expect(STT).prompt()
        assert screen.leave(CTRL_D) == 130
    assert list(home.iterdir()) == []


def test_going_back_changing_and_declining(home):
    with terminal(home, "--skip-tests") as screen:
        screen.answer(NETWORK, "back").expect("first question").prompt().type("")
        screen.answer(PROVIDER, "grok").expect("did you mean groq?").prompt().type("back")
        screen.answer(NETWORK, "yes").answer(PROVIDER, "mock").answer(STT, "spinx")
        screen.expect("did you mean sphinx?").prompt().type("sphinx")
        screen.answer(GOLD_TITLE, "").answer(WRITE, "3")
        screen.answer(STT, "auto").answer(WRITE, "no")
        assert screen.wait() == 0, screen.text
    assert "Nothing was written" in screen.text
    assert list(home.iterdir()) == []


def test_a_key_typed_as_a_model_is_refused_and_not_stored(home, groq):
    with terminal(home, "--skip-tests", GROQ_BASE_URL=groq.url, GROQ_API_KEY=KEY) as screen:
        screen.answer(NETWORK, "").answer(PROVIDER, "groq").answer("Which model of groq?", KEY)
        screen.expect("looks like a key").prompt()
        assert screen.leave(CTRL_C) == 130
    assert list(home.iterdir()) == []


def test_without_questions_by_flags(home, groq):
    extra = {"GROQ_BASE_URL": groq.url, "GROQ_API_KEY": KEY}
    arguments = ("--yes", "--provider", "groq", "--model", "served-model")
    result = setup(home, *arguments, **extra)
    assert result.code == 0, result.stderr
    assert result.stdout == f"written: {config_of(home)}\n"
    assert config_of(home).read_text() == '[llm]\nprovider = "groq"\nmodel = "served-model"\n'
    assert not secrets_of(home).exists()
    before, status = config_of(home).read_bytes(), config_of(home).stat()
    again = setup(home, *arguments, **extra)
    assert (again.code, "nothing to change" in again.stdout) == (0, True)
    assert config_of(home).read_bytes() == before
    assert config_of(home).stat().st_ino == status.st_ino
    assert probe_of(home, **extra)["model"] == "served-model"
    assert_key_is_nowhere((result.stdout + result.stderr + again.stderr).encode(), home)


def test_from_the_environment(home, groq):
    extra = {"GROQ_BASE_URL": groq.url, "GROQ_API_KEY": KEY, "ECHOTRACE_LLM_MODEL": "served-model"}
    result = setup(home, "--from-env", **extra)
    assert result.code == 0, result.stderr
    assert (mode(secrets_of(home)), mode(secrets_of(home).parent)) == (0o600, 0o700)
    assert_key_is_nowhere((result.stdout + result.stderr).encode(), home, but=secrets_of(home))
    probe = probe_of(home)  # no variable of these is left: everything comes from the files
    assert (probe["provider"], probe["model"]) == ("groq", "served-model")
    assert probe["sent_to"] == groq.host
    before = {path: path.read_bytes() for path in files(home)}
    assert "nothing to change" in setup(home, "--from-env", **extra).stdout
    assert {path: path.read_bytes() for path in files(home)} == before


def test_only_what_is_named_is_touched_and_comments_stay(home):
    config_of(home).parent.mkdir(parents=True)
    text = (
        '# mine\nprofile = "phone"  # telephone\n\n[llm]  # voice\ntimeout_s = 7.5\n'
        "[profiles.phone]\nsnr_good_db = 15.0\n[thresholds]\nwer_good_ratio = 0.04\n"
    )
    config_of(home).write_text(text)
    config_of(home).chmod(0o644)
    result = setup(home, "--yes", "--stt", "sphinx", "--provider", "mock")
    assert result.code == 0, result.stderr
    wanted = text.replace("= 7.5\n", '= 7.5\nprovider = "mock"\n')
    assert config_of(home).read_text() == wanted + '\n[stt]\nengine = "sphinx"\n'
    assert mode(config_of(home)) == 0o644


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--provider", "mock"), 2, ("not a terminal", "--yes")),
        (("--yes", "--provider", "grok"), 2, ("did you mean groq?",)),
        (("--yes", "--profile", "phone"), 2, ("unknown profile", "default")),
        (("--yes", "--stt", "faster-whisper:smal"), 2, ("did you mean", "small")),
        (("--yes", "--stt", "small"), 5, ("small", "--allow-download")),
        (("--yes", "--provider", "groq"), 4, ("GROQ_API_KEY",)),
        (("--yes", "--provider", "ollama"), 4, ("ollama serve",)),
        (("--yes", "--provider", "openai"), 4, ("OPENAI_API_KEY",)),
        (
            ("--yes", "--provider", "openai", "--llm-base-url", "h?v=1"),
            2,
            ("--llm-base-url is not the address", "has a query"),
        ),
        (("--yes", "--provider", "groq", "--model", KEY), 2, ("looks like a key",)),
        (("--yes", "--provider", KEY), 2, ("looks like a key",)),
        (("--yes", "--provider", "groq", "--offline"), 4, ("--offline",)),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(home, arguments, code, words):
    result = setup(home, *arguments)
    assert result.code == code, result.stderr
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr
    assert list(home.iterdir()) == []
    assert_key_is_nowhere((result.stdout + result.stderr).encode(), home)


def test_skipping_the_tests_writes_what_cannot_be_tried(home):
    result = setup(home, "--yes", "--provider", "groq", "--model", "m", "--skip-tests")
    assert result.code == 0, result.stderr
    assert 'provider = "groq"' in config_of(home).read_text()


def test_a_missing_model_may_be_fetched_later(home):
    result = setup(home, "--yes", "--stt", "small", "--allow-download")
    assert result.code == 0, result.stderr
    assert "when it is first used" in result.stderr
    assert "allow_download = true" in config_of(home).read_text()
    assert [path.name for path in files(home)] == ["config.toml"]


@pytest.mark.parametrize("text", ["[llm\n", "[llm]\nprovidr = 'groq'\n", "profile = 'gone'\n"])
def test_a_broken_file_is_left_as_it_is(home, text):
    config_of(home).parent.mkdir(parents=True)
    config_of(home).write_text(text)
    result = setup(home, "--yes", "--provider", "mock")
    assert (result.code, "config.toml:1" in result.stderr or ":2" in result.stderr) == (2, True)
    assert config_of(home).read_text() == text
    assert [path.name for path in files(home)] == ["config.toml"]


def test_secrets_that_others_can_read_are_refused(home):
    secrets_of(home).parent.mkdir(parents=True)
    secrets_of(home).write_text(f'GROQ_API_KEY = "{KEY}"\n')
    secrets_of(home).chmod(0o644)
    result = setup(home, "--yes", "--provider", "mock")
    assert (result.code, "chmod 600" in result.stderr) == (2, True)
    assert not config_of(home).exists()
    assert_key_is_nowhere((result.stdout + result.stderr).encode(), home, but=secrets_of(home))


@pytest.mark.parametrize("kind", ["none", "relative", "a file", "read-only"])
def test_no_place_to_write_is_said_before_any_question(home, kind):
    extra, folder = {}, home
    if kind == "none":
        folder = None
    elif kind == "relative":
        extra["HOME"] = "here"
    elif kind == "a file":
        (home / "file").write_text("")
        extra["HOME"] = str(home / "file")
    else:
        if os.geteuid() == 0:
            pytest.skip("file modes do not bind root")
        home.chmod(0o500)
    result = echotrace(
        "setup", "--yes", "--provider", "mock", home=folder, cwd=home, OLLAMA_HOST=NOWHERE, **extra
    )
    home.chmod(0o700)
    assert result.code == 6, result.stderr
    assert result.stderr.count("error:") == 1
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_variable_that_wins_over_the_file_is_named(home):
    result = setup(home, "--yes", "--provider", "mock", ECHOTRACE_LLM_PROVIDER="ollama")
    assert result.code == 0, result.stderr
    assert "ECHOTRACE_LLM_PROVIDER wins over llm.provider" in " ".join(result.stderr.split())


def test_help_loads_neither_prompts_nor_engines(home):
    result = echotrace("setup", "--help", home=home)
    assert result.code == 0
    assert "--from-env" in result.stdout
    code = (
        "import sys; from echotrace.cli.main import app; "
        "app(['setup', '--help'], standalone_mode=False); import json; "
        "print(json.dumps([n for n in ('rich', 'httpx', 'numpy', 'faster_whisper', 'tomli_w') "
        "if n in sys.modules]))"
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(home), capture_output=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
