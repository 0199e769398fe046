"""What all tests of the app share."""

from pytest_textual_snapshot import SVGImageExtension

# The plug-in names its files by an attribute that syrupy has renamed since.
SVGImageExtension.file_extension = "svg"
