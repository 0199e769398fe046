"""The SDK makes a client when it is imported; what the environment holds must not end a run there.

Each case needs an interpreter that has not imported it yet.
"""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os
before = dict(os.environ)
from echotrace.providers.llm.ollama import OllamaProvider
assert dict(os.environ) == before
print(OllamaProvider.name)
"""


@pytest.mark.parametrize(
    "variables",
    [
        {"ALL_PROXY": "socks5://127.0.0.1:1", "https_proxy": "socks9://::::"},
        {"OLLAMA_HOST": "http://[::1", "SSL_CERT_FILE": "/nowhere/authority.pem"},
    ],
    ids=["proxies", "host and certificates"],
)
def test_variables_that_it_reads_at_import_end_no_run(variables):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "ollama\n"), done.stderr
