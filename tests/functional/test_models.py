"""``echotrace models`` as a person uses it, against a local server in the hub's place."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.fakes.cli import COMMAND, DEMO, echotrace, environment
from tests.fakes.hub_server import COMMIT, FILES, REPOSITORY, HubServer, digest
from tests.fakes.terminal import Terminal

MODEL = FILES["model.bin"]
NEEDED = sorted(set(FILES) - {"README.md"})


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def hub_of(home):
    return home / ".cache" / "huggingface" / "hub" / f"models--{REPOSITORY.replace('/', '--')}"


def models(*arguments, home, hub=None, **extra):
    if hub is not None:
        extra["HF_ENDPOINT"] = hub.endpoint
    return echotrace("models", *arguments, home=home, **extra)


def tiny(home):
    listed = models("list", "--json", home=home).document["models"]
    return next((item for item in listed if item["name"] == "faster-whisper:tiny"), None)


def test_a_model_is_fetched_listed_and_found(home):
    with HubServer() as hub:
        done = models("download", "tiny", home=home, hub=hub)
    snapshot = hub_of(home) / "snapshots" / COMMIT
    assert (done.code, done.stdout) == (0, f"{snapshot}\n"), done.stderr
    assert sorted(path.name for path in snapshot.iterdir()) == NEEDED
    assert all((snapshot / name).read_bytes() == FILES[name] for name in NEEDED)
    assert "3.0 MB" in done.stderr
    item = tiny(home)
    assert item["complete"]
    assert item["bytes"] == sum(len(FILES[name]) for name in NEEDED)
    for name in ("tiny", "faster-whisper:tiny", REPOSITORY):
        assert models("path", name, home=home).stdout == f"{snapshot}\n"
    listed = models("list", home=home)
    assert "faster-whisper:tiny 3.0 MB cache complete" in listed.stdout


def test_a_complete_model_is_not_fetched_again(home):
    with HubServer() as hub:
        models("download", "tiny", home=home, hub=hub)
        hub.seen.clear()
        again = models("download", "tiny", home=home, hub=hub)
        assert not any("/resolve/" in path for path, _ in hub.seen)
    assert again.code == 0
    assert "is complete" in again.stderr


def test_what_was_fetched_is_read_by_the_hubs_own_library(home):
    """The cache is laid out by us, so its owner has to find everything in it."""
    with HubServer() as hub:
        models("download", "tiny", home=home, hub=hub)
    program = (
        "from faster_whisper.utils import download_model;"
        "print(download_model('tiny', local_files_only=True))"
    )
    found = subprocess.run(
        [COMMAND[0], "-c", program],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip().endswith(COMMIT)


def test_ctrl_c_leaves_what_came_and_the_next_run_goes_on_from_there(home):
    with HubServer(faults={"model.bin": [("hold", 2_000_000), None]}) as hub:
        process = subprocess.Popen(
            [*COMMAND, "models", "download", "tiny"],
            env=environment(home, HF_ENDPOINT=hub.endpoint),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert hub.held.wait(60)
        partial = hub_of(home) / "blobs" / f"{digest('model.bin', MODEL)}.incomplete"
        while not partial.exists() or partial.stat().st_size < 2_000_000:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        assert (process.returncode, stdout) == (130, "")
        assert "goes on from there" in stderr
        assert "Traceback" not in stderr
        kept = partial.stat().st_size
        assert kept == 2_000_000
        item = tiny(home)
        assert not item["complete"]
        assert item["left_over_bytes"] == kept
        again = models("download", "tiny", home=home, hub=hub)
        assert again.code == 0, again.stderr
        assert "are here already" in again.stderr
        assert hub.fetched("model.bin") == [None, f"bytes={kept}-"]
    assert tiny(home)["complete"]
    assert not partial.exists()


def test_a_partial_cache_is_named_and_repaired(home):
    with HubServer() as hub:
        models("download", "tiny", home=home, hub=hub)
        (hub_of(home) / "blobs" / digest("tokenizer.json", FILES["tokenizer.json"])).unlink()
        item = tiny(home)
        assert (item["complete"], item["problems"]) == (False, ["tokenizer.json is missing"])
        path = models("path", "tiny", home=home)
        assert (path.code, path.stdout) == (5, "")
        assert "try: echotrace models download tiny" in path.stderr
        hub.seen.clear()
        assert models("download", "tiny", home=home, hub=hub).code == 0
        assert [p.rpartition("/")[2] for p, _ in hub.seen if "/resolve/" in p] == ["tokenizer.json"]
    assert tiny(home)["complete"]


def test_a_damaged_file_is_found_and_fetched_again(home):
    with HubServer() as hub:
        models("download", "tiny", home=home, hub=hub)
        blob = hub_of(home) / "blobs" / digest("model.bin", MODEL)
        blob.write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ 1]))
        listed = models("list", "--verify", "--json", home=home).document["models"]
        item = next(item for item in listed if item["source"] == "cache")
        assert item["problems"] == ["model.bin is damaged: its content does not match its hash"]
        again = models("download", "tiny", home=home, hub=hub)
    assert again.code == 0, again.stderr
    assert "model.bin is damaged and is fetched again" in again.stderr
    assert blob.read_bytes() == MODEL


def test_the_caches_place_is_the_users(home, tmp_path):
    cache = tmp_path / "elsewhere"
    with HubServer() as hub:
        done = models("download", "tiny", home=home, hub=hub, HF_HUB_CACHE=str(cache))
        assert done.stdout.startswith(str(cache))
        done = models("download", "tiny", home=home, hub=hub, HF_HOME=str(tmp_path / "hf"))
        assert done.stdout.startswith(str(tmp_path / "hf" / "hub"))
    assert not (home / ".cache" / "huggingface" / "hub").exists()


@pytest.mark.parametrize(
    ("arguments", "extra", "code", "said"),
    [
        (["download", "tiny", "--offline"], {}, 2, "offline"),
        (["download", "tiny"], {"ECHOTRACE_OFFLINE": "1"}, 2, "offline"),
        (["download", "tiny"], {"HF_HUB_OFFLINE": "1"}, 2, "HF_HUB_OFFLINE"),
        (["download", "tinyy"], {}, 2, "did you mean faster-whisper:tiny?"),
        (["download", "some/other"], {}, 4, "does not give out some/other"),
        (["download", "tiny"], {}, 4, "answered 404 for model.bin"),
        (["download", "./here"], {}, 2, "is a folder"),
        (["download", "whisper-mini-fast"], {}, 2, "comes with EchoTrace"),
        (["download", "tiny"], {"HF_ENDPOINT": "http://127.0.0.1:9"}, 4, "could not be downloaded"),
        (["download", "tiny"], {"HF_HUB_CACHE": "/dev/null/x"}, 6, "cannot be written"),
        (["download", "tiny"], {"HF_HOME": "/dev/null"}, 6, "cannot be written to /dev/null"),
        (["path", "tiny"], {}, 5, "echotrace models download tiny"),
        (["path", "tinyy"], {}, 2, "did you mean faster-whisper:tiny?"),
        (["path", "/no/such"], {}, 5, "there is no model folder"),
        (["list", "--no"], {}, 2, "--no"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_exit_code(home, arguments, extra, code, said):
    with HubServer(faults={"model.bin": [404]}) as hub:
        done = models(*arguments, home=home, **{"HF_ENDPOINT": hub.endpoint, **extra})
    assert (done.code, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_bundled_models_and_sphinx_are_there_without_any_cache(home):
    listed = models("list", "--json", home=home).document
    assert {item["source"] for item in listed["models"]} == {"bundled", "package"}
    assert all(item["complete"] and item["bytes"] > 10**6 for item in listed["models"])
    bundled = models("path", "whisper-mini-fast", home=home)
    assert Path(bundled.stdout.strip()) == DEMO / "models" / "whisper-mini-fast"
    assert Path(models("path", "sphinx", home=home).stdout.strip(), "en-us").is_dir()
    assert not (home / ".cache").exists(), "looking creates nothing"


def test_a_terminal_gets_a_table_and_a_bar(home):
    with HubServer(faults={"model.bin": [("hold", 1_000_000), None]}) as hub:
        env = environment(home, HF_ENDPOINT=hub.endpoint)
        with Terminal("models", "download", "tiny", env=env, cwd=home) as terminal:
            terminal.expect("fetching 4 files", "/3.0 MB")
            hub.release.set()
            assert terminal.wait() == 0
    with Terminal("models", "list", env=environment(home), cwd=home) as terminal:
        terminal.expect("model", "state", "whisper-mini-fast", "faster-whisper:tiny", "3.0 MB")
        assert terminal.wait() == 0
    assert "\x1b" not in models("list", home=home).stdout


def test_without_a_command_the_help_is_printed(home):
    bare, asked = models(home=home, fresh=True), models("--help", home=home)
    assert (bare.code, bare.stderr) == (0, "")
    assert bare.stdout == asked.stdout
    assert "\n  download  Fetch a model" in bare.stdout


@pytest.mark.parametrize("arguments", [[], ["--help"], ["download", "--help"]])
def test_help_loads_no_engine(home, arguments):
    program = (
        "import sys\nfrom echotrace.cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [COMMAND[0], "-c", program, "models", *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = ("numpy", "rich", "httpx", "huggingface_hub", "faster_whisper", "pocketsphinx")
    assert "Usage: " in done.stdout
    assert not [name for name in heavy if f"'{name}'" in done.stderr]
