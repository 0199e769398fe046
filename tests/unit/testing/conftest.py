import pytest

from tests.fakes.plugin_project import ACME, install_project


@pytest.fixture(scope="session")
def acme(tmp_path_factory):
    """The folder in which the plug-in's distribution is installed."""
    return install_project(ACME, tmp_path_factory.mktemp("acme"))
