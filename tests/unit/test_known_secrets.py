"""The keys that foreign code could have read, and errors told without them."""

from echotrace.providers.known_secrets import known_secrets, unexpected


def found(environ):
    return {secret.name: secret.reveal() for secret in known_secrets(environ)}


def written(folder, text):
    (folder / "echotrace").mkdir()
    (folder / "echotrace" / "secrets.toml").write_text(text)
    return {"XDG_CONFIG_HOME": str(folder)}


def test_variables_that_are_named_like_keys_are_known():
    environ = {
        "ACME_API_KEY": " abcdefgh ",
        "acme_token": "ijklmnop",
        "ACME_SECRETS": "qrstuvwx",
        "DB_PASSWORD": "yz012345",
        "ACME_KEY": "short",
        "ACME_KEYBOARD": "layout-of-keys",
    }
    assert found(environ) == {
        "ACME_API_KEY": "abcdefgh",
        "acme_token": "ijklmnop",
        "ACME_SECRETS": "qrstuvwx",
        "DB_PASSWORD": "yz012345",
    }


def test_so_is_all_that_the_file_of_secrets_holds(tmp_path):
    environ = written(tmp_path, 'acme = "abcdefgh"\nn = 5\n[deeper]\nvoice = "ijklmnop"\n')
    assert found(environ) == {"acme": "abcdefgh", "voice": "ijklmnop"}


def test_a_file_that_cannot_be_read_has_none(tmp_path):
    environ = written(tmp_path, "acme = ")
    assert found(environ) == {}
    (tmp_path / "echotrace" / "secrets.toml").unlink()
    assert found(environ) == {}
    (tmp_path / "echotrace" / "secrets.toml").mkdir()
    assert found(environ) == {}


def test_an_unexpected_error_is_one_line_without_a_key(monkeypatch):
    monkeypatch.setenv("ACME_KEY", "abcdefgh-ijklmnop")
    error = ValueError("refused\nabcdefgh-ijklmnop" + "x" * 5000)
    assert unexpected(error).startswith("ValueError: refused [***]xx")
    assert len(unexpected(error)) < 1100
    assert unexpected(KeyError()) == "KeyError"
