"""What all tests of the app share."""

import textual._wait
import textual.screen
from pytest_textual_snapshot import SVGImageExtension

# The plug-in names its files by an attribute that syrupy has renamed since.
SVGImageExtension.file_extension = "svg"

# A pilot waits, twice a key, for longer than a frame. Shorter frames and waits show the same and
# leave out half a minute of waiting.
_SHORTER = 3
textual.screen.UPDATE_PERIOD /= _SHORTER
textual._wait.SLEEP_GRANULARITY /= _SHORTER
textual._wait.SLEEP_IDLE /= _SHORTER
