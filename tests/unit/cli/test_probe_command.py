"""The probes' command lines: what they refuse, by the name that was typed, and what help says."""

import pytest
from typer.testing import CliRunner

from echotrace.cli import execute as execute_module
from echotrace.cli.main import app
from echotrace.errors import UsageError

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """No key, no address and no configuration of whoever runs the tests."""
    for name in ("GROQ_API_KEY", "OPENAI_API_KEY", "GROQ_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """Run nothing; keep what would have been run."""
    kept = []
    monkeypatch.setattr(execute_module, "execute", lambda *given: kept.append(given) or 0)
    return kept


def refusal(*arguments):
    error = RUNNER.invoke(app, list(arguments)).exception
    assert isinstance(error, UsageError), error
    return error


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        ("llm --provider mock -n 0", "--probes must be a whole number from 1 to 1000"),
        ("llm --provider mock --concurrency 65", "--concurrency must be"),
        ("llm --provider mock --spacing=-1", "--spacing must be a number from 0"),
        ("llm --provider mock --timeout 0", "--timeout must be a number above 0"),
        ("llm --provider mock --max-tokens 0", "--max-tokens must be"),
        ("llm --provider a\tb", "--provider must be one line of printable text"),
        ("llm --provider openai --model a\tb", "--model must be one line of printable text"),
        ("llm --provider :m", "--provider ':m' names no provider"),
        ("llm --provider openai --base-url ftp://x", "--base-url is not the address"),
        ("tts --provider openai --base-url ftp://x", "--base-url is not the address"),
        ("tts --provider openai --voice=", "--voice must be one line of printable text"),
        ("tts --provider openai --format ogg", "--format must be one of wav"),
        ("pipeline --llm a\tb", "--llm must be one line of printable text"),
        ("pipeline --llm mock --tts-base-url ftp://x", "--tts-base-url is not the address"),
        ("pipeline --llm mock --endpointing-wait-ms=-1", "--endpointing-wait-ms must be"),
    ],
)
def test_a_wrong_value_is_told_by_the_flag_that_was_typed(arguments, begins):
    error = refusal("probe", *arguments.split(" "))
    assert error.what.startswith(begins)
    assert "line that is named" not in error.hint


def test_the_same_holds_for_a_recording():
    error = refusal("analyze", "call.wav", "--stt-device", "tpu")
    assert error.what.startswith("--stt-device must be one of cpu, cuda, auto")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("llm", "--provider", "openai:m", "--model="), "--model is empty"),
        (("llm", "--provider", "openai:m", "--model", "n"), "both name a model"),
        (("tts", "--model", "tts-1"), "--model needs --provider"),
        (("pipeline", "--llm", "mock", "--tts", "openai", "--text", " "), "--text is empty"),
    ],
)
def test_a_model_or_a_text_that_is_none(arguments, what):
    assert what in refusal("probe", *arguments).what


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (("tts", "--provider", "command:true", "--voice", "x"), "--voice"),
        (("tts", "--provider", "command:true", "--format", "wav"), "--format"),
        (("tts", "--provider", "command:true", "--base-url", ":80"), "--base-url"),
        (("pipeline", "--llm", "mock", "--tts", "command:true", "--tts-voice", "x"), "--tts-voice"),
        (("pipeline", "--llm", "mock", "--tts", "command:true", "--format", "mp3"), "--format"),
        (("pipeline", "--llm", "mock", "--text", "Hello."), "--text"),
        (("pipeline", "--llm", "mock", "--llm-base-url", ":80"), "--llm-base-url"),
        (("llm", "--provider", "mock", "--base-url", ":80"), "--base-url"),
    ],
)
def test_a_flag_that_would_change_nothing_is_refused(arguments, flag):
    error = refusal("probe", *arguments)
    assert (error.what, error.code) == (f"{flag} would have no effect", "IDLE_FLAG")


@pytest.mark.parametrize(
    "arguments",
    [
        ("tts", "--provider", "openai:m", "--voice", "x", "--format", "mp3", "--base-url", ":80"),
        ("tts", "--provider", "command:true", "--text", "Hello."),
        ("pipeline", "--llm", "mock", "--tts", "command:true", "--text", "Hello."),
        ("llm", "--provider", "openai:m", "--base-url", ":80"),
    ],
)
def test_a_flag_that_changes_something_is_not(asked, arguments):
    assert RUNNER.invoke(app, ["probe", *arguments], catch_exceptions=False).exit_code == 0
    assert len(asked) == 1


def test_every_option_of_a_pipeline_arrives(asked, tmp_path):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Where is it?")
    line = (
        "probe pipeline --llm openai:m --llm-base-url :80 --tts groq:v --tts-voice x --format wav "
        "--text Hello. --endpointing-wait-ms 300 -n 7 --concurrency 2 --spacing 0.5 --timeout 9 "
        f"--max-tokens 8 --system-prompt Sell. --prompt-file {prompt} --max-ttft-ms 900 "
        "--fail-on ttft>1 --json -o out.json --force --offline --no-color -q --debug"
    )
    RUNNER.invoke(app, line.split(), catch_exceptions=False)
    ((request, settings, gates, how),) = asked
    assert (request.stages, request.inputs.speech) == (("llm", "tts"), "Hello.")
    assert request.inputs.prompt == "Where is it?"
    llm, tts = settings.llm, settings.tts
    assert (llm.provider, llm.model, llm.base_url) == ("openai", "m", "http://127.0.0.1:80")
    assert (llm.max_tokens, llm.system_prompt) == (8, "Sell.")
    assert (tts.provider, tts.voice, tts.format) == ("groq:v", "x", "wav")
    for service in (llm, tts):
        given = (service.probes, service.concurrency, service.spacing_s, service.timeout_s)
        assert given == (7, 2, 0.5, 9.0)
    assert (settings.offline, settings.pipeline.endpointing_wait_ms) == (True, 300.0)
    assert len(gates) == 2
    assert (how.as_json, str(how.output), how.force, how.color) == (True, "out.json", True, False)
    assert (how.quiet, how.debug, how.inputs) == (True, True, (str(prompt),))


def test_help_cuts_no_line_and_names_what_there_is():
    def told(*arguments):
        return " ".join(RUNNER.invoke(app, [*arguments, "--help"]).stdout.split())

    assert "..." not in told("probe").partition("Commands:")[2]
    for command in ("llm", "tts", "pipeline"):
        assert "plug-in" in told("probe", command)
    for command in ("tts", "pipeline"):
        assert "wav, pcm, mp3, flac. Default: wav." in told("probe", command)


@pytest.mark.parametrize(
    ("read", "arguments"),
    [
        ("prompt.txt", ("probe", "llm", "--provider", "mock", "--prompt-file", "prompt.txt")),
        ("prompt.txt", ("probe", "pipeline", "--llm", "mock", "--prompt-file", "prompt.txt")),
        ("mine.toml", ("probe", "tts", "--provider", "command:true", "--config", "mine.toml")),
        *(
            (name, command)
            for name in (
                "config/echotrace/config.toml",
                "config/echotrace/prices.toml",
                "config/echotrace/secrets.toml",
                "my-prices.toml",
                ".echotrace.toml",
                "pyproject.toml",
            )
            for command in (("probe", "llm", "--provider", "mock"), ("analyze", "call.wav"))
        ),
    ],
)
def test_no_output_replaces_what_a_run_reads(home, monkeypatch, read, arguments):
    monkeypatch.setenv("ECHOTRACE_COST_PRICES_FILE", "~/my-prices.toml")
    path = home / read
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("" if read != "prompt.txt" else "Where is it?")
    before = path.read_bytes()
    (home / "link.json").symlink_to(path)
    for output in (str(path), "link.json"):
        error = refusal(*arguments, "-o", output, "--force")
        assert error.code == "OUTPUT_IS_INPUT"
    assert path.read_bytes() == before
