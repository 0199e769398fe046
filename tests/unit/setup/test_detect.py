import pytest

from echotrace.config.settings import LlmSettings, Settings
from echotrace.errors import ConfigError, StorageError
from echotrace.setup.detect import detect, read_saved
from echotrace.setup.machine import look_at_machine
from echotrace.setup.ollama import look_for_ollama
from tests.fakes.llm_key import KEY
from tests.fakes.llm_servers import LlmServer, ollama_answer


def serve(models):
    return LlmServer(lambda seen: ollama_answer("x"), models=models)


def test_a_running_ollama_and_its_models_are_found():
    with serve(("a:1b", "b", "a:1b")) as server:
        found = look_for_ollama(Settings(), {"OLLAMA_HOST": server.host})
        assert (found.running, found.models, found.address) == (True, ("a:1b", "b"), server.host)
        assert (server.listings, server.chats) == (1, [])
        by_setting = Settings(llm=LlmSettings(base_url=server.url))
        assert look_for_ollama(by_setting, {}).models == ("a:1b", "b")


def test_the_address_of_another_provider_is_not_asked_for_ollama():
    with serve(("a",)) as server:
        other = Settings(llm=LlmSettings(provider="openai:m", base_url=server.url))
        assert not look_for_ollama(other, {"OLLAMA_HOST": "127.0.0.1:1"}).running
        assert (server.connections, server.strays) == (0, [])


def test_an_ollama_without_models_or_down_says_what_to_type():
    with serve(()) as server:
        found = look_for_ollama(Settings(), {"OLLAMA_HOST": server.host})
        host = server.host
    assert (found.running, found.models) == (True, ())
    assert "ollama pull" in found.hint
    down = look_for_ollama(Settings(), {"OLLAMA_HOST": host})
    assert (down.running, down.problem, down.hint) == (False, "not running", "ollama serve")


def test_something_else_at_the_address_is_named():
    import http.server
    import threading

    class Other(http.server.BaseHTTPRequestHandler):
        body = b"<html>"

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            environ = {"OLLAMA_HOST": f"127.0.0.1:{server.server_port}"}
            for body in (b"<html>", b"[]", b'{"models": 3}', b'{"models": [3]}', b"[" * 100_000):
                Other.body = body
                assert "not like Ollama" in look_for_ollama(Settings(), environ).problem
            Other.body = b'{"models": [{"name": "a"}, {"name": "\\u001b[31m"}, {"name": " "}]}'
            assert look_for_ollama(Settings(), environ).models == ("a",)
            Other.body = b" " * (5 << 20)
            assert "too long" in look_for_ollama(Settings(), environ).problem
        finally:
            server.shutdown()
            thread.join()


def test_offline_nothing_but_this_machine_is_asked():
    found = look_for_ollama(Settings(offline=True), {"OLLAMA_HOST": "192.0.2.1"})
    assert (found.running, "--offline" in found.problem) == (False, True)
    assert look_for_ollama(Settings(), {"OLLAMA_HOST": "ftp://x"}).problem


def test_keys_overrides_and_the_file_are_found(place, tmp_path):
    place.write("profile = 'phone'\n[llm]\nmodel = 'm'\n[profiles.phone]\n")
    place.write(f"groq_api_key = '{KEY}'\n", path=place.secrets)
    environ = {**place.environ, "OLLAMA_HOST": "127.0.0.1:1", "ECHOTRACE_STT_ENGINE": "sphinx"}
    found = detect(environ, tmp_path)
    key = found.keys["GROQ_API_KEY"]
    assert (key.secret.reveal(), key.where) == (KEY, "in secrets.toml")
    assert found.overrides == {"stt.engine": "ECHOTRACE_STT_ENGINE"}
    assert found.addresses == {"OLLAMA_HOST": "127.0.0.1:1"}
    assert found.base.stt.engine == "sphinx"
    assert found.saved.settings.stt.engine == "auto"
    assert found.saved.profiles == ("default", "phone")
    assert dict(found.saved.values) == {("profile",): "phone", ("llm", "model"): "m"}
    assert KEY not in repr(found)
    named = detect({**environ, "GROQ_API_KEY": KEY}, None).keys["GROQ_API_KEY"]
    assert named.where == "in the environment"


def test_a_broken_project_file_does_not_stop_a_setup(place, tmp_path):
    (tmp_path / ".echotrace.toml").write_text("profil = 1")
    found = detect({**place.environ, "OLLAMA_HOST": "127.0.0.1:1"}, tmp_path)
    assert "project file" in found.overrides[""]


def test_looking_writes_nothing(place):
    read_saved(place.environ)
    assert list(place.home.iterdir()) == []


def test_a_file_that_does_not_fit_and_no_home_are_errors(place):
    with pytest.raises(StorageError):
        read_saved({})
    place.write("[llm\n")
    with pytest.raises(ConfigError):
        read_saved(place.environ)


def test_the_machine_has_cores_and_memory():
    machine = look_at_machine(())
    assert machine.cores >= 1
    assert machine.memory_mb is None or machine.memory_mb > 100
    assert machine.gpus >= 0
