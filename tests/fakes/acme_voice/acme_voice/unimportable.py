"""Needs a package that is not there."""

import acme_sdk_that_is_not_there  # noqa: F401 - the fault itself
