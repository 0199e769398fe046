"""A program is shown no key of ours, and none that it shows is told."""

import json

from echotrace.config.describe import VENDOR_VARIABLES
from echotrace.providers.known_secrets import known_secrets
from tests.fakes.llm_key import KEY
from tests.unit.tts.test_failures import said


def test_our_keys_are_neither_given_nor_told(environment, speak, script, tmp_path):
    told = tmp_path / "told.json"
    environment.setenv("HF_TOKEN", KEY)
    environment.delenv("DEEPGRAM_TOKEN", raising=False)
    speak(script(f"import json\njson.dump(dict(os.environ), open({str(told)!r}, 'w'))\n"))
    seen = json.loads(told.read_text())
    assert "PATH" in seen
    assert not {name for name in VENDOR_VARIABLES if name.endswith(("_KEY", "_TOKEN"))} & {*seen}
    assert KEY not in json.dumps(seen)
    taken = speak(script(f"sys.stderr.write('the key {KEY} is bad')\nsys.exit(1)\n"))
    assert "the key [***] is bad" in said(taken)


def test_a_program_has_the_key_of_its_own_vendor_and_none_is_told(
    environment, speak, script, tmp_path
):
    other, stored = ("".join(pieces) for pieces in (("Deep", "gram0123"), ("Kept", "in4567file")))
    environment.setenv("ELEVENLABS_API_KEY", other)
    environment.setenv("DEEPGRAM_TOKEN", other[::-1])
    secrets = tmp_path / "config/echotrace/secrets.toml"
    secrets.parent.mkdir(parents=True)
    secrets.write_text(f'CARTESIA = "{stored}"\n')
    secrets.chmod(0o600)
    source = f"""
key, token = os.environ["ELEVENLABS_API_KEY"], os.environ["DEEPGRAM_TOKEN"]
sys.stderr.write(f"a {{key}} b {{token}} c {stored} d")
sys.exit(key != {other!r} or 3)
"""
    taken = speak(script(source))
    assert taken.error.code == "TTS_COMMAND_FAILED"
    assert "exit status 3" in said(taken)
    assert taken.error.why == "it says: a [***] b [***] c [***] d"


def test_secrets_that_cannot_be_read_hide_nothing_and_break_nothing(tmp_path):
    path = tmp_path / "echotrace/secrets.toml"
    path.parent.mkdir()
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "SHORT_KEY": "word", "A_KEY": "x" * 8}
    for text in ("[broken", "n = 1\n"):
        path.write_text(text)
        assert [secret.name for secret in known_secrets(environ)] == ["A_KEY"]
